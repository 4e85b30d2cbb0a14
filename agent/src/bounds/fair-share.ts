// Whose entries a bounded store holds, so that one device's flood makes room among its own entries
// and never among another's: the one to go is the oldest of the device that holds most. Used by
// learned and evidence for what the agent holds, and by make-room for what the kernel's sets hold.

export interface Shares {
  /** Entries of each device, the least recently claimed first (a Set keeps insertion order). */
  readonly byDevice: Map<string, Set<string>>;
  readonly deviceOf: Map<string, string>;
}

export function createShares(): Shares {
  return { byDevice: new Map(), deviceOf: new Map() };
}

/**
 * `device` asks for the entry `key`, new or known. An entry that two devices want belongs to the
 * one that holds less: so nobody can take another's entries over to have them evicted.
 */
export function claim(shares: Shares, key: string, device: string): void {
  const before = shares.deviceOf.get(key);
  const size = (one: string) => shares.byDevice.get(one)?.size ?? 0;
  const keeps = before !== undefined && before !== device && size(before) <= size(device) + 1;
  const owner = keeps ? before : device;
  disclaim(shares, key);
  const own = shares.byDevice.get(owner) ?? new Set<string>();
  shares.byDevice.set(owner, own);
  // Back in as the youngest.
  own.add(key);
  shares.deviceOf.set(key, owner);
}

/** The entry is gone from the store. */
export function disclaim(shares: Shares, key: string): void {
  const device = shares.deviceOf.get(key);
  if (device === undefined) return;
  shares.deviceOf.delete(key);
  const own = shares.byDevice.get(device)!;
  own.delete(key);
  if (own.size === 0) shares.byDevice.delete(device);
}

/** The entry that has to make room, and whose it is; null when there is none. */
export function nextToGo(shares: Shares): { key: string; device: string } | null {
  let greediest: string | null = null;
  let most = 0;
  for (const [device, own] of shares.byDevice) {
    if (own.size <= most) continue;
    greediest = device;
    most = own.size;
  }
  if (greediest === null) return null;
  for (const key of shares.byDevice.get(greediest)!) return { key, device: greediest };
  return null;
}

/**
 * Which of `entries` leave when `count` have to, the first ones of a device before its later ones:
 * always from the device that has most left. One pass over the entries, one over the devices.
 */
export function fairEvictions<T extends { readonly device: string }>(
  entries: readonly T[],
  count: number,
): T[] {
  if (count <= 0) return [];
  const byDevice = new Map<string, T[]>();
  for (const entry of entries) {
    const own = byDevice.get(entry.device) ?? [];
    byDevice.set(entry.device, own);
    own.push(entry);
  }
  const level = levelAfter(
    Array.from(byDevice.values(), (own) => own.length),
    count,
  );
  const gone: T[] = [];
  for (const own of byDevice.values()) {
    if (own.length > level) gone.push(...own.slice(0, own.length - level));
  }
  return gone.slice(0, count);
}

/** The largest number of entries that every device can keep so that at least `count` leave. */
function levelAfter(sizes: readonly number[], count: number): number {
  let low = 0;
  let high = Math.max(0, ...sizes);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    const leaving = sizes.reduce((sum, size) => sum + Math.max(0, size - middle), 0);
    if (leaving >= count) low = middle;
    else high = middle - 1;
  }
  return low;
}
