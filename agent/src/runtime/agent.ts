// runtime/agent: what a running agent has, and how its jobs take turns. Each mutable record has one owner, the file
// of its type, which exports the verbs that change it (node/owners).
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
import type { MemoryState } from './handover.ts';
import type { InForce } from './in-force.ts';
import type { OffloadState } from './offload.ts';
import type { PathState } from './paths.ts';
import type { Neighbours } from './preflight.ts';
import type { Repairs } from './repairs.ts';
import type { TableState } from './table-state.ts';

export interface Agent {
  readonly settings: Settings;
  readonly kernel: Kernel;
  readonly turns: Turns;
  readonly inForce: InForce;
  /** Of `inForce`. */
  readonly policy: Policy;
  readonly state: State;
  readonly table: TableState;
  readonly offload: OffloadState;
  readonly guard: GuardState;
  readonly paths: PathState;
  readonly feeds: FeedState;
  readonly filling: FillingState;
  readonly repair: RepairState;
  /** Devices, addresses, routes and rules that the kernel did not take. */
  readonly refused: Refused;
  /** A change of the kernel by another program, or a failure, for runtime/repair to act on. */
  happened(event: RepairEvent): void;
  /** Where the next agent finds what this one has loaded. */
  readonly handoverFile: string;
  readonly memory: MemoryState;
  /** What other programs undid and this agent made again. */
  readonly repairs: Repairs;
  readonly neighbours: Neighbours;
  readonly gateways: GatewayState;
  /** What is known of the file that outlives a reboot. */
  readonly kept: Kept;
  readonly effects: Effects;
  /** Which way each app takes, by what the probes answer. */
  readonly failover: Failover;
  /** When it began, `now()`. */
  readonly since: number;
  /** What `whp status` shows as wrong, by topic; a topic that is well again is removed. */
  readonly problems: Map<string, string>;
  /** `whp audit`, while one runs. */
  readonly audit: AuditState;
  readonly accounting: AccountingState;
}

export interface Turns {
  /** The job that changes the kernel and runs or ran last; the next one waits for it. */
  last: Promise<unknown>;
}

/** One job at a time: a reload, a lease, an hour and a repair may come together. */
export function inTurn<T>({ turns }: Pick<Agent, 'turns'>, run: () => Promise<T>): Promise<T> {
  const mine = turns.last.then(run, run);
  turns.last = mine.catch(() => null);
  return mine;
}
