// What `whp replay` says about packets with given times, for the policy of the lab's router, and
// how it is counted: by flow, how many packets went by the tunnel, direct, or were refused.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { ReplayReport } from '../../../agent/src/replay/report.ts';
import { flowKey } from '../../captures/ndpi.ts';
import { captureOf, type Timed } from '../../fixtures/pcap.ts';

export interface CounterValues {
  tunnel: number;
  direct: number;
  refused: number;
}

/** Runs the built agent on this machine over `packets`; files go to `folder`. */
export function replay(folder: string, name: string, packets: readonly Timed[]): ReplayReport {
  const file = `${folder}/${name}.pcap`;
  writeFileSync(file, captureOf(packets));
  const words = ['out/whp', 'replay', file, '--json', '--profiles=agent/profiles'];
  const run = spawnSync('out/host/x86_64/whp-host', [...words, `--config=${folder}/config`], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (run.status !== 0) throw new Error(`${words.join(' ')}: status ${run.status} ${run.stderr}`);
  return JSON.parse(run.stdout) as ReplayReport;
}

/** The key of a row's flow, the same for both directions; IPv4 only. */
export function keyOf(flow: string): string {
  const [protocol, source = '', destination = ''] = flow.split(' ');
  return flowKey(protocol === 'udp' ? 17 : 6, source, destination);
}

/** By flow; a flow that was direct before it was known has two rows in the report, one here. */
export function countsOf(report: ReplayReport): Map<string, CounterValues> {
  const counts = new Map<string, CounterValues>();
  for (const { flow, app, packets, direct, rejected } of report.flows) {
    const one = counts.get(keyOf(flow)) ?? { tunnel: 0, direct: 0, refused: 0 };
    if (app !== null) one.tunnel += packets - direct - rejected;
    one.direct += direct;
    one.refused += rejected;
    counts.set(keyOf(flow), one);
  }
  return counts;
}

export function countsText(counts: CounterValues | undefined): string {
  if (counts === undefined) return 'nothing';
  return `${counts.tunnel} by tunnel, ${counts.direct} direct, ${counts.refused} refused`;
}

/** Whether the flow's answers come through the tunnel at `time`, by the replay's opinion. */
export function tunnelledAt(report: ReplayReport, key: string, time: number): boolean {
  const begun = time * 1000 + 0.1;
  const rows = report.flows.filter((one) => keyOf(one.flow) === key && one.start_ms <= begun);
  const last = rows.sort((a, b) => a.start_ms - b.start_ms).at(-1);
  return last !== undefined && last.app !== null && last.began !== 'outside';
}
