// reconcile/repair: what others did to the router, in; what has to be looked at or made again, out.
// Notifications say that something changed, a look at the kernel says what: deciding is here, the
// looking and mending in runtime/repair.ts. Pure: the time is an argument.
import { IFF_UP } from '../netlink/constants.ts';
import type { RouteEvent } from '../netlink/rt-event.ts';
import { FIRST_SLOT, LAST_TABLE_SLOT } from '../policy/marks.ts';
import { isLinkName } from '../ruleset/names.ts';

export type RepairEvent =
  /** The kernel's count of nftables transactions; `own` of them were ours since the last time. */
  | { readonly kind: 'generation'; readonly generation: number; readonly own: number }
  /** A look at the table: its fingerprint, '' when there is none. */
  | { readonly kind: 'table'; readonly fingerprint: string }
  /** A transaction of ours has been committed, and this is what stands. */
  | { readonly kind: 'loaded'; readonly generation: number; readonly fingerprint: string }
  /** The table could not be made again. */
  | { readonly kind: 'failed' }
  /** The guard held back a packet that our table should have judged. */
  | { readonly kind: 'unjudged' }
  /** A device, address, route or rule came or went by somebody else's hand. */
  | { readonly kind: 'route'; readonly event: RouteEvent }
  /** Something of ours could not be made, and is to be tried again in so many milliseconds. */
  | { readonly kind: 'refused'; readonly milliseconds: number }
  /** Our routes and rules are counted from other numbers now. */
  | { readonly kind: 'moved'; readonly preference: number; readonly table: number }
  /** Notifications were lost. */
  | { readonly kind: 'overrun' }
  /** The time that was asked for by `wake` has come. */
  | { readonly kind: 'due' };

export type RepairEffect =
  | { readonly kind: 'look-table' }
  | { readonly kind: 'restore-table'; readonly why: string }
  | { readonly kind: 'mend-paths' }
  /** Come back with `due` in so many milliseconds. */
  | { readonly kind: 'wake'; readonly milliseconds: number }
  /** Let new flows pass that only the guard still stops, and say why. */
  | { readonly kind: 'lift-guard'; readonly why: string; readonly forGood: boolean };

interface Stray {
  readonly since: number;
  last: number;
}

export interface RepairState {
  /** Where our routes and rules are: slots 1.. above these numbers. */
  preference: number;
  table: number;
  generation: number;
  /** Transactions of others, or several at once. */
  foreign: number;
  /** Of the table as we left it; null before the first load, and when there is none to keep. */
  fingerprint: string | null;
  /** When the paths have to be looked at again, milliseconds; null: they are as they should be. */
  pathsDue: number | null;
  /** Restores of the last minute, and since when the table cannot be restored. */
  restores: number[];
  failingSince: number | null;
  /** A look at the table is under way; a held packet asks for the next one not before this. */
  looking: boolean;
  quietUntil: number;
  tableDue: number | null;
  /** Since when, and at which look last, packets came unjudged though the table stands. */
  stray: Stray | null;
}

/** What is not ours itself may come in a burst (an interface going down takes routes along). */
const SETTLE_MILLISECONDS = 150;
/** Somebody who deletes the table again and again is not raced with. */
const FAST_RESTORES = 5;
const MINUTE = 60_000;
const SLOW_MILLISECONDS = 5000;
/** Between two tries of what was refused. */
const RETRY_MILLISECONDS = 500;
/** As long as the watchdog: the house is not kept waiting longer than that (see SECURITY.md). */
export const GUARD_MILLISECONDS = 5000;
/** Looks further apart than this are no longer about the same thing. */
const STRAY_MILLISECONDS = 3000;
/** The table stands, and still packets come to the guard that it has not judged. */
const CLEARED =
  'the guard is lifted: another program clears our bits of the packet mark between prerouting and forward (a rule "meta mark set" without a mask): whp check';

export function createRepair(preference: number, table: number): RepairState {
  return {
    preference,
    table,
    generation: 0,
    foreign: 0,
    fingerprint: null,
    pathsDue: null,
    restores: [],
    failingSince: null,
    looking: false,
    quietUntil: 0,
    tableDue: null,
    stray: null,
  };
}

/** Held packets come by the hundred; when the table is there after all, one look a second will do. */
const QUIET_MILLISECONDS = 1000;

const NOTHING: readonly RepairEffect[] = [];

/** One look at a time: what it finds is what all who asked wanted to know. */
function lookNow(state: RepairState): readonly RepairEffect[] {
  if (state.looking) return NOTHING;
  state.looking = true;
  return [{ kind: 'look-table' }];
}

/** Takes in one event at `now` (milliseconds); the state is updated in place. */
export function repairStep(
  state: RepairState,
  event: RepairEvent,
  now: number,
): readonly RepairEffect[] {
  switch (event.kind) {
    case 'generation': {
      const foreign = event.generation !== state.generation + event.own;
      state.generation = event.generation;
      if (foreign) state.foreign += 1;
      return foreign ? lookNow(state) : NOTHING;
    }
    case 'loaded':
      state.generation = event.generation;
      state.fingerprint = event.fingerprint;
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

/** One that was on its way while the table was made again is no news; one every second is. */
function onUnjudged(state: RepairState, now: number): readonly RepairEffect[] {
  if (now < state.quietUntil) return NOTHING;
  const look = lookNow(state);
  // The last look, a second ago or more, found the table as it should be.
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
      // What comes up is our own doing, or well; only a loss is news.
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
      // The default route decides how large a packet the way to the proxy takes.
      return destination === null ? pathsIn(state, SETTLE_MILLISECONDS, now) : NOTHING;
    }
    default:
      return NOTHING;
  }
}

function isSlot(number: number): boolean {
  return number >= FIRST_SLOT && number <= LAST_TABLE_SLOT;
}

/** One look for all that comes until then; an earlier wish wins. */
function pathsIn(state: RepairState, milliseconds: number, now: number): readonly RepairEffect[] {
  const due = now + milliseconds;
  if (state.pathsDue !== null && state.pathsDue <= due) return NOTHING;
  state.pathsDue = due;
  return [{ kind: 'wake', milliseconds }];
}

function onDue(state: RepairState, now: number): readonly RepairEffect[] {
  const effects: RepairEffect[] = [];
  // Timers come a little early by the clock's fractions.
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
