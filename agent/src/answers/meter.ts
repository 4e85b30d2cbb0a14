// answers/meter: what `whp status` says of packets that left beside the tunnels: what the meter at
// the exit has counted, and what was direct before its evidence came. Pure. Before: daemon/serve. After: cli/text.
import { type Counted, knownCounts, type Late, type Outside } from '../learn/outside.ts';
import { type Ground, outsideCounter } from '../ruleset/names.ts';
import { seconds } from './flows.ts';

export interface OutsideAnswer extends Counted {
  readonly app: string;
  /** The last one that was announced to this agent; null: none was. */
  readonly last: {
    readonly flow: string;
    readonly ground: Ground;
    readonly why: string;
    /** Seconds. */
    readonly ago: number;
  } | null;
  /** Flows that were direct before their evidence came, by what their devices had sent until they were cut,
   * since this agent began; null: none was. */
  readonly late: LateAnswer | null;
}

export interface LateAnswer extends Counted {
  readonly flows: number;
  readonly last: string;
  readonly lastPackets: number;
  readonly ago: number;
}

export interface MeterAnswer {
  /** Whether the chain stands in the kernel as it was loaded: without it 0 says nothing. */
  readonly stands: boolean;
  /** Whether flows under way are looked at too (the kernel counts packets of flows). */
  readonly flows: boolean;
  readonly apps: readonly OutsideAnswer[];
}

export function meterAnswer(
  outside: Outside,
  apps: readonly string[],
  meter: { readonly stands: boolean; readonly flows: boolean },
  now: number,
): MeterAnswer {
  const counts = knownCounts(outside, outsideCounter);
  return {
    ...meter,
    apps: apps.map((app) => {
      const { packets, bytes } = counts.get(outsideCounter(app)) ?? { packets: 0, bytes: 0 };
      const [last, late] = [outside.last.get(app), outside.late.get(app)];
      return {
        app,
        packets,
        bytes,
        last:
          last === undefined
            ? null
            : {
                flow: last.flow,
                ground: last.ground,
                why: last.why,
                ago: seconds(now - last.at),
              },
        late: late === undefined ? null : lateAnswer(late, now),
      };
    }),
  };
}

function lateAnswer({ at, ...late }: Late, now: number): LateAnswer {
  return { ...late, ago: seconds(now - at) };
}
