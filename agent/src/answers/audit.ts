// answers/audit: the answer of `whp audit`. Made by daemon/audit, printed by cli/text-audit.
import type { JudgedFlow } from '../learn/audit.ts';
import type { Counted } from '../learn/outside.ts';

export const MOST_AUDIT_MINUTES = 1440;

export interface AuditAnswer {
  /** Length of the recording. */
  readonly seconds: number;
  /** All outgoing flows outside the tunnels, and the part that had no room in the sets. */
  readonly flows: number;
  readonly packets: number;
  readonly bytes: number;
  readonly unkept: Counted;
  /** Flows of applications among them, most packets first (a list that may be cut), and their number. */
  readonly outside: readonly JudgedFlow[];
  readonly outsideFlows: number;
  readonly outsidePackets: number;
  /** Flows of applications that were direct by the owner's choice or by `fallback direct`. */
  readonly chosenFlows: number;
  readonly chosenPackets: number;
  /** Packets counted by the meter at the exit during the recording. */
  readonly metered: number;
  /** The audit's table was deleted or changed meanwhile: what it held before is lost. */
  readonly interrupted: boolean;
  readonly unseen: readonly string[];
}
