// answers/meter: the part of `whp status` on packets that left outside the tunnels: counted by the meter at the
// exit, or direct before their evidence was known. Pure.
import {
  type Counted,
  knownCounts,
  type LastOutside,
  type Late,
  type Outside,
} from '../learn/outside.ts';
import { type Ground, outsideCounter } from '../ruleset/names.ts';
import { type FlowFields, flowFields } from '../wire/flow-text.ts';
import type { DeviceNames } from './device-names.ts';
import { seconds } from './flows.ts';

export interface OutsideAnswer extends Counted {
  readonly app: string;
  /** The last packet announced to this agent; null: none. */
  readonly last: LastAnswer | null;
  /** Flows cut because their evidence came late, with what their devices had sent until then, since this agent
   * began; null: none. */
  readonly late: LateAnswer | null;
}

export interface LastAnswer extends FlowFields {
  readonly device: string | null;
  readonly evidence: Ground;
  readonly detail: string;
  readonly ago_s: number;
}

/** All late flows of an app, and the last of them. */
export interface LateAnswer extends Counted {
  readonly flows: number;
  readonly last: FlowFields & {
    readonly device: string | null;
    readonly packets: number;
    readonly ago_s: number;
  };
}

export interface MeterAnswer {
  /** Whether the meter's chain is in the kernel as loaded; if not, a count of 0 means nothing. */
  readonly stands: boolean;
  /** Whether established flows are sampled too (the kernel counts packets of flows). */
  readonly samples_flows: boolean;
  readonly apps: readonly OutsideAnswer[];
}

export function meterAnswer(
  outside: Outside,
  apps: readonly string[],
  meter: Pick<MeterAnswer, 'stands' | 'samples_flows'>,
  names: DeviceNames,
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
        last: last === undefined ? null : lastAnswer(last, names, now),
        late: late === undefined ? null : lateAnswer(late, names, now),
      };
    }),
  };
}

function lastAnswer(
  { flow, ground, why, at }: LastOutside,
  { nameOf }: DeviceNames,
  now: number,
): LastAnswer {
  const device = nameOf(flow.source);
  return { device, ...flowFields(flow), evidence: ground, detail: why, ago_s: seconds(now - at) };
}

function lateAnswer(
  { flows, packets, bytes, last, lastPackets, at }: Late,
  { nameOf }: DeviceNames,
  now: number,
): LateAnswer {
  const device = nameOf(last.source);
  const its = { device, ...flowFields(last), packets: lastPackets, ago_s: seconds(now - at) };
  return { flows, packets, bytes, last: its };
}
