// What is guaranteed while the agent is dead, stands still or hangs, with the application at work: what was
// known stays proxied (a name resolved before, a port taught before); names that are resolved while there is no
// agent teach nothing, and their flows may be direct. Names resolved once the next agent reads answers, long before it says
// that it enforces, are proxied again.
import { type Arrivals, arrivals, toldArrivals, ways } from './arrivals.ts';
import type { FaultLab, Finding } from './fault.ts';
import { sleeper } from './sleepers.ts';

const PACE = 200;
/** The next agent has found the table of the last; it opens its ears within READS milliseconds. */
const TAKEN_OVER = (starts: number): string =>
  `[ $(grep -c ': taken over' /tmp/whp.log) -ge ${starts} ]`;
const READS = 2000;
export const ENFORCES = (starts: number): string =>
  `[ $(grep -c '^whp: enforcing' /tmp/whp.log) -gt ${starts} ]`;
/** Names asked while it stands still, and when it is back. */
const MEANWHILE = 10;
const AFTER = 8;

export interface Absence {
  /** Runs `command`, which ends the agent, with names being resolved all the while; seconds until the next one
   * enforces. `starts`: how often one had begun to before; null: the same agent goes on, and MEANWHILE names are
   * resolved in all, since each that has no answer is asked for five times. */
  during(command: string, starts: number | null): Promise<number>;
  /** Ends it, once the agent is back: what was wrong, what was seen, and what no promise was about. */
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
      // The blow first: names that were asked before it would have taught.
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

/** Both findings as one. */
export function joined(finding: Finding, seen: Awaited<ReturnType<Absence['stop']>>): Finding {
  const wrong = seen.wrong.length === 0 ? '' : `; WRONG: ${seen.wrong.join('; ')}`;
  return {
    ...finding,
    ok: finding.ok && seen.wrong.length === 0,
    verdict: `${finding.verdict}; ${seen.text}${wrong}`,
    excused: seen.excused,
  };
}
