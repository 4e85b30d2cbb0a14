// reconcile/repair: the state machine of repair. Takes notifications of changes by other programs and results of
// reading the kernel; returns what to read and what to restore, which runtime/repair does. A notification never
// states what to restore: only a read does. Pure: time is an argument.
import { IFF_UP } from '../netlink/constants.ts';
import type { RouteEvent } from '../netlink/rt-event.ts';
import { isSlot } from '../policy/marks.ts';
import { isLinkName } from '../ruleset/names.ts';

export type RepairEvent =
  /** The nftables generation number; `own`: transactions of this agent since the last event. */
  | { readonly kind: 'generation'; readonly generation: number; readonly own: number }
  /** The table was read: its fingerprint; '': there is no table. */
  | { readonly kind: 'table'; readonly fingerprint: string }
  /** This agent has loaded the table: generation and fingerprint after that. `own`: as above, the load included. */
  | {
      readonly kind: 'loaded';
      readonly generation: number;
      readonly own: number;
      readonly fingerprint: string;
    }
  /** Restoring the table failed. */
  | { readonly kind: 'failed' }
  /** The guard dropped a packet that the table has not judged. */
  | { readonly kind: 'unjudged' }
  /** Another program added or deleted a device, address, route or rule. */
  | { readonly kind: 'route'; readonly event: RouteEvent }
  /** A piece was refused; time until the next try. */
  | { readonly kind: 'refused'; readonly milliseconds: number }
  /** The first preference and routing table number have changed. */
  | { readonly kind: 'moved'; readonly preference: number; readonly table: number }
  /** rtnetlink notifications were lost (ENOBUFS). */
  | { readonly kind: 'overrun' }
  /** The timer of a `wake` has expired. */
  | { readonly kind: 'due' };

export type RepairEffect =
  | { readonly kind: 'look-table' }
  | { readonly kind: 'restore-table'; readonly why: string }
  | { readonly kind: 'mend-paths' }
  /** Send `due` after this time. */
  | { readonly kind: 'wake'; readonly milliseconds: number }
  /** Remove the guard, so that new flows pass. `forGood`: this guard is not raised again. */
  | { readonly kind: 'lift-guard'; readonly why: string; readonly forGood: boolean };

interface Stray {
  readonly since: number;
  last: number;
}

export interface RepairState {
  /** Slot n has the ip rule `preference` + n and the routing table `table` + n. */
  preference: number;
  table: number;
  generation: number;
  /** Times that the generation was changed by other programs; several transactions between two events count once. */
  foreign: number;
  /** Of the table as this agent loaded it; null: no table is to be kept. */
  fingerprint: string | null;
  /** In `generation` the table was as loaded. */
  matches: boolean;
  /** When the paths are read and repaired, milliseconds; null: no repair is due. */
  pathsDue: number | null;
  /** Times of the restores in the last minute; since when restoring fails. */
  restores: number[];
  failingSince: number | null;
  /** `looking`: a read of the table is pending. Before `quietUntil`, a dropped packet starts no read. */
  looking: boolean;
  quietUntil: number;
  tableDue: number | null;
  /** Unjudged packets while the table is complete: time of the first, and of the last that started a read. */
  stray: Stray | null;
}

/** Changes of foreign objects come in bursts (a device that goes down takes its routes with it): wait until they
 * settle. */
const SETTLE_MILLISECONDS = 150;
/** More restores than this in a minute are SLOW_MILLISECONDS apart: another program deletes the table repeatedly. */
const FAST_RESTORES = 5;
const MINUTE = 60_000;
const SLOW_MILLISECONDS = 5000;
/** Between two tries to restore the table. */
const RETRY_MILLISECONDS = 500;
/** As long as the watchdog waits: the longest time that the guard may stop new flows (SECURITY.md). */
export const GUARD_MILLISECONDS = 5000;
/** Unjudged packets further apart than this are separate incidents. */
const STRAY_MILLISECONDS = 3000;
/** The reason when the table is complete and the guard still drops unjudged packets. */
const CLEARED =
  'the guard is lifted: another program clears our bits of the packet mark between prerouting and forward (a rule "meta mark set" without a mask): whp check';

export function createRepair(preference: number, table: number): RepairState {
  return {
    preference,
    table,
    generation: 0,
    foreign: 0,
    fingerprint: null,
    matches: false,
    pathsDue: null,
    restores: [],
    failingSince: null,
    looking: false,
    quietUntil: 0,
    tableDue: null,
    stray: null,
  };
}

/** Dropped packets are announced in numbers: while the table is complete, they start one read a second at most. */
const QUIET_MILLISECONDS = 1000;

const NOTHING: readonly RepairEffect[] = [];

/** One read at a time; its result answers all requests. */
function lookNow(state: RepairState): readonly RepairEffect[] {
  if (state.looking) return NOTHING;
  state.looking = true;
  return [{ kind: 'look-table' }];
}

/** Whether other programs have changed the generation, too. */
function noteGeneration(
  state: RepairState,
  { generation, own }: { readonly generation: number; readonly own: number },
): boolean {
  const foreign = generation !== state.generation + own;
  state.generation = generation;
  if (foreign) {
    state.foreign += 1;
    state.matches = false;
  }
  return foreign;
}

/** Handles one event at `now` (milliseconds); updates `state` in place. */
export function repairStep(
  state: RepairState,
  event: RepairEvent,
  now: number,
): readonly RepairEffect[] {
  switch (event.kind) {
    case 'generation':
      return noteGeneration(state, event) ? lookNow(state) : NOTHING;
    case 'loaded':
      noteGeneration(state, event);
      state.fingerprint = event.fingerprint;
      state.matches = true;
      state.failingSince = null;
      state.tableDue = null;
      return NOTHING;
    case 'table':
      return onTable(state, event.fingerprint, now);
    case 'failed':
      return onFailed(state, now);
    case 'unjudged':
      return onUnjudged(state, now);
    case 'route':
      return onRoute(state, event.event, now);
    case 'refused':
      return pathsIn(state, Math.max(0, event.milliseconds), now);
    case 'moved':
      state.preference = event.preference;
      state.table = event.table;
      return NOTHING;
    case 'overrun':
      return [...lookNow(state), ...pathsIn(state, 0, now)];
    case 'due':
      return onDue(state, now);
  }
}

/** A single packet may have crossed during the reload. Unjudged packets for GUARD_MILLISECONDS mean that another
 * program clears our bits of the mark. */
function onUnjudged(state: RepairState, now: number): readonly RepairEffect[] {
  if (now < state.quietUntil) return NOTHING;
  const look = lookNow(state);
  // The last read, at least QUIET_MILLISECONDS ago, found the table complete.
  if (state.quietUntil === 0 || look.length === 0) return look;
  if (state.stray === null || now - state.stray.last > STRAY_MILLISECONDS) {
    state.stray = { since: now, last: now };
  } else state.stray.last = now;
  if (now - state.stray.since < GUARD_MILLISECONDS) return look;
  state.stray = null;
  return [...look, { kind: 'lift-guard', why: CLEARED, forGood: true }];
}

function onTable(state: RepairState, found: string, now: number): readonly RepairEffect[] {
  state.looking = false;
  if (state.fingerprint === null || found === state.fingerprint) {
    state.quietUntil = now + QUIET_MILLISECONDS;
    state.matches = state.fingerprint !== null;
    return NOTHING;
  }
  state.stray = null;
  if (state.tableDue !== null) return NOTHING;
  const why =
    found === ''
      ? 'somebody deleted the table (nft flush ruleset, firewall stop)'
      : 'somebody changed the table';
  state.restores = state.restores.filter((at) => at > now - MINUTE);
  const last = state.restores.at(-1) ?? 0;
  if (state.restores.length >= FAST_RESTORES && now - last < SLOW_MILLISECONDS) {
    const wait = SLOW_MILLISECONDS - (now - last);
    state.tableDue = now + wait;
    return [{ kind: 'wake', milliseconds: wait }];
  }
  state.restores.push(now);
  return [{ kind: 'restore-table', why }];
}

function onFailed(state: RepairState, now: number): readonly RepairEffect[] {
  state.failingSince ??= now;
  state.tableDue = now + RETRY_MILLISECONDS;
  const wake: RepairEffect = { kind: 'wake', milliseconds: RETRY_MILLISECONDS };
  const over = now - state.failingSince >= GUARD_MILLISECONDS;
  const why = 'the guard is lifted: the table cannot be made again';
  return over ? [{ kind: 'lift-guard', why, forGood: false }, wake] : [wake];
}

function onRoute(state: RepairState, event: RouteEvent, now: number): readonly RepairEffect[] {
  switch (event.kind) {
    case 'link': {
      const { name, flags } = event.link;
      // A device that comes up needs no repair.
      const lost = event.gone || (flags & IFF_UP) === 0;
      if (isLinkName(name)) return lost ? pathsIn(state, 0, now) : NOTHING;
      return pathsIn(state, SETTLE_MILLISECONDS, now);
    }
    case 'address':
      return pathsIn(state, SETTLE_MILLISECONDS, now);
    case 'rule':
      return isSlot(event.rule.preference - state.preference) ? pathsIn(state, 0, now) : NOTHING;
    case 'route': {
      const { destination, table, cloned } = event.route;
      if (cloned) return NOTHING;
      if (isSlot(table - state.table)) return pathsIn(state, 0, now);
      // The path MTU to the proxy follows from the default route.
      return destination === null ? pathsIn(state, SETTLE_MILLISECONDS, now) : NOTHING;
    }
    default:
      return NOTHING;
  }
}

/** Sets the time of one repair for all notifications until then; an earlier time is kept. */
function pathsIn(state: RepairState, milliseconds: number, now: number): readonly RepairEffect[] {
  const due = now + milliseconds;
  if (state.pathsDue !== null && state.pathsDue <= due) return NOTHING;
  state.pathsDue = due;
  return [{ kind: 'wake', milliseconds }];
}

function onDue(state: RepairState, now: number): readonly RepairEffect[] {
  const effects: RepairEffect[] = [];
  // A timer may fire a fraction of a millisecond early.
  if (state.pathsDue !== null && state.pathsDue <= now + 1) {
    state.pathsDue = null;
    effects.push({ kind: 'mend-paths' });
  }
  if (state.tableDue !== null && state.tableDue <= now + 1) {
    state.tableDue = null;
    effects.push(...lookNow(state));
  }
  return effects;
}
