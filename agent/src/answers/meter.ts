// answers/meter: the part of `whp status` on packets that left outside the tunnels: counted by the meter at the
// exit, or direct before their evidence was known. Pure.
import { type Counted, knownCounts, type Late, type Outside } from '../learn/outside.ts';
import { type Ground, outsideCounter } from '../ruleset/names.ts';
import { seconds } from './flows.ts';

export interface OutsideAnswer extends Counted {
  readonly app: string;
  /** The last packet announced to this agent; null: none. */
  readonly last: {
    readonly flow: string;
    readonly ground: Ground;
    readonly why: string;
    /** Seconds. */
    readonly ago: number;
  } | null;
  /** Flows cut because their evidence came late, with what their devices had sent until then, since this agent
   * began; null: none. */
  readonly late: LateAnswer | null;
}

export interface LateAnswer extends Counted {
  readonly flows: number;
  readonly last: string;
  readonly lastPackets: number;
  readonly ago: number;
}

export interface MeterAnswer {
  /** Whether the meter's chain is in the kernel as loaded; if not, a count of 0 means nothing. */
  readonly stands: boolean;
  /** Whether established flows are sampled too (the kernel counts packets of flows). */
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
