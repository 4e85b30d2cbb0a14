// learn/kept-pace: when learned state is written to flash: soon after something new, seldom otherwise, and at
// most 12 times a day, to spare the flash. Pure; time is an argument. Asked by the daemon's tick, written by
// runtime/kept.
import type { KeptSets } from './kept-text.ts';

const HOUR = 3_600_000;
/** New entries wait this long for more of them, milliseconds. */
export const SETTLE = 30_000;
/** Writes without delay, and then one per EACH milliseconds: 12 in any day. */
const BURST = 4;
const EACH = 3 * HOUR;
/** Without new entries, renewed or aged ones are written this long after the last write. */
export const RENEWAL = 12 * HOUR;
/** An agent that exits writes if the last write is older than this. */
const AGED = HOUR / 6;
/** The limit that follows from BURST and EACH, for docs and status. */
export const MOST_A_DAY = 12;

export interface KeptPace {
  /** Writes allowed, as of `since`. */
  tokens: number;
  since: number;
  /** When the file last equalled the state; milliseconds. */
  writtenAt: number;
  /** When to look next, and whether the last look found new entries. */
  lookAt: number;
  waiting: boolean;
  /** Announcements and answers counted at the last look; an equal count now means nothing new. */
  heard: number;
  /** Entries in the file, or left out of it for want of room: by set, keys as strings. */
  known: ReadonlyMap<string, ReadonlySet<string>>;
}

export function createKeptPace(now: number): KeptPace {
  const known = new Map();
  return { tokens: BURST, since: now, writtenAt: now, lookAt: 0, waiting: false, heard: 0, known };
}

/** Notes that the file holds `sets` from `now` on. */
export function noteWritten(pace: KeptPace, sets: KeptSets, now: number): void {
  pace.known = new Map(
    Array.from(sets, ([set, elements]) => [set, new Set(elements.map(({ key }) => key))]),
  );
  pace.writtenAt = now;
  pace.waiting = false;
}

/** Whether `sets` hold an entry that the file does not. */
function hasNews({ known }: KeptPace, sets: KeptSets): boolean {
  for (const [set, elements] of sets) {
    const keys = known.get(set);
    if (elements.some(({ key }) => keys?.has(key) !== true)) return true;
  }
  return false;
}

/** Whether the file holds an entry that `sets` do not: the owner has made the agent forget it. */
export function holdsMore({ known }: KeptPace, sets: KeptSets): boolean {
  for (const [set, keys] of known) {
    const now = new Set((sets.get(set) ?? []).map(({ key }) => key));
    for (const key of keys) if (!now.has(key)) return true;
  }
  return false;
}

/** The sets to write now, or null. Called at every tick; `look` makes the sets and is called at most once in
 * SETTLE. `heard`: announcements and answers so far. */
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
  // While new entries settle, the next look is due even if nothing more is heard.
  pace.heard = news ? -1 : heard;
  if (!settled && !(isOld && (sets.size > 0 || pace.known.size > 0))) return null;
  pace.tokens -= 1;
  return sets;
}

/** The sets that an exiting agent writes; null: the file is good enough. */
export function lastSets(pace: KeptPace, sets: KeptSets, now: number): KeptSets | null {
  const isAged = now - pace.writtenAt >= AGED && (sets.size > 0 || pace.known.size > 0);
  return isAged || hasNews(pace, sets) ? sets : null;
}

/** The state of the file on flash. */
export interface Kept {
  readonly pace: KeptPace;
  /** Entries that this agent restored at its start. */
  restored: number;
  /** Size of the file when written or read, bytes. */
  bytes: number;
  /** When it was written, by the monotonic clock; null: there is no file. */
  writtenAt: number | null;
}

export function createKept(now: number): Kept {
  return { pace: createKeptPace(now), restored: 0, bytes: 0, writtenAt: null };
}

/** The file has so many bytes, and was written `at` (milliseconds). */
export function noteFile(kept: Kept, bytes: number, at: number): void {
  kept.bytes = bytes;
  kept.writtenAt = at;
}

export function noteRestored(kept: Kept, entries: number): void {
  kept.restored = entries;
}
