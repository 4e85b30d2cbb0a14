// The table of docs/replay.md: every capture with the result of the replay and nDPI's classification.
// scripts/captures.mjs prints it; replay.test.ts has the assertions.
import type { ReplayReport } from '../../agent/src/replay/report.ts';
import { type Comparison, compare, onLearnedPorts, type Share } from './compare.ts';
import { ndpiAbsence, ndpiFlows } from './ndpi.ts';
import { absence, replaySample, SESSIONS, samples } from './samples.ts';

const HEAD = [
  'capture',
  'packets',
  'learned port',
  'supernodes',
  'proxied flows / packets',
  'Skype by nDPI, flows / packets',
  'of them proxied',
];

function main(): void {
  const missing = absence() ?? ndpiAbsence();
  if (missing !== null) {
    console.log(`no table: ${missing}`);
    return;
  }
  const rows: string[][] = [];
  const notes: string[] = [];
  for (const name of samples()) {
    const report = replaySample(name);
    const known = compare(report, ndpiFlows(name, false));
    rows.push(rowOf(name, report, known));
    if (name in SESSIONS) notes.push(...notesOf(name, report, known));
  }
  console.log(markdown(HEAD, rows));
  console.log(notes.join('\n'));
}

function rowOf(name: string, report: ReplayReport, known: Comparison): string[] {
  const { proxied_flows, proxied_packets } = report.totals;
  const ports = report.ports.map(
    ({ protocol, port, address }) => `${protocol} ${port} of ${address}`,
  );
  const { skype, proxied } = known;
  return [
    name,
    String(report.packets),
    ports.join(', ') || '-',
    String(report.supernodes.length),
    `${proxied_flows} / ${proxied_packets}`,
    shareText(skype),
    skype.flows === 0 ? '-' : `${shareText(proxied)} (${percent(proxied, skype)})`,
  ];
}

function notesOf(name: string, report: ReplayReport, known: Comparison): string[] {
  const payload = compare(report, ndpiFlows(name, true));
  const { leaving, proxied, missed, others } = known;
  const port = onLearnedPorts(report);
  return [
    '',
    `### ${name}`,
    '',
    `Of what leaves the home (no DNS to the router) ${shareText(proxied)} of ${shareText(leaving)} (${percent(proxied, leaving)}) are proxied.`,
    `By payload alone (ndpiReader -d): ${shareText(payload.proxied)} of ${shareText(payload.leaving)} (${percent(payload.proxied, payload.leaving)}).`,
    `From and to the learned port: ${shareText(port.proxied)} of ${shareText(port.all)} (${percent(port.proxied, port.all)}).`,
    '',
    'Skype by nDPI, not proxied (flows / packets):',
    '',
    ...listed(missed),
    '',
    'Proxied, and something else by nDPI (flows / packets):',
    '',
    ...listed(others),
  ];
}

function listed(shares: ReadonlyMap<string, Share>): string[] {
  return Array.from(shares)
    .sort(([, a], [, b]) => b.packets - a.packets)
    .map(([reason, share]) => `- ${shareText(share)}: ${reason}`);
}

function shareText({ flows, packets }: Share): string {
  return `${flows} / ${packets}`;
}

function percent(part: Share, whole: Share): string {
  const of = (a: number, b: number) => (b === 0 ? '-' : `${((100 * a) / b).toFixed(0)} %`);
  return `${of(part.flows, whole.flows)} / ${of(part.packets, whole.packets)}`;
}

function markdown(head: readonly string[], rows: readonly string[][]): string {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

main();
