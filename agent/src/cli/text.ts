// cli/text: answers as text for a terminal of 80 columns. Pure.

import type { EvidenceAnswer, FlowAnswer, LearnedAnswer } from '../answers/flows.ts';
import type { MeterAnswer, OutsideAnswer } from '../answers/meter.ts';
import { byText } from '../answers/now.ts';
import type { AppAnswer, PathAnswer, StatusAnswer, TunnelAnswer } from '../answers/status.ts';
import type { WhyAnswer } from '../answers/why-parts.ts';
import { nameInWords, nameWithin } from '../learn/aliases.ts';
import type { MonitorEvent } from '../learn/effect.ts';
import { flowText } from '../wire/flow-text.ts';
import { MOST_ROWS } from './commands.ts';

/** Rows in columns as wide as their widest cell; the last column is not padded. */
export function columns(rows: readonly (readonly (string | number)[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, String(cell).length);
    });
  }
  return rows
    .map((row) =>
      row
        .map((cell, at) =>
          at === row.length - 1 ? String(cell) : String(cell).padEnd(widths[at]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

export function durationText(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

const BYPASS_TEXT = { dns: 'DNS', dot: 'DoT or DoQ', doh: 'DoH' } as const;

export function statusText(status: StatusAnswer): string {
  const { counters } = status;
  const lines = [
    `whp ${status.version}: ${status.state}, up ${durationText(status.since)}, ${bytesText(status.memory)} resident`,
  ];
  if (status.apps.length === 0) lines.push('no app is enabled: see /etc/config/whp');
  else lines.push('', appsTable(status.apps));
  if (status.tunnels.length > 0) lines.push('', tunnelsTable(status.tunnels));
  lines.push(
    '',
    `DNS answers ${counters.answers} (${ANSWERS_TEXT[status.ear]}), matched ${counters.matched}, queries ${counters.queries}`,
    `evidence ${counters.evidence}, unreadable ${counters.malformed}, feed overruns ${counters.lost}`,
    ...pressureLines(counters),
  );
  if (status.preferred !== null) lines.push(`proxy ${status.preferred} alone, by whp proxy use`);
  if (status.pins > 0) lines.push(`${status.pins} addresses pinned (whp pin)`);
  for (const { device, how } of status.bypass) {
    lines.push(
      `${device} asks other resolvers (${how.map((kind) => BYPASS_TEXT[kind]).join(', ')})`,
    );
  }
  lines.push(...status.suspects);
  if (status.repairs.count > 0) {
    const { count, last, ago } = status.repairs;
    const times = count === 1 ? 'once' : `${count} times`;
    lines.push(`repaired ${times}, last ${durationText(ago * 1000)} ago: ${last}`);
  }
  lines.push(...meterLines(status.outside), ...keptLines(status.kept), ...status.silent);
  const others = status.notes.length - status.silent.length;
  if (others > 0) lines.push(`${others} note${others === 1 ? '' : 's'}: whp check`);
  for (const problem of status.problems) lines.push(`! ${problem}`);
  return `${lines.join('\n')}\n`;
}

function appsTable(apps: StatusAnswer['apps']): string {
  const head = [
    'app',
    'profile',
    'path',
    'by',
    'new flows',
    'endpoints',
    'ports',
    'peers',
    'flows',
  ];
  const rows = apps.map((app) => [
    app.name,
    app.profile === null ? 'rules' : `${app.profile} ${app.version}`,
    pathText(app.path),
    app.path.proxy ?? '-',
    newFlowsText(app),
    app.endpoints,
    app.ports,
    app.peers,
    app.flows,
  ]);
  return columns([head, ...rows]);
}

function tunnelsTable(tunnels: StatusAnswer['tunnels']): string {
  const head = ['tunnel', 'to', 'state', 'loss', 'rtt', 'mtu'];
  const rows = tunnels.map((one) => [
    one.name,
    one.address,
    tunnelText(one),
    `${Math.round(one.loss * 100)} %`,
    one.rtt === null || one.state === 'down' ? '-' : `${one.rtt} ms`,
    one.mtu === 0 ? '-' : one.mtu,
  ]);
  return columns([head, ...rows]);
}

function keptLines({ restored, written }: StatusAnswer['kept']): string[] {
  if (restored === 0 && written === null) return [];
  const when = written === null ? 'not written yet' : `written ${durationText(written * 1000)} ago`;
  return [`${restored} entries known from before the start; what is learned is kept, ${when}`];
}

/** The meter's lines; "0 packets" only if the meter counts. */
function meterLines({ stands, flows, apps }: MeterAnswer): string[] {
  if (apps.length === 0) return [];
  const counted = apps.filter(({ packets }) => packets > 0);
  const lines = counted.map((one) => `! ${outsideLine(one)}`);
  if (!stands)
    lines.push('! packets outside the tunnels are not counted: the meter does not stand');
  else if (counted.length === 0) {
    const how = flows ? '' : ', by the first packets of flows (nf_conntrack_acct is 0)';
    lines.push(`0 packets left outside since boot${how}`);
  }
  return [...lines, ...apps.flatMap(lateLine)];
}

function outsideLine({ app, packets, last }: OutsideAnswer): string {
  const many = `${packets} ${packets === 1 ? 'packet' : 'packets'} of ${app} left outside since boot`;
  if (last === null) return many;
  return `${many}, last ${durationText(last.ago * 1000)} ago: ${last.flow} (${last.why})`;
}

function lateLine({ app, late }: OutsideAnswer): string[] {
  if (late === null) return [];
  const { flows, packets, bytes, last, lastPackets, ago } = late;
  const many = `${packets} ${packets === 1 ? 'packet' : 'packets'} (${bytesText(bytes)})`;
  const of = flows === 1 ? 'a flow' : `${flows} flows`;
  const which = `last ${durationText(ago * 1000)} ago: ${lastPackets} of ${last}`;
  return [`${many} of ${of} of ${app} had left before the evidence came, ${which}`];
}

/** The state of a tunnel by its probes, or that its device is missing. */
export function tunnelText({ device, state }: Pick<TunnelAnswer, 'device' | 'state'>): string {
  if (!device) return 'NO DEVICE';
  return state === 'down' ? 'DOWN' : state;
}

function pathText({ state, for: age }: PathAnswer): string {
  const word = state === 'down' ? 'REFUSED' : state === 'direct' ? 'DIRECT' : state;
  return `${word} ${durationText(age)}`;
}

function newFlowsText({ newFlows, direct, resumes }: AppAnswer): string {
  if (newFlows.state === 'proxied') return 'proxied';
  if (newFlows.state === 'refused') return 'REFUSED';
  if (direct === null) return 'DIRECT';
  return `DIRECT, ${direct}${resumes === null ? '' : ` ${durationText(resumes * 1000)}`}`;
}

const ANSWERS_TEXT = {
  held: 'held',
  filled: 'put into the sets by dnsmasq, others watched only',
  watched: 'watched only',
  unseen: 'not seen',
  none: 'none is looked at',
} as const;

/** The note under a list that has as many rows as the limit, so there may be more. */
export function cut(rows: number, limit: number): string {
  if (rows < limit) return '';
  return `at most ${limit} rows${limit < MOST_ROWS ? '; for more: --limit N' : ''}\n`;
}

export function flowsText(flows: readonly FlowAnswer[], limit = Number.POSITIVE_INFINITY): string {
  if (flows.length === 0) return 'no flow of an application now\n';
  const rows = flows.map((one) => [
    one.flow,
    byText(one.proxy),
    one.packets,
    bytesText(one.bytes),
    one.evidence,
    one.detail,
  ]);
  const table = columns([['flow', 'by', 'packets', 'bytes', 'evidence', 'why'], ...rows]);
  return `${table}\n${cut(rows.length, limit)}`;
}

export function evidenceText(
  list: readonly EvidenceAnswer[],
  limit = Number.POSITIVE_INFINITY,
): string {
  if (list.length === 0) return "no flow was an application's in the last hour\n";
  const rows = list.map((one) => [`${one.ago} s ago`, one.flow, one.evidence, one.detail]);
  const table = columns([['when', 'flow', 'evidence', 'why'], ...rows]);
  return `${table}\n${cut(rows.length, limit)}`;
}

export function learnedText(learned: LearnedAnswer, limit = Number.POSITIVE_INFINITY): string {
  const rows: (string | number)[][] = [['app', 'what', 'device', 'left', 'taught by']];
  for (const one of learned.endpoints) {
    rows.push([
      one.app,
      one.address,
      'any',
      `${one.seconds} s`,
      `${nameInWords(one.name, one.root)}, asked by ${one.device}`,
    ]);
  }
  for (const one of learned.ports) {
    rows.push([
      one.app,
      `${one.protocol} port ${one.port}`,
      one.device,
      `${one.seconds} s`,
      'supernode or mapping',
    ]);
  }
  for (const one of learned.peers) {
    rows.push([one.app, one.peer, one.device, `${one.seconds} s`, 'contact from its port']);
  }
  for (const one of learned.named) {
    rows.push([one.app, one.peer, one.device, `${one.seconds} s`, 'name in its TLS hello']);
  }
  if (rows.length === 1) return 'nothing learned yet\n';
  const { endpoints, ports, peers, named } = learned;
  const longest = Math.max(...[endpoints, ports, peers, named].map((list) => list.length));
  return `${columns(rows)}\n${cut(longest, limit)}`;
}

export function whyText(why: WhyAnswer): string {
  return `${[`${why.query}: ${why.verdict}`, ...why.reasons.map((one) => `  ${one}`)].join('\n')}\n`;
}

/** One line of `whp monitor`. */
export function toldText(told: MonitorEvent): string {
  switch (told.kind) {
    case 'lesson': {
      const { app, name, root, device, addresses, targets } = told.lesson;
      const list = addresses.map(({ address, ttlSeconds }) => `${address} (${ttlSeconds} s)`);
      // With addresses in the answer, the device queries no further name.
      const led =
        list.length > 0 ? [] : targets.map((one) => `${one.name} next (${one.ttlSeconds} s)`);
      const what = [...list, ...led].join(', ') || 'no usable address';
      return `${app} dns ${nameWithin(name, root)} asked by ${device}: ${what}\n`;
    }
    case 'asked':
      return `${told.app} query ${told.name} by ${told.device}\n`;
    case 'hello': {
      const { app, device, name, address } = told.named;
      return `${app} hello ${device} calls ${address} ${name}\n`;
    }
    case 'evidence': {
      const { app, kind, flow, detail } = told.evidence;
      return `${app} ${kind} ${flowText(flow)}: ${detail}\n`;
    }
  }
}

/** Counts of answers that were not read on arrival; empty: none. */
function pressureLines(counters: StatusAnswer['counters']): string[] {
  const parts = [
    [counters.refused, counters.unasked > 0 ? `refused (${counters.unasked} unasked)` : 'refused'],
    [counters.waiting, 'still to be learned'],
    [counters.cut, 'copied in part'],
    [counters.full, 'times more than could be held at once'],
  ] as const;
  const said = parts.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : []));
  return said.length === 0 ? [] : [`of these answers: ${said.join(', ')}`];
}
