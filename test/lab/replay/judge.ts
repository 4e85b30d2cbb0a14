// The verdict on one played capture: both wires per flow against `whp replay` of the packets that the router
// got. A difference is explained by packets that the router's conntrack calls invalid, which a witness counts
// there, or is a fault.
import type { ReplayReport } from '../../../agent/src/replay/report.ts';
import { isSkype, ndpiAbsence, ndpiFlows } from '../../captures/ndpi.ts';
import { SESSIONS } from '../../captures/samples.ts';
import type { Scheduled } from '../../captures/schedule.ts';
import { HOME_ADDRESS, TUNNEL_HOME } from '../world/plan.ts';
import { type CounterValues, countsOf, countsText } from './model.ts';
import type { Played } from './stage.ts';
import type { Outcome } from './wires.ts';

/** The lab's home network; a capture of another one cannot be played. */
export const HOME = '192.168.1.';

export interface Session {
  readonly sample: string;
  readonly folder: string;
  readonly schedule: readonly Scheduled[];
  readonly devices: readonly string[];
}

export interface Run {
  readonly played: readonly Played[];
  readonly outcome: Outcome;
  /** Replay of what the router was given, when it was given. */
  readonly report: ReplayReport;
  readonly missing: number;
  readonly invalid: ReadonlyMap<string, number>;
  readonly late: string;
  readonly ports: string;
}

type Port = { readonly protocol: string; readonly address: string; readonly port: number };

export function portsText(ports: readonly Port[]): string {
  const names = ports.map(({ protocol, address, port }) => `${protocol} ${port} of ${address}`);
  return names.sort().join(', ') || 'none';
}

interface Difference {
  readonly text: string;
  /** The only difference is that the router dropped packets that conntrack called invalid. */
  readonly invalid: boolean;
}

/** Flows whose packets went elsewhere than the replay says. */
function differences({ outcome: { counts, strangers }, report, invalid }: Run): Difference[] {
  const wanted = countsOf(report);
  const none: CounterValues = { tunnel: 0, direct: 0, refused: 0 };
  const keys = [...new Set([...wanted.keys(), ...counts.keys()])];
  const flows = keys.flatMap((key): Difference[] => {
    const [want, got] = [wanted.get(key) ?? none, counts.get(key) ?? none];
    if (countsText(want) === countsText(got)) return [];
    const dropped = invalidOf(key, invalid);
    const text = `${key}: replay ${countsText(want)}; router ${countsText(got)}, ${dropped} invalid`;
    const elsewhere = got.tunnel > want.tunnel || got.direct > want.direct;
    return [{ text, invalid: !elsewhere && got.refused - want.refused <= dropped }];
  });
  const unknown = strangers.map((text) => ({ text: `of no played flow: ${text}`, invalid: false }));
  return [...flows, ...unknown];
}

/** Both directions; from outside, the wire has the home's address or the tunnel's inner one. */
function invalidOf(key: string, invalid: ReadonlyMap<string, number>): number {
  const ends = key.split(' ').slice(1);
  const device = ends.find((end) => end.startsWith(HOME)) ?? '';
  const remote = ends.find((end) => end !== device) ?? '';
  const port = device.split(':')[1];
  const ways = [
    `${device} > ${remote}`,
    `${remote} > ${HOME_ADDRESS}:${port}`,
    `${remote} > ${TUNNEL_HOME}:${port}`,
  ];
  return ways.reduce((sum, way) => sum + (invalid.get(way) ?? 0), 0);
}

function share(name: string, counts: readonly CounterValues[]): string {
  const sum = (path: keyof CounterValues) => counts.reduce((total, one) => total + one[path], 0);
  const flows = (path: keyof CounterValues) => counts.filter((one) => one[path] > 0).length;
  const part = (path: keyof CounterValues) => `${flows(path)} / ${sum(path)} ${path}`;
  return `${name} (flows / packets): ${part('tunnel')}, ${part('direct')}, ${part('refused')}`;
}

/** How much of what nDPI calls Skype, DNS aside, was seen inside GRE. */
function skypeShare(sample: string, { outcome: { counts } }: Run): string {
  const absent = ndpiAbsence();
  if (absent !== null) return `Skype by nDPI: ${absent}`;
  const flows = ndpiFlows(sample, false).filter((one) => {
    return isSkype(one) && !one.name.startsWith('DNS');
  });
  // As played: a packet that was too large for the tunnel counts twice.
  const none: CounterValues = { tunnel: 0, direct: 0, refused: 0 };
  const seen = flows.map(({ key }) => counts.get(key) ?? none);
  const packets = seen.reduce((sum, one) => sum + one.tunnel + one.direct + one.refused, 0);
  const carried = seen.map(({ tunnel }) => tunnel);
  const proxied = carried.filter((count) => count > 0).length;
  const inside = carried.reduce((sum, count) => sum + count, 0);
  const percent = (part: number, all: number) => `${Math.round((100 * part) / all)} %`;
  return (
    `Skype by nDPI that leaves the home: ${proxied} of ${flows.length} flows ` +
    `(${percent(proxied, flows.length)}), ${inside} of ${packets} packets ` +
    `(${percent(inside, packets)}) in the tunnel`
  );
}

/** Prints what came of one capture; answers the claims that hold and those that do not. */
export function judge(session: Session, run: Run): { passed: number; failed: number } {
  const { report, outcome: seen } = run;
  const known = SESSIONS[session.sample];
  const nodes = report.supernodes.filter((address) => seen.tunnelRemotes.has(address)).length;
  const all = differences(run);
  const differing = all.filter(({ invalid }) => !invalid);
  const replayed = portsText(report.ports);
  console.log(
    `${session.sample}: ${run.played.length} packets played, at most ${run.late} ms late`,
  );
  console.log(`  learned by the router: ${run.ports}; by replay: ${replayed}`);
  console.log(`  supernodes in the tunnel: ${nodes} of ${report.supernodes.length}`);
  console.log(`  ${share('router', [...seen.counts.values()])}`);
  console.log(`  ${share('replay', [...countsOf(report).values()])}`);
  console.log(`  ${skypeShare(session.sample, run)}`);
  const dropped = all.length - differing.length;
  console.log(
    `  flows: ${seen.counts.size}; with packets that tracking called invalid and the firewall ` +
      `dropped: ${dropped}; that differ otherwise: ${differing.length}`,
  );
  for (const { text } of all) console.log(`    ${text}`);
  const wanted = known === undefined ? replayed : `udp ${known.port} of ${known.device}`;
  const claims: [string, boolean][] = [
    ['every packet reached the router', run.missing === 0],
    [`learned: ${wanted}`, run.ports === replayed && run.ports.includes(wanted)],
    ['every supernode was reached through the tunnel', nodes === report.supernodes.length],
    ['every flow as replayed, invalid packets aside', differing.length === 0],
  ];
  for (const [claim, holds] of claims) console.log(`  ${holds ? 'ok' : 'not ok'} ${claim}`);
  const failed = claims.filter(([, holds]) => !holds).length;
  return { passed: claims.length - failed, failed };
}
