// learn/endpoint-evictions: which entry of a store of learned endpoints is evicted when a name, a device or the
// whole set has too many: entries that a flow has used, and those of the newest answer, last. Pure; the entries
// are given least recently seen first.
import { nextToGo, type Shares } from '../bounds/fair-share.ts';

interface Entry {
  readonly device: string;
  /** A flow used this entry. */
  readonly used: boolean;
}

/** Newest addresses kept for one name; more only where its newest answer alone has more. A CDN name may rotate
 * through hundreds; those in use are evicted last. */
export const MOST_OF_A_NAME = 64;

/** The device whose entries are evicted, and their keys: a device above its own part of the pairs, else at a full
 * set the device with the most. Null: there is room. `isPairs`: devices have a part of the set each. */
export function crowdedDevice(
  isPairs: boolean,
  set: ReadonlyMap<string, Entry>,
  shares: Shares,
  device: string,
  cap: number,
): { readonly device: string; readonly keys: Iterable<string> } | null {
  const own = shares.byDevice.get(device);
  const part = Math.min(cap, Math.max(cap >> 3, MOST_OF_A_NAME));
  if (isPairs && own !== undefined && own.size > part) return { device, keys: own };
  if (set.size <= cap) return null;
  const most = nextToGo(shares)?.device;
  // No entry counts for a device: take the oldest of the set.
  const oldest = set.values().next().value!.device;
  if (most === undefined) return { device: oldest, keys: set.keys() };
  return { device: most, keys: shares.byDevice.get(most)! };
}

/** The first key neither in use nor in `mine` (just learned), else the first not in `mine`, else the first. */
export function oldestOf(
  keys: Iterable<string>,
  set: ReadonlyMap<string, Entry>,
  mine: ReadonlySet<string>,
): string {
  let first: string | null = null;
  let old: string | null = null;
  for (const key of keys) {
    first ??= key;
    if (mine.has(key)) continue;
    if (set.get(key)?.used !== true) return key;
    old ??= key;
  }
  return old ?? first!;
}

/** Of the `keys` of one name the one to evict because there are too many, or null. Never one of the newest
 * answer (`mine`). */
export function surplusOfName(
  keys: ReadonlySet<string>,
  set: ReadonlyMap<string, Entry>,
  mine: ReadonlySet<string>,
): string | null {
  if (keys.size <= MOST_OF_A_NAME) return null;
  const oldest = oldestOf(keys, set, mine);
  return mine.has(oldest) ? null : oldest;
}
