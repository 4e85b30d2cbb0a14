// runtime/agent: what an agent that runs has in its hands, and how its jobs take turns. The other
// files of this room (enforce, feeds, table, repair) work on one of these.
import type { Settings } from '../config/settings.ts';
import type { AnnouncedFeed } from '../kernel/announced-feed.ts';
import type { RunningAudit } from '../kernel/audit-table.ts';
import type { Feed } from '../kernel/feed-socket.ts';
import type { StandingGuard } from '../kernel/guard.ts';
import type { HeldFeed } from '../kernel/held-feed.ts';
import type { Opened } from '../kernel/netlink-socket.ts';
import type { RoutingSocket } from '../kernel/routing.ts';
import type { Kept } from '../learn/kept-pace.ts';
import type { Policy } from '../policy/policy.ts';
import type { Refused } from '../reconcile/refused.ts';
import type { RepairEvent, RepairState } from '../reconcile/repair.ts';
import type { Filling } from '../router/dnsmasq.ts';
import type { Standing } from '../ruleset/transaction.ts';
import type { State } from '../step/state.ts';
import type { FlowWatch } from './accounting.ts';
import type { Effects } from './effects.ts';
import type { Failover } from './failover.ts';
import type { Neighbours } from './neighbours.ts';

export interface Agent {
  readonly settings: Settings;
  /** The job that changes the kernel and runs or ran last; the next one waits for it. */
  turn: Promise<unknown>;
  policy: Policy;
  /** The policy as it was loaded, before the tunnels' MTUs were filled in. */
  wanted: Policy;
  /** The table as it stands in the kernel; null: none of ours. */
  standing: Standing | null;
  /** The policy it was made of, with the feeds that were open, as text; '' when a load failed. */
  loadedFor: string;
  /** What stands beside it for the moment it is missing; null: none, or none is possible. */
  guard: StandingGuard | null;
  /** Key of a guard that held back what it should not have: not raised again. */
  uselessGuard: string;
  readonly repair: RepairState;
  /** Devices, addresses, routes and rules that the kernel did not take. */
  readonly refused: Refused;
  /** What happens to that which stands, for runtime/repair.ts to act on. */
  happened(event: RepairEvent): void;
  /** Where the next agent finds what this one has loaded. */
  readonly handoverFile: string;
  /** What others undid and this agent made again. */
  readonly repairs: { count: number; last: string; at: number };
  readonly neighbours: Neighbours;
  /** keepMemory: sets read so far, and at how many matched answers the names were written. */
  reading: number;
  remembered: number;
  /** What is known of the file that outlives a reboot. */
  readonly kept: Kept;
  state: State;
  readonly paths: RoutingSocket;
  readonly effects: Effects;
  /** Which way each app takes, by what the probes say. */
  readonly failover: Failover;
  held: HeldFeed | null;
  hellos: HeldFeed | null;
  /** Whether the table that stands holds DNS answers. */
  holding: boolean;
  /** Whether dnsmasq fills the sets, where answers are not held; null: not looked at yet. */
  filling: Filling | null;
  /** Which feeds are open: queue and group, to tell whether a reload needs others. */
  ears: string;
  /** Queries, ClientHellos, and the answers that are only watched. */
  announced: AnnouncedFeed | null;
  /** What is told of flows, and watched answers of devices that ask more than their share. */
  watched: readonly Feed[];
  /** Addresses of the router's own devices, text. */
  addresses: readonly string[];
  since: number;
  /** What `whp status` shows as wrong, by topic; a topic that is well again is removed. */
  readonly problems: Map<string, string>;
  /** `whp audit`, while one runs. */
  audit: RunningAudit | null;
  /** Who used how much; a string is why nothing is counted. */
  flows: Opened<FlowWatch>;
}

/** One job at a time: a reload, a lease, an hour and a repair may come together. */
export function inTurn<T>(agent: Agent, run: () => Promise<T>): Promise<T> {
  const mine = agent.turn.then(run, run);
  agent.turn = mine.catch(() => null);
  return mine;
}
