// runtime/agent: the records of a running agent, and the queue of the jobs that change the kernel. Each mutable
// record is changed only by functions of the file that declares its type (test/node/owners).
import type { Settings } from '../config/settings.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Kept } from '../learn/kept-pace.ts';
import type { Policy } from '../policy/policy.ts';
import type { Refused } from '../reconcile/refused.ts';
import type { RepairEvent, RepairState } from '../reconcile/repair.ts';
import type { State } from '../step/state.ts';
import type { AccountingState } from './accounting.ts';
import type { AuditState } from './audit.ts';
import type { Effects } from './effects.ts';
import type { Failover } from './failover.ts';
import type { FeedState } from './feeds.ts';
import type { FillingState } from './filling.ts';
import type { GatewayState } from './gateways.ts';
import type { GuardState } from './guard.ts';
import type { HandoverState } from './handover.ts';
import type { InForce } from './in-force.ts';
import type { OffloadState } from './offload.ts';
import type { PathState } from './paths.ts';
import type { Preflight } from './preflight.ts';
import type { Repairs } from './repairs.ts';
import type { TableState } from './table-state.ts';

export interface Agent {
  readonly settings: Settings;
  readonly kernel: Kernel;
  readonly turns: Turns;
  readonly inForce: InForce;
  /** The policy of `inForce`. */
  readonly policy: Policy;
  readonly state: State;
  readonly table: TableState;
  readonly offload: OffloadState;
  readonly guard: GuardState;
  readonly paths: PathState;
  readonly feeds: FeedState;
  readonly filling: FillingState;
  readonly repair: RepairState;
  /** Pieces that the kernel refused (reconcile/refused). */
  readonly refused: Refused;
  /** Passes an event to reconcile/repair: a change by another program, or a failure. */
  happened(event: RepairEvent): void;
  /** Path of the file with the loaded table for the next agent (runtime/handover-file). */
  readonly handoverFile: string;
  readonly handover: HandoverState;
  /** Repairs so far. */
  readonly repairs: Repairs;
  readonly preflight: Preflight;
  readonly gateways: GatewayState;
  /** State of the file with learned elements, on flash. */
  readonly kept: Kept;
  readonly effects: Effects;
  /** Health of the proxies, and the way of each app. */
  readonly failover: Failover;
  /** When the agent began, `now()`. */
  readonly since: number;
  /** The problems in `whp status`, by topic. A topic is deleted when its problem is over. */
  readonly problems: Map<string, string>;
  /** `whp audit`, while one runs. */
  readonly audit: AuditState;
  readonly accounting: AccountingState;
}

export interface Turns {
  /** The last job that changes the kernel, running or ended; the next job waits for it. */
  last: Promise<unknown>;
  /** The agent ends: no job is taken any more. */
  areOver: boolean;
}

/** Runs one job at a time: a reload, a new lease, a schedule and a repair may coincide. After the final turn no job
 * is run, and its promise stays pending: the process ends. */
export function inTurn<T>({ turns }: Pick<Agent, 'turns'>, run: () => Promise<T>): Promise<T> {
  return turns.areOver ? new Promise<T>(() => {}) : queued(turns, run);
}

/** Runs `run` after the jobs that wait, and none after it. */
export function inFinalTurn<T>({ turns }: Pick<Agent, 'turns'>, run: () => Promise<T>): Promise<T> {
  turns.areOver = true;
  return queued(turns, run);
}

function queued<T>(turns: Turns, run: () => Promise<T>): Promise<T> {
  const mine = turns.last.then(run, run);
  turns.last = mine.catch(() => null);
  return mine;
}
