// learn/endpoints: the addresses learned from DNS answers, by application and family, with their evidence. One
// store holds addresses for the whole home (told by the router's own resolver); another holds pairs of a device
// and an address (told to that device by another resolver). Bounded by caps, by name and by device
// (learn/endpoint-evictions).

import { claim, createShares, disclaim, type Shares } from '../bounds/fair-share.ts';
import { keptFor } from '../ruleset/elements.ts';
import { type Family, familyIn, parseAddress } from '../wire/address.ts';
import { byteString } from '../wire/hex.ts';
import { type Crowd, crowdedText, crowdsOf, surplusOfName } from './endpoint-evictions.ts';
import { addName, dropName, keysOfName, type NameIndex } from './endpoint-names.ts';
import type { Lesson } from './observe-dns.ts';

export interface Endpoint {
  readonly app: string;
  readonly address: string;
  /** The address as a key of a set, one character a byte (wire/hex). */
  readonly key: string;
  readonly family: Family;
  /** The last name that led here, and the device that asked for it. */
  readonly name: string;
  /** The application's own name that led to `name`; absent: not known. */
  readonly root?: string;
  readonly device: string;
  /** MAC of `device`; null: not known. A pair is keyed by the MAC, else by the address. */
  readonly mac: string | null;
  /** The resolver that answered; null: not known any more. */
  readonly resolver: string | null;
  /** Milliseconds. */
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** When the TTL ends. */
  readonly expires: number;
  /** When the kernel's element expires, which is what counts; not before `expires`. */
  readonly kept: number;
  /** A flow used this entry: it is evicted last. */
  readonly used: boolean;
}

export interface Learned extends NameIndex {
  /** By app and family; within, by address (pairs: by device and address), least recently seen first (a Map keeps
   * insertion order). */
  readonly sets: Map<string, Map<string, Endpoint>>;
  /** Devices that the entries count for, by app and family. */
  readonly shares: Map<string, Shares>;
  /** Entries evicted at a cap since the start. */
  evicted: number;
}

export interface LearnedChange {
  /** New entries, and entries whose kernel element would expire before the lesson does, or much later: write them to
   * the set. */
  readonly endpoints: readonly Endpoint[];
  /** Evicted entries that the kernel's set has: delete them there, before `endpoints` are added. One that it does not
   * have would fail the whole transaction. */
  readonly evicted: readonly Endpoint[];
  /** Log line of an eviction at a cap, the same for one set and device; null: none. */
  readonly report: string | null;
  /** False: the lesson is larger than the cap, and a part of it was not learned. */
  readonly isWhole: boolean;
}

export function createLearned(isPairs = false): Learned {
  return { sets: new Map(), shares: new Map(), names: new Map(), isPairs, evicted: 0 };
}

/** The two ends of a DNS exchange: MAC of the device that asked, and the resolver that answered. */
export interface Exchange {
  readonly mac: string | null;
  readonly resolver: string | null;
  /** The host program has added the elements, each for as long as the longest lease. */
  readonly isTaught?: true;
}

const NOT_KNOWN: Exchange = { mac: null, resolver: null };

/** Key of an entry: an address, or in the store of pairs a device and an address. */
function keyOf(learned: Learned, one: Pick<Endpoint, 'device' | 'mac' | 'address'>): string {
  return learned.isPairs ? `${one.mac ?? one.device} ${one.address}` : one.address;
}

/** Learns the addresses of a lesson. `cap` is per app and family; of pairs, one device may have an eighth of it,
 * or MOST_OF_A_NAME if that is more. */
export function learnEndpoints(
  learned: Learned,
  lesson: Lesson,
  cap: number,
  exchange: Exchange = NOT_KNOWN,
): LearnedChange {
  const endpoints: Endpoint[] = [];
  const added = new Set<Endpoint>();
  const { mac, resolver, isTaught = false } = exchange;
  for (const { address, ttlSeconds } of lesson.addresses) {
    const family = familyIn(address);
    const set = setOf(learned, lesson.app, family);
    const key = keyOf(learned, { device: lesson.device, mac, address });
    const known = set.get(key);
    const endpoint = { ...renewed(known, lesson, address, family, ttlSeconds), mac, resolver };
    if (known !== undefined) dropName(learned, known, key);
    // Of an address that the lesson has twice, the first is not in the kernel either.
    if (known === undefined || added.delete(known)) added.add(endpoint);
    // Inserted again as the most recent.
    set.delete(key);
    set.set(key, endpoint);
    addName(learned, endpoint, key);
    claim(sharesOf(learned, lesson.app, family), key, holderOf(learned, lesson, exchange));
    if (isTaught || endpoint.kept !== known?.kept) endpoints.push(endpoint);
  }
  const families = new Set(lesson.addresses.map(({ address }) => familyIn(address)));
  const rooms = Array.from(families, (one) => makeRoom(learned, lesson, cap, exchange, one));
  const evicted = new Set(rooms.flatMap(({ gone }) => gone));
  return {
    // A lesson larger than the cap evicts some of its own entries.
    endpoints: endpoints.filter((one) => !evicted.has(one)),
    evicted: Array.from(evicted).filter((one) => !added.has(one) && one.kept > lesson.at),
    report: rooms.findLast(({ report }) => report !== null)?.report ?? null,
    isWhole: rooms.every(({ isWhole }) => isWhole),
  };
}

/** The device that the entries of a lesson count for. */
function holderOf(learned: Learned, { device }: Lesson, { mac }: Exchange): string {
  return learned.isPairs ? (mac ?? device) : device;
}

interface Room extends Pick<LearnedChange, 'report' | 'isWhole'> {
  readonly gone: readonly Endpoint[];
}

/** Evicts what is above the bounds after a lesson: once for all of its addresses, since each eviction passes over
 * those that are not to go. */
function makeRoom(
  learned: Learned,
  lesson: Lesson,
  cap: number,
  exchange: Exchange,
  family: Family,
): Room {
  const { app, device } = lesson;
  const set = setOf(learned, app, family);
  const shares = sharesOf(learned, app, family);
  const mine = new Set(
    lesson.addresses.map(({ address }) => keyOf(learned, { device, mac: exchange.mac, address })),
  );
  const keys = keysOfName(learned, { ...lesson, ...exchange, family });
  const surplus = keys === undefined ? [] : surplusOfName(keys, set, mine);
  const gone = surplus.map((key) => remove(learned, set, shares, key));
  const crowds: Crowd[] = [];
  const holder = holderOf(learned, lesson, exchange);
  for (const crowd of crowdsOf(learned.isPairs, set, shares, holder, cap, mine)) {
    for (const key of crowd.keys) gone.push(remove(learned, set, shares, key));
    learned.evicted += crowd.keys.length;
    crowds.push(crowd);
  }
  const isWhole = !crowds.some((crowd) => crowd.keys.some((key) => mine.has(key)));
  return { gone, report: crowdedText(learned.isPairs, app, family, cap, crowds), isWhole };
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

/** A flow of `device` (for a pair: its MAC where known) went to `address` by this entry: marks the entry as used
 * and most recent. Of two devices that use it, the entry counts for the one that holds less. */
export function useEndpoint(learned: Learned, app: string, device: string, address: string): void {
  const family = familyIn(address);
  const key = keyOf(learned, { device, mac: null, address });
  const set = learned.sets.get(`${app} ${family}`);
  const known = set?.get(key);
  if (set === undefined || known === undefined) return;
  set.delete(key);
  set.set(key, { ...known, used: true });
  claim(sharesOf(learned, app, family), key, device);
}

/** Removes the entries for which `isMeant` is true and returns them; the caller deletes them from the kernel's
 * sets. */
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

/** Adds an endpoint that the kernel already has. Keeps an entry that is already known; drops it when the set is
 * full. */
export function restoreEndpoint(
  learned: Learned,
  one: Pick<Endpoint, 'app' | 'address' | 'key' | 'name' | 'device' | 'expires'>,
  cap: number,
  now: number,
): void {
  const family = familyIn(one.address);
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
): Omit<Endpoint, keyof Exchange> {
  // A shorter TTL does not shorten the entry: a client may still have the older answer in its cache.
  const expires = Math.max(lesson.at + ttlSeconds * 1000, known?.expires ?? 0);
  const isKept = known !== undefined && known.kept >= expires;
  return {
    app: lesson.app,
    address,
    key: known?.key ?? byteString(parseAddress(address)!),
    family,
    name: lesson.name,
    root: lesson.root,
    device: lesson.device,
    firstSeen: known?.firstSeen ?? lesson.at,
    lastSeen: lesson.at,
    expires,
    kept: isKept ? known.kept : lesson.at + keptFor(expires - lesson.at),
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

/** Removes and returns the entries whose kernel elements have timed out by `now`. */
export function expireLearned(learned: Learned, now: number): Endpoint[] {
  return removeEndpoints(learned, ({ kept }) => kept <= now);
}

/** Removes and returns the entries of applications that are not configured any more. */
export function retainApps(learned: Learned, apps: readonly string[]): Endpoint[] {
  return removeEndpoints(learned, ({ app }) => !apps.includes(app));
}

/** The endpoints that the kernel has at `now` (milliseconds), in the order of learnedEndpoints. */
export function livingEndpoints(learned: Learned, now: number): Endpoint[] {
  return learnedEndpoints(learned).filter(({ kept }) => kept > now);
}

/** All endpoints, by app and family, least recently seen first; those that have expired too. */
export function learnedEndpoints(learned: Learned): Endpoint[] {
  return Array.from(learned.sets.values()).flatMap((set) => Array.from(set.values()));
}

export function findEndpoint(learned: Learned, app: string, address: string): Endpoint | null {
  return learned.sets.get(`${app} ${familyIn(address)}`)?.get(address) ?? null;
}

/** The pair of `device` (its MAC where known) and `address`; null: no other resolver has told it. */
export function findPair(
  learned: Learned,
  app: string,
  device: string,
  address: string,
): Endpoint | null {
  return learned.sets.get(`${app} ${familyIn(address)}`)?.get(`${device} ${address}`) ?? null;
}
