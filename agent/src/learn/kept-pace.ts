// learn/kept-pace: when what is learned is written to flash: soon after something new was learned, seldom
// otherwise, and never more often than a flash that is to live for decades bears. Pure; the time is an
// argument. Before: daemon's tick. After: runtime/kept.
import type { KeptSets } from './kept-text.ts';

const HOUR = 3_600_000;
/** News waits so long for more of it, milliseconds. */
export const SETTLE = 30_000;
/** Writes at once, and then one in so many milliseconds: 12 in any day. */
const BURST = 4;
const EACH = 3 * HOUR;
/** Of news there is none: what has only been renewed, or has aged, is written this long after the last. */
export const RENEWAL = 12 * HOUR;
/** An agent that ends writes what has aged by this much. */
const AGED = HOUR / 6;
/** What the above comes to, for docs and status. */
export const MOST_A_DAY = 12;

export interface KeptPace {
  /** Writes that may be made, as of `since`. */
  tokens: number;
  since: number;
  /** When the file was as what was known; milliseconds. */
  writtenAt: number;
  /** When to look next, and whether the last look has found news. */
  lookAt: number;
  waiting: boolean;
  /** What had been heard at the last look: who has heard nothing has no news. */
  heard: number;
  /** What is in the file, or had no room there: by set, keys as text. */
  known: ReadonlyMap<string, ReadonlySet<string>>;
}

export function createKeptPace(now: number): KeptPace {
  const known = new Map();
  return { tokens: BURST, since: now, writtenAt: now, lookAt: 0, waiting: false, heard: 0, known };
}

/** `sets` are what the file holds, from `now` on. */
export function noteWritten(pace: KeptPace, sets: KeptSets, now: number): void {
  pace.known = new Map(
    Array.from(sets, ([set, elements]) => [
      set,
      new Set(elements.map(({ key }) => String.fromCharCode(...key))),
    ]),
  );
  pace.writtenAt = now;
  pace.waiting = false;
}

/** Whether `sets` hold anything that the file does not. */
function hasNews({ known }: KeptPace, sets: KeptSets): boolean {
  for (const [set, elements] of sets) {
    const keys = known.get(set);
    if (elements.some(({ key }) => keys?.has(String.fromCharCode(...key)) !== true)) return true;
  }
  return false;
}

/** Whether the file holds anything that `sets` do not: the owner has taken it back. */
export function holdsMore({ known }: KeptPace, sets: KeptSets): boolean {
  for (const [set, keys] of known) {
    const now = new Set((sets.get(set) ?? []).map(({ key }) => String.fromCharCode(...key)));
    for (const key of keys) if (!now.has(key)) return true;
  }
  return false;
}

/**
 * What is to be written now, or null. Asked with every tick; `look` makes the sets to keep, and is called
 * once in SETTLE at most. `heard`: how much was announced and answered so far.
 */
export function dueSets(
  pace: KeptPace,
  heard: number,
  look: () => KeptSets,
  now: number,
): KeptSets | null {
  pace.tokens = Math.min(BURST, pace.tokens + (now - pace.since) / EACH);
  pace.since = now;
  const isOld = now - pace.writtenAt >= RENEWAL;
  if (pace.tokens < 1 || now < pace.lookAt || (heard === pace.heard && !isOld)) return null;
  pace.lookAt = now + SETTLE;
  const sets = look();
  const news = hasNews(pace, sets);
  const settled = news && pace.waiting;
  pace.waiting = news;
  // While news settles there is more to look at, whatever is heard.
  pace.heard = news ? -1 : heard;
  if (!settled && !(isOld && (sets.size > 0 || pace.known.size > 0))) return null;
  pace.tokens -= 1;
  return sets;
}

/** What an agent that ends writes, or null: the file holds as much. */
export function lastSets(pace: KeptPace, sets: KeptSets, now: number): KeptSets | null {
  const isAged = now - pace.writtenAt >= AGED && (sets.size > 0 || pace.known.size > 0);
  return isAged || hasNews(pace, sets) ? sets : null;
}

/** What is known of the file. */
export interface Kept {
  readonly pace: KeptPace;
  /** Entries that this agent began with. */
  restored: number;
  /** Size of the file as it was written or read, bytes. */
  bytes: number;
  /** When it was written, of the monotonic clock; null: there is none. */
  writtenAt: number | null;
}

export function createKept(now: number): Kept {
  return { pace: createKeptPace(now), restored: 0, bytes: 0, writtenAt: null };
}
