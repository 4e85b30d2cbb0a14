// The app on three devices in the three ways of admission: a peer in a call, a server whose name was resolved
// before, and new peers from a known port. After its start there is no DNS query and no packet to a supernode:
// the flows rely on existing elements.
import { arrivals, ways } from './arrivals.ts';
import type { FaultLab, Mark } from './fault.ts';
import { sleeper } from './sleepers.ts';

export interface Application {
  /** Packets of each way inside and outside the tunnel since `mark`. */
  ways(mark: Mark): Readonly<Record<'call' | 'name' | 'port', { tunnel: number; direct: number }>>;
  /** Ends it; returns the longest silence of the call in milliseconds. */
  stop(): Promise<number>;
}

export async function application(lab: FaultLab): Promise<Application> {
  const call = await lab.call({ device: 'iphone' });
  const name = await arrivals(lab, { device: 'macbook', way: 'known' });
  const port = await sleeper(lab, 'xbox', 'supernode', 0);
  await lab.sleep(500);
  return {
    ways: (mark) => ({
      call: ways(lab, mark, new Set([call.remote.address])),
      name: ways(lab, mark, name.remotes),
      port: ways(lab, mark, port.remotes),
    }),
    async stop() {
      await Promise.all([name.stop(), port.stop()]);
      return (await call.stop()).silence;
    },
  };
}

/** The ways with leaked packets or without any packet, and the counts, for a verdict. */
export function outcome(found: ReturnType<Application['ways']>): {
  readonly wrong: readonly string[];
  readonly text: string;
} {
  const rows = Object.entries(found);
  return {
    wrong: rows.flatMap(([name, { tunnel, direct }]) => [
      ...(direct > 0 ? [`${name}: ${direct} packets direct`] : []),
      ...(tunnel === 0 ? [`${name}: nothing in the tunnel`] : []),
    ]),
    text: rows.map(([name, { tunnel, direct }]) => `${name} ${tunnel}/${direct}`).join(', '),
  };
}
