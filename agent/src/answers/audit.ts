// answers/audit: what `whp audit` answers at its end. Made by daemon/audit, printed by cli/text-audit.
import type { JudgedFlow } from '../learn/audit.ts';
import type { Counted } from '../learn/outside.ts';

export const MOST_AUDIT_MINUTES = 1440;

export interface AuditAnswer {
  /** How long it was recorded. */
  readonly seconds: number;
  /** All that left from home beside the tunnels, and what of it found no room. */
  readonly flows: number;
  readonly packets: number;
  readonly bytes: number;
  readonly unkept: Counted;
  /** Flows of applications among them, those with most packets first, and how many there are. */
  readonly outside: readonly JudgedFlow[];
  readonly outsideFlows: number;
  readonly outsidePackets: number;
  /** Flows of applications that were direct by the owner's word or by their fallback. */
  readonly chosenFlows: number;
  readonly chosenPackets: number;
  /** Packets that the meter at the exit counted meanwhile. */
  readonly metered: number;
  /** Somebody deleted the table: what it had before is lost. */
  readonly interrupted: boolean;
  readonly unseen: readonly string[];
}
