// The application at work on three devices, in the three ways in which a flow can be admitted: a peer in a
// call, a server whose name was resolved before, and peers never met, from a port that was taught before.
// Nothing is said to a resolver or a supernode once it has begun: what goes on lives on what is known.
import { arrivals, ways } from './arrivals.ts';
import type { FaultLab, Mark } from './fault.ts';
import { sleeper } from './sleepers.ts';

export interface Application {
  /** Packets of each way in the tunnel and beside it since `mark`. */
  ways(mark: Mark): Readonly<Record<'call' | 'name' | 'port', { tunnel: number; direct: number }>>;
  /** Ends it; milliseconds for which the call was silent at most. */
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

/** What leaked or was not seen at all, and the counts, for a verdict. */
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
