// What DNS answers have taught, per application and family, with the evidence of each entry: addresses
// that count for the whole home (the router's own resolver said so), and, in a store of its own, pairs of a
// device and an address (a resolver outside said so, to that device). Bounded by caps, by name and by
// device, shared out fairly, aged by time; what is in use is evicted last. step/answer fills it; evidence
// asks it "why".

import { claim, createShares, disclaim, nextToGo, type Shares } from '../bounds/fair-share.ts';
import { SLACK } from '../ruleset/elements.ts';
import type { Family } from '../wire/address.ts';
import type { Lesson } from './observe-dns.ts';

export interface Endpoint {
  readonly app: string;
  readonly address: string;
  readonly family: Family;
  /** The name that led here last, and the device that asked for it. */
  readonly name: string;
  /** The application's own name that led to that one; absent: not known. */
  readonly root?: string;
  readonly device: string;
  /** Of that device; null: not known. A pair is its device's, by this where it is known. */
  readonly mac: string | null;
  /** Who said so; null: not known any more. */
  readonly resolver: string | null;
  /** Milliseconds. */
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly expires: number;
  /** How long the kernel's set keeps it, at least as long. */
  readonly kept: number;
  /** A flow went there because of it: it makes room last. */
  readonly used: boolean;
}

/** Addresses of one name, the newest; more only while its newest answer has more. A name of a CDN may have
 * hundreds that take turns: those in use are the last to go. */
export const MOST_OF_A_NAME = 64;

export interface Learned {
  /** By app and family; within, by address or by device and address, the least recently seen first (a Map
   * keeps insertion order). */
  readonly sets: Map<string, Map<string, Endpoint>>;
  /** Whose the entries are, by app and family. */
  readonly shares: Map<string, Shares>;
  /** Keys of the entries of a name, by app, family, name and, of pairs, device. */
  readonly names: Map<string, Set<string>>;
  /** Whether each entry counts for its device alone. */
  readonly isPairs: boolean;
  /** Entries evicted for want of room since the start. */
  evicted: number;
}

export interface LearnedChange {
  /** Entries new, or kept by the kernel for too short a time after the lesson: they go there. */
  readonly endpoints: readonly Endpoint[];
  /** Entries that had to make room; delete them from the kernel after adding. */
  readonly evicted: readonly Endpoint[];
  /** What to say when the cap was hit; the same text for the same set and device. */
  readonly report: string | null;
  /** False: the lesson itself is larger than the room, and a part of it was not learned. */
  readonly isWhole: boolean;
}

export function createLearned(isPairs = false): Learned {
  return { sets: new Map(), shares: new Map(), names: new Map(), isPairs, evicted: 0 };
}

/** Who asked and who answered. */
export interface Said {
  readonly mac: string | null;
  readonly resolver: string | null;
}

const NOT_KNOWN: Said = { mac: null, resolver: null };

/** The key of an entry: two devices may have a pair with one address. */
function keyOf(learned: Learned, one: Pick<Endpoint, 'device' | 'mac' | 'address'>): string {
  return learned.isPairs ? `${one.mac ?? one.device} ${one.address}` : one.address;
}

function nameKey(learned: Learned, { app, family, name, device, mac }: Endpoint): string {
  return `${app} ${family} ${name}${learned.isPairs ? ` ${mac ?? device}` : ''}`;
}

/**
 * Takes in a lesson. `cap` is counted per app and family; of pairs a device has an
 * eighth of it, or as many as a name may have.
 */
export function learnEndpoints(
  learned: Learned,
  lesson: Lesson,
  cap: number,
  said: Said = NOT_KNOWN,
): LearnedChange {
  const endpoints: Endpoint[] = [];
  const evicted = new Set<Endpoint>();
  const holder = said.mac ?? lesson.device;
  const mine = new Set(
    lesson.addresses.map(({ address }) => keyOf(learned, { ...lesson, ...said, address })),
  );
  let report: string | null = null;
  let isWhole = true;
  for (const { address, ttlSeconds } of lesson.addresses) {
    const family = address.includes(':') ? 6 : 4;
    const set = setOf(learned, lesson.app, family);
    const shares = sharesOf(learned, lesson.app, family);
    const key = keyOf(learned, { device: lesson.device, mac: said.mac, address });
    const known = set.get(key);
    const endpoint = { ...renewed(known, lesson, address, family, ttlSeconds), ...said };
    if (known !== undefined) dropName(learned, known, key);
    // Back in as the youngest.
    set.delete(key);
    set.set(key, endpoint);
    addName(learned, endpoint, key);
    claim(shares, key, learned.isPairs ? holder : lesson.device);
    if (endpoint.kept !== known?.kept) endpoints.push(endpoint);
    const spare = surplusOfName(learned, endpoint, set, mine);
    if (spare !== null) evicted.add(remove(learned, set, shares, spare));
    const crowded = crowdedDevice(learned, set, shares, holder, cap);
    if (crowded === null) continue;
    const gone = remove(learned, set, shares, oldestOf(crowded.keys, set, mine));
    learned.evicted += 1;
    evicted.add(gone);
    if (mine.has(keyOf(learned, gone))) isWhole = false;
    report = `${lesson.app}: ${cap} IPv${family} ${learned.isPairs ? 'pairs' : 'endpoints'} are held, most of them for ${crowded.device}: its oldest make room (caps.${learned.isPairs ? 'peers' : 'endpoints'})`;
  }
  // A lesson larger than the cap evicts entries of its own.
  const kept = endpoints.filter((one) => !evicted.has(one));
  return { endpoints: kept, evicted: Array.from(evicted), report, isWhole };
}

/** Whose entries have to make room: all of a device that has used up its own part, else of the device
 * that holds most when there is no room at all; null: there is room. */
function crowdedDevice(
  learned: Learned,
  set: ReadonlyMap<string, Endpoint>,
  shares: Shares,
  device: string,
  cap: number,
): { readonly device: string; readonly keys: Iterable<string> } | null {
  const own = shares.byDevice.get(device);
  const part = Math.min(cap, Math.max(cap >> 3, MOST_OF_A_NAME));
  if (learned.isPairs && own !== undefined && own.size > part) return { device, keys: own };
  if (set.size <= cap) return null;
  const most = nextToGo(shares)?.device;
  // Entries that nobody in particular asked for are the oldest of the set.
  const oldest = set.values().next().value!.device;
  if (most === undefined) return { device: oldest, keys: set.keys() };
  return { device: most, keys: shares.byDevice.get(most)! };
}

/** The first that is neither in use nor just learned, else the first not just learned, else the first. */
function oldestOf(
  keys: Iterable<string>,
  set: ReadonlyMap<string, Endpoint>,
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

/** The entry of the same name that is too many, or null. The newest answer is learned whole. */
function surplusOfName(
  learned: Learned,
  endpoint: Endpoint,
  set: ReadonlyMap<string, Endpoint>,
  mine: ReadonlySet<string>,
): string | null {
  const keys = learned.names.get(nameKey(learned, endpoint))!;
  if (keys.size <= MOST_OF_A_NAME) return null;
  const oldest = oldestOf(keys, set, mine);
  return mine.has(oldest) ? null : oldest;
}

function addName(learned: Learned, endpoint: Endpoint, key: string): void {
  const name = nameKey(learned, endpoint);
  const keys = learned.names.get(name) ?? new Set<string>();
  learned.names.set(name, keys);
  keys.add(key);
}

function dropName(learned: Learned, endpoint: Endpoint, key: string): void {
  const name = nameKey(learned, endpoint);
  const keys = learned.names.get(name);
  keys?.delete(key);
  if (keys?.size === 0) learned.names.delete(name);
}

function remove(
  learned: Learned,
  set: Map<string, Endpoint>,
  shares: Shares | undefined,
  key: string,
): Endpoint {
  const gone = set.get(key)!;
  set.delete(key);
  if (shares !== undefined) disclaim(shares, key);
  dropName(learned, gone, key);
  return gone;
}

/** A flow of `device` (of a pair: its MAC, where it is known) went to `address` because it is known: it is in use, and of two devices that want it
 * the one that holds less has it. */
export function useEndpoint(learned: Learned, app: string, device: string, address: string): void {
  const family = address.includes(':') ? 6 : 4;
  const key = keyOf(learned, { device, mac: null, address });
  const set = learned.sets.get(`${app} ${family}`);
  const known = set?.get(key);
  if (set === undefined || known === undefined) return;
  set.delete(key);
  set.set(key, { ...known, used: true });
  claim(sharesOf(learned, app, family), key, device);
}

/** Takes out of the store what `isMeant`, and answers it: the caller takes it out of the kernel's sets. */
export function removeEndpoints(
  learned: Learned,
  isMeant: (endpoint: Endpoint) => boolean,
): Endpoint[] {
  const gone: Endpoint[] = [];
  for (const [name, set] of learned.sets) {
    const shares = learned.shares.get(name);
    for (const [key, endpoint] of set) {
      if (isMeant(endpoint)) gone.push(remove(learned, set, shares, key));
    }
  }
  return gone;
}

/** Takes in an endpoint that stands in the kernel already; what is known of it stays. */
export function restoreEndpoint(
  learned: Learned,
  one: Pick<Endpoint, 'app' | 'address' | 'name' | 'device' | 'expires'>,
  cap: number,
  now: number,
): void {
  const family = one.address.includes(':') ? 6 : 4;
  const set = setOf(learned, one.app, family);
  if (set.has(one.address) || set.size >= cap) return;
  const seen = { firstSeen: now, lastSeen: now, kept: one.expires, used: false };
  const endpoint = { ...one, ...NOT_KNOWN, family, ...seen } as const;
  set.set(one.address, endpoint);
  addName(learned, endpoint, one.address);
  if (one.device !== '') claim(sharesOf(learned, one.app, family), one.address, one.device);
}

function renewed(
  known: Endpoint | undefined,
  lesson: Lesson,
  address: string,
  family: Family,
  ttlSeconds: number,
): Omit<Endpoint, keyof Said> {
  // An answer with a shorter TTL does not take back what a client may still have cached.
  const expires = Math.max(lesson.at + ttlSeconds * 1000, known?.expires ?? 0);
  const isKept = known !== undefined && known.kept >= expires;
  return {
    app: lesson.app,
    address,
    family,
    name: lesson.name,
    root: lesson.root,
    device: lesson.device,
    firstSeen: known?.firstSeen ?? lesson.at,
    lastSeen: lesson.at,
    expires,
    kept: isKept ? known.kept : expires + (known === undefined ? 0 : SLACK),
    used: known?.used ?? false,
  };
}

function setOf(learned: Learned, app: string, family: Family): Map<string, Endpoint> {
  const key = `${app} ${family}`;
  const set = learned.sets.get(key) ?? new Map<string, Endpoint>();
  learned.sets.set(key, set);
  return set;
}

function sharesOf(learned: Learned, app: string, family: Family): Shares {
  const key = `${app} ${family}`;
  const shares = learned.shares.get(key) ?? createShares();
  learned.shares.set(key, shares);
  return shares;
}

/** Removes what the kernel has forgotten by `now`, and answers it: its own timeouts do the same there. */
export function expireLearned(learned: Learned, now: number): Endpoint[] {
  return removeEndpoints(learned, ({ kept }) => kept <= now);
}

/** Forgets the applications that are no longer configured; answers their entries. */
export function retainApps(learned: Learned, apps: readonly string[]): Endpoint[] {
  return removeEndpoints(learned, ({ app }) => !apps.includes(app));
}

/** Every endpoint held, by app and family, least recently seen first. */
export function learnedEndpoints(learned: Learned): Endpoint[] {
  return Array.from(learned.sets.values()).flatMap((set) => Array.from(set.values()));
}

export function findEndpoint(learned: Learned, app: string, address: string): Endpoint | null {
  return learned.sets.get(`${app} ${address.includes(':') ? 6 : 4}`)?.get(address) ?? null;
}

/** What a resolver outside has told `device` (its MAC, where it is known) of `address`. */
export function findPair(
  learned: Learned,
  app: string,
  device: string,
  address: string,
): Endpoint | null {
  return (
    learned.sets.get(`${app} ${address.includes(':') ? 6 : 4}`)?.get(`${device} ${address}`) ?? null
  );
}
