// learn/endpoint-evictions: which entry of a store of learned endpoints is evicted when a name, a device or the
// whole set has too many: entries that a flow has used, and those of the newest answer, last. Pure; the entries
// are given least recently seen first.
import { type Shares, surpluses } from '../bounds/fair-share.ts';
import type { Family } from '../wire/address.ts';

interface Entry {
  readonly device: string;
  /** A flow used this entry. */
  readonly used: boolean;
}

/** Newest addresses kept for one name; more only where its newest answer alone has more. A CDN name may rotate
 * through hundreds; those in use are evicted last. */
export const MOST_OF_A_NAME = 64;

/** Keys to evict, all of one device. */
export interface Crowd {
  readonly device: string;
  readonly keys: readonly string[];
}

/** What to evict after a lesson: of a device above its own part of the pairs, then, from a full set, of the devices
 * with the most. The caller removes the keys of each crowd before it asks for the next. One pass over the devices and
 * over their keys, however many are evicted. `isPairs`: devices have a part of the set each. `mine`: keys of the
 * lesson. */
export function* crowdsOf(
  isPairs: boolean,
  set: ReadonlyMap<string, Entry>,
  shares: Shares,
  device: string,
  cap: number,
  mine: ReadonlySet<string>,
): Generator<Crowd> {
  const own = isPairs ? shares.byDevice.get(device) : undefined;
  const part = Math.min(cap, Math.max(cap >> 3, MOST_OF_A_NAME));
  if (own !== undefined && own.size > part)
    yield { device, keys: oldestOf(own, set, mine, own.size - part) };
  for (const [one, count] of surpluses(shares, set.size - cap))
    yield { device: one, keys: oldestOf(shares.byDevice.get(one)!, set, mine, count) };
  // The rest counts for no device.
  const rest = set.size - cap;
  if (rest > 0) {
    const oldest = set.values().next().value!.device;
    yield { device: oldest, keys: oldestOf(set.keys(), set, mine, rest) };
  }
}

/** Log line that names the device that gave up the most; null: nothing was evicted at a cap. */
export function crowdedText(
  isPairs: boolean,
  app: string,
  family: Family,
  cap: number,
  crowds: readonly Crowd[],
): string | null {
  const [crowded] = [...crowds].sort((a, b) => b.keys.length - a.keys.length);
  if (crowded === undefined) return null;
  const [what, option] = isPairs ? ['pairs', 'peers'] : ['endpoints', 'endpoints'];
  return `${app}: ${cap} IPv${family} ${what} are held, most of them for ${crowded.device}: its oldest make room (caps.${option})`;
}

/** The first `count` keys (or all of them): first those neither in use nor in `mine` (just learned), then those not in
 * `mine`, then the rest. Visits no key twice. */
function oldestOf(
  keys: Iterable<string>,
  set: ReadonlyMap<string, Entry>,
  mine: ReadonlySet<string>,
  count: number,
): string[] {
  const unused: string[] = [];
  const used: string[] = [];
  const learned: string[] = [];
  for (const key of keys) {
    if (mine.has(key)) learned.push(key);
    else if (set.get(key)?.used === true) used.push(key);
    else if (unused.push(key) === count) return unused;
  }
  return [...unused, ...used, ...learned].slice(0, count);
}

/** Of the `keys` of one name those to evict because there are too many. Never one of the newest answer (`mine`). */
export function surplusOfName(
  keys: ReadonlySet<string>,
  set: ReadonlyMap<string, Entry>,
  mine: ReadonlySet<string>,
): string[] {
  const count = keys.size - MOST_OF_A_NAME;
  return count <= 0 ? [] : oldestOf(keys, set, mine, count).filter((key) => !mine.has(key));
}
