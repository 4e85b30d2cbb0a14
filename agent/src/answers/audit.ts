// answers/audit: the answer of `whp audit`. Made by daemon/audit, printed by cli/text-audit.
import type { JudgedFlow } from '../learn/audit.ts';
import type { Counted } from '../learn/outside.ts';
import { type FlowFields, flowFields } from '../wire/flow-text.ts';
import type { DeviceNames } from './device-names.ts';
import type { Rows } from './rows.ts';

export const MOST_AUDIT_MINUTES = 1440;

/** A flow of an application that left outside the tunnels. */
export interface OutsideFlow extends FlowFields, Counted {
  readonly app: string;
  readonly device: string | null;
  readonly evidence: string;
  readonly detail: string;
  readonly ago_s: number;
}

/** The rows: flows of applications outside the tunnels, most packets first. */
export interface AuditAnswer extends Rows<OutsideFlow>, Counted {
  /** Length of the recording. */
  readonly recorded_s: number;
  /** All outgoing flows outside the tunnels (with `packets` and `bytes`), and those without room in the sets. */
  readonly flows: number;
  readonly unkept: Counted;
  /** All flows of applications outside the tunnels, also those that are not among the rows. */
  readonly outside_flows: number;
  readonly outside_packets: number;
  /** Flows of applications that were direct by the owner's choice or by `fallback direct`. */
  readonly chosen_flows: number;
  readonly chosen_packets: number;
  /** Packets counted by the meter at the exit during the recording. */
  readonly metered_packets: number;
  /** The audit's table was deleted or changed meanwhile: what it held before is lost. */
  readonly interrupted: boolean;
  readonly unseen: readonly string[];
}

export function outsideFlow(judged: JudgedFlow, { nameOf }: DeviceNames): OutsideFlow {
  const { app, flow, ground, why, packets, bytes, ago } = judged;
  return {
    app,
    device: nameOf(flow.source),
    ...flowFields(flow),
    evidence: ground,
    detail: why,
    packets,
    bytes,
    ago_s: ago,
  };
}
