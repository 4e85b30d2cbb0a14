// Compares per flow: what the replay would have proxied, and what nDPI classifies as Skype. The reason of a
// difference is read from the replay's report.
import type { ReplayFlow } from '../../agent/src/replay/flow-table.ts';
import type { ReplayReport } from '../../agent/src/replay/report.ts';
import { flowKey, isSkype, type NdpiFlow } from './ndpi.ts';

export interface Share {
  readonly flows: number;
  readonly packets: number;
}

export interface Comparison {
  /** What nDPI calls Skype, and what of it a tunnel would have carried. */
  readonly skype: Share;
  readonly proxied: Share;
  /** The same without DNS to the router, which never leaves the home by itself. */
  readonly leaving: Share;
  /** What was not proxied, by reason. */
  readonly missed: ReadonlyMap<string, Share>;
  /** What was proxied and nDPI calls otherwise, by "evidence, nDPI's name". */
  readonly others: ReadonlyMap<string, Share>;
}

/** What went from and to the learned ports, and what of it was proxied: Skype without a doubt. */
export function onLearnedPorts(report: ReplayReport): { all: Share; proxied: Share } {
  const names = new Set(report.ports.map((one) => `${one.protocol} ${one.address}:${one.port}`));
  let all: Share = { flows: 0, packets: 0 };
  let proxied = all;
  for (const { rows, carried } of pathsOf(report).values()) {
    const [protocol, source, destination] = rows[0]!.flow.split(' ');
    if (!names.has(`${protocol} ${source}`) && !names.has(`${protocol} ${destination}`)) continue;
    const packets = rows.reduce((sum, row) => sum + row.packets, 0);
    all = plus(all, 1, packets);
    proxied = plus(proxied, carried > 0 ? 1 : 0, carried);
  }
  return { all, proxied };
}

/** Rows of one 5-tuple, either direction, put together. */
interface Path {
  readonly rows: readonly ReplayFlow[];
  readonly carried: number;
}

export function compare(report: ReplayReport, flows: readonly NdpiFlow[]): Comparison {
  const paths = pathsOf(report);
  const missed = new Map<string, Share>();
  const others = new Map<string, Share>();
  const skype = flows.filter(isSkype);
  const leaving = skype.filter((flow) => !flow.name.startsWith('DNS'));
  let proxied: Share = { flows: 0, packets: 0 };
  for (const flow of skype) {
    const path = paths.get(flow.key);
    const carried = path?.carried ?? 0;
    proxied = plus(proxied, carried > 0 ? 1 : 0, carried);
    const left = flow.packets - carried;
    if (left > 0) add(missed, whyMissed(report, flow, path), carried > 0 ? 0 : 1, left);
  }
  const names = new Map(flows.map((flow) => [flow.key, flow]));
  for (const [key, { rows, carried }] of paths) {
    const known = names.get(key);
    if (carried === 0 || (known !== undefined && isSkype(known))) continue;
    const evidence = rows.find((row) => carriedBy(row) > 0)?.evidence;
    add(others, `${evidence}, nDPI: ${known?.name ?? 'no flow'}`, 1, carried);
  }
  return { skype: total(skype), proxied, leaving: total(leaving), missed, others };
}

function total(flows: readonly NdpiFlow[]): Share {
  return flows.reduce((sum, { packets }) => plus(sum, 1, packets), { flows: 0, packets: 0 });
}

function plus(share: Share, flows: number, packets: number): Share {
  return { flows: share.flows + flows, packets: share.packets + packets };
}

function add(to: Map<string, Share>, name: string, flows: number, packets: number): void {
  to.set(name, plus(to.get(name) ?? { flows: 0, packets: 0 }, flows, packets));
}

const NUMBERS = new Map([
  ['udp', 17],
  ['tcp', 6],
  ['icmp', 1],
  ['icmpv6', 58],
]);

function pathsOf(report: ReplayReport): Map<string, Path> {
  const paths = new Map<string, Path>();
  for (const row of report.flows) {
    const [protocol = '', source = '', destination = ''] = row.flow.split(' ');
    const hasPorts = protocol === 'udp' || protocol === 'tcp';
    // nDPI gives what has no ports port 0.
    const end = (text: string): string => (hasPorts ? text.replace(/[[\]]/g, '') : `${text}:0`);
    const number = NUMBERS.get(protocol) ?? Number(protocol);
    const key = flowKey(number, end(source), end(destination));
    const rows = [...(paths.get(key)?.rows ?? []), row];
    paths.set(key, { rows, carried: rows.reduce((sum, one) => sum + carriedBy(one), 0) });
  }
  return paths;
}

function carriedBy({ app, packets, direct, rejected }: ReplayFlow): number {
  return app === null ? 0 : packets - direct - rejected;
}

/** The first of these that the report shows to be so. */
function whyMissed(report: ReplayReport, flow: NdpiFlow, path: Path | undefined): string {
  if (path === undefined) {
    return flow.name.startsWith('DNS')
      ? 'DNS: asked of the router, so it does not leave by itself'
      : 'not for the Internet, or malformed';
  }
  const { rows } = path;
  if (rows.some(({ began, rejected }) => began === 'outside' && rejected > 0)) {
    return 'began outside: refused, since an answer would show the home address';
  }
  if (rows.some(({ rejected }) => rejected > 0)) {
    return 'refused once, because the flow had begun on the direct path';
  }
  const port = report.ports.find(
    (one) => flow.source === one.address && flow.sourcePort === one.port,
  );
  if (
    port !== undefined &&
    rows.every(({ start_ms, app }) => app !== null || start_ms < port.since_ms)
  ) {
    return `from the P2P port before it was known (${(port.since_ms / 1000).toFixed(1)} s into the capture)`;
  }
  if (port !== undefined) return 'a flow that had begun before the P2P port was known';
  const resolved = report.endpoints.some(({ remote }) => remote === flow.destination);
  if (flow.host !== '' && !resolved) {
    return `${flow.host}: no DNS answer here gives this address under a name of the application`;
  }
  return 'no name, range, port or peer speaks for it';
}
