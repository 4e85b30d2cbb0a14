// runtime/audit: state of the running `whp audit` between two commands of daemon/audit.
import type { Counted } from '../learn/outside.ts';

export interface AuditState {
  /** null: no audit runs. */
  running: RunningAudit | null;
}

export interface RunningAudit {
  /** The connection of the command; null: the agent was restarted, and the command may connect again. */
  owner: object | null;
  /** When the audit began, or was found after a restart; `now()`. */
  readonly since: number;
  /** Text of the loaded table. */
  text: string;
  /** Another program has deleted the table: earlier counts are lost. */
  interrupted: boolean;
  /** Apps that went direct at some time during the audit, by the owner's choice or by their fallback. */
  readonly chosen: Set<string>;
  /** The meter's counters at the beginning, by name. */
  readonly counted: ReadonlyMap<string, Counted>;
}

export function createAudit(): AuditState {
  return { running: null };
}

export function beginAudit(audit: AuditState, running: RunningAudit): void {
  audit.running = running;
}

export function endAudit(audit: AuditState): void {
  audit.running = null;
}

/** The command has connected again. */
export function resumeAudit(running: RunningAudit, owner: object): void {
  running.owner = owner;
}

/** The table was deleted; `text` is loaded in its place. */
export function interruptAudit(running: RunningAudit, text: string): void {
  running.interrupted = true;
  running.text = text;
}
