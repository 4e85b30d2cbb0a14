// The promises while the agent is dead, stopped or hangs, checked with application.ts: known names and ports
// stay proxied; names that are resolved meanwhile are not learned, and their flows may be direct; names
// resolved after the next agent reads answers, long before it enforces, are proxied.
import { type Arrivals, arrivals, toldArrivals, ways } from './arrivals.ts';
import type { FaultLab, Finding } from './fault.ts';
import { sleeper } from './sleepers.ts';

const PACE = 200;
/** The next agent has found the table of the last one; it reads answers within READS milliseconds. */
const TAKEN_OVER = (starts: number): string =>
  `[ $(grep -c ': taken over' /tmp/whp.log) -ge ${starts} ]`;
const READS = 2000;
export const ENFORCES = (starts: number): string =>
  `[ $(grep -c '^whp: enforcing' /tmp/whp.log) -gt ${starts} ]`;
/** Names asked for during the absence, and after it. */
const MEANWHILE = 10;
const AFTER = 8;

export interface Absence {
  /** Runs `command`, which ends the agent, while names are resolved; returns seconds until the next agent
   * enforces. `starts`: the number of starts before; null: the same agent goes on, and MEANWHILE names are
   * resolved, each asked for up to five times. */
  during(command: string, starts: number | null): Promise<number>;
  /** Ends it after the agent is back: the violations, the counts, and packets that no promise covers. */
  stop(): Promise<{
    readonly wrong: readonly string[];
    readonly text: string;
    readonly excused: NonNullable<Finding['excused']>;
  }>;
}

export async function absence(lab: FaultLab): Promise<Absence> {
  const known = await arrivals(lab, { device: 'ubuntu', way: 'known', pace: PACE });
  const port = await sleeper(lab, 'xbox', 'supernode', 0);
  const since = lab.isp.mark();
  let meanwhile: Arrivals | undefined;
  let starting: Arrivals | undefined;
  let asked = '';
  const resolving = async <T>(arrived: Arrivals, act: Promise<T>): Promise<T> => {
    try {
      return await act;
    } finally {
      asked += ` ${toldArrivals(await arrived.stop())}`;
    }
  };
  return {
    async during(command, starts) {
      // The command comes first: names asked for before it would be learned.
      const blow = lab.inject(command, starts === null ? ':' : TAKEN_OVER(starts), 60);
      const few = starts === null ? { count: MEANWHILE } : {};
      meanwhile = await arrivals(lab, { device: 'ubuntu', pace: PACE, ...few });
      if (starts === null) return blow;
      const reads = blow.then(async (seconds) => {
        await lab.sleep(READS);
        return seconds + READS / 1000;
      });
      const gone = await resolving(meanwhile, reads);
      asked += '; while it starts';
      starting = await arrivals(lab, { device: 'ubuntu', pace: PACE });
      return gone + (await resolving(starting, lab.inject(':', ENFORCES(starts), 60)));
    },
    async stop() {
      if (meanwhile !== undefined && starting === undefined) {
        await meanwhile.over;
        asked += ` ${toldArrivals(await meanwhile.stop())}`;
      }
      const fresh = await arrivals(lab, { device: 'ubuntu', pace: PACE, count: AFTER });
      await fresh.over;
      const record = await fresh.stop();
      await Promise.all([known.stop(), port.stop()]);
      const rows = [
        ['known name', ways(lab, since, known.remotes)],
        ['known port', ways(lab, since, port.remotes)],
        starting === undefined
          ? (['names meanwhile', ways(lab, since, meanwhile?.remotes ?? new Set())] as const)
          : (['names while it starts', ways(lab, since, starting.remotes)] as const),
        ['names afterwards', ways(lab, since, fresh.remotes)],
      ] as const;
      return {
        wrong: [
          ...rows.flatMap(([name, { tunnel, direct }]) => [
            ...(tunnel > 0 ? [] : [`${name}: nothing in the tunnel`]),
            ...(direct === 0 ? [] : [`${name}: ${direct} packets direct`]),
          ]),
          ...(record.answered === AFTER ? [] : [`afterwards ${toldArrivals(record)}`]),
        ],
        text: `in the tunnel/direct: ${rows.map(([name, one]) => `${name} ${one.tunnel}/${one.direct}`).join(', ')}; meanwhile${asked}`,
        excused: {
          why: 'of names resolved while no agent read answers',
          remotes: starting === undefined ? new Set() : (meanwhile?.remotes ?? new Set()),
        },
      };
    },
  };
}

/** One finding of both. */
export function joined(finding: Finding, seen: Awaited<ReturnType<Absence['stop']>>): Finding {
  const wrong = seen.wrong.length === 0 ? '' : `; WRONG: ${seen.wrong.join('; ')}`;
  return {
    ...finding,
    ok: finding.ok && seen.wrong.length === 0,
    verdict: `${finding.verdict}; ${seen.text}${wrong}`,
    excused: seen.excused,
  };
}
