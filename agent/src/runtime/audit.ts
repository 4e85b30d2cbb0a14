// runtime/audit: the audit that runs, as the agent keeps it between two commands of daemon/audit.
import type { Counted } from '../learn/outside.ts';

export interface AuditState {
  /** null: none runs. */
  running: RunningAudit | null;
}

export interface RunningAudit {
  /** The connection of its command; null: its agent has ended, and it may come back. */
  owner: object | null;
  /** When it began, or was found; `now()`. */
  readonly since: number;
  /** The table as it was loaded. */
  text: string;
  /** Another program has deleted the table: what was counted before is lost. */
  interrupted: boolean;
  /** Apps that were beside the tunnels by the owner's choice or by their fallback at some time. */
  readonly chosen: Set<string>;
  /** What the meter had counted when it began, by counter. */
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

/** The connection of its command is there again. */
export function resumeAudit(running: RunningAudit, owner: object): void {
  running.owner = owner;
}

/** Its table was deleted, and is made anew with `text`. */
export function interruptAudit(running: RunningAudit, text: string): void {
  running.interrupted = true;
  running.text = text;
}
