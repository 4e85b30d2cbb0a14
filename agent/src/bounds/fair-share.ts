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
 * How many entries each device gives up when `count` are evicted, each time one of the device with the most left;
 * devices that keep all are left out. One pass over the devices for each doubling of `count`.
 */
export function surpluses(
  { byDevice }: Pick<Shares, 'byDevice'>,
  count: number,
): Map<string, number> {
  const sizes = new Map<string, number>();
  // Nearly every call: nothing is above a bound.
  if (count > 0) for (const [device, own] of byDevice) sizes.set(device, own.size);
  return surplusesOf(sizes, count);
}

function surplusesOf(sizes: ReadonlyMap<string, number>, count: number): Map<string, number> {
  const giving = new Map<string, number>();
  if (count <= 0) return giving;
  const level = levelAfter(sizes, count);
  let left = count;
  for (const [device, size] of sizes) {
    const surplus = Math.min(left, size - level);
    if (surplus <= 0) continue;
    giving.set(device, surplus);
    left -= surplus;
  }
  return giving;
}

/**
 * The `count` entries to evict, each time from the device with the most left, its earlier ones first. One pass over
 * the entries, one over the devices for each doubling of `count`.
 */
export function fairEvictions<T extends { readonly device: string }>(
  entries: readonly T[],
  count: number,
): T[] {
  const sizes = new Map<string, number>();
  for (const { device } of entries) sizes.set(device, (sizes.get(device) ?? 0) + 1);
  const giving = surplusesOf(sizes, count);
  return entries.filter(({ device }) => {
    const left = giving.get(device) ?? 0;
    giving.set(device, left - 1);
    return left > 0;
  });
}

/** The largest number of entries that each device may keep so that at least `count` are evicted. */
function levelAfter(sizes: ReadonlyMap<string, number>, count: number): number {
  let high = 0;
  for (const size of sizes.values()) high = Math.max(high, size);
  // The device with the most could give them all.
  let low = Math.max(0, high - count);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    let leaving = 0;
    for (const size of sizes.values()) leaving += Math.max(0, size - middle);
    if (leaving >= count) low = middle;
    else high = middle - 1;
  }
  return low;
}
