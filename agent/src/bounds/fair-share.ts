// bounds/fair-share: chooses which entry of a bounded store is evicted: the oldest of the device with the most
// entries, so that a flood of one device evicts only its own entries. Used for stores in learn/ (endpoints,
// evidence) and for sets of the kernel (learn/evict).

export interface Shares {
  /** Entries by device, least recently claimed first (a Set keeps insertion order). */
  readonly byDevice: Map<string, Set<string>>;
  readonly deviceOf: Map<string, string>;
}

export function createShares(): Shares {
  return { byDevice: new Map(), deviceOf: new Map() };
}

/**
 * Assigns the entry `key`, new or known, to `device`. Of two devices that claim an entry, the one with fewer entries
 * gets it, so that a flooding device cannot take over entries of others to have them evicted.
 */
export function claim(shares: Shares, key: string, device: string): void {
  const before = shares.deviceOf.get(key);
  const size = (one: string) => shares.byDevice.get(one)?.size ?? 0;
  const keeps = before !== undefined && before !== device && size(before) <= size(device) + 1;
  const owner = keeps ? before : device;
  disclaim(shares, key);
  const own = shares.byDevice.get(owner) ?? new Set<string>();
  shares.byDevice.set(owner, own);
  // Reinserted as the newest.
  own.add(key);
  shares.deviceOf.set(key, owner);
}

/** Removes the entry. */
export function disclaim(shares: Shares, key: string): void {
  const device = shares.deviceOf.get(key);
  if (device === undefined) return;
  shares.deviceOf.delete(key);
  const own = shares.byDevice.get(device)!;
  own.delete(key);
  if (own.size === 0) shares.byDevice.delete(device);
}

/** The entry to evict and its device; null: no entries. */
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
 * The `count` entries to evict, each time from the device with the most left, its earlier ones first. One pass over
 * the entries, one over the devices.
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

/** The largest number of entries that each device may keep so that at least `count` are evicted. */
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
