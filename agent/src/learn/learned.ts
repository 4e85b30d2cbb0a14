// The endpoints learned by DNS, per application and family: what the kernel's address sets have to
// hold, with the evidence of each entry. Bounded by the profile's caps and shared out fairly among
// the devices, aged by time. observe-dns fills it; evidence asks it "why".
import { SLACK } from '../ruleset/elements.ts';
import type { Family } from '../wire/address.ts';
import type { Lesson } from './observe-dns.ts';
import { claim, createShares, disclaim, nextToGo, type Shares } from './shares.ts';

export interface Endpoint {
  readonly app: string;
  readonly address: string;
  readonly family: Family;
  /** The name that led here last, and the device that asked for it. */
  readonly name: string;
  readonly device: string;
  /** Milliseconds. */
  readonly firstSeen: number;
  readonly lastSeen: number;
  readonly expires: number;
  /** How long the kernel's set keeps it, at least as long. */
  readonly kept: number;
}

export interface Learned {
  /** By app and family; within, the least recently seen first (a Map keeps insertion order). */
  readonly sets: Map<string, Map<string, Endpoint>>;
  /** Whose the entries are, by app and family. */
  readonly shares: Map<string, Shares>;
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
}

export function createLearned(): Learned {
  return { sets: new Map(), shares: new Map(), evicted: 0 };
}

/** Takes in a lesson. `cap` is the profile's caps.endpoints, counted per family. */
export function learnEndpoints(learned: Learned, lesson: Lesson, cap: number): LearnedChange {
  const endpoints: Endpoint[] = [];
  const evicted = new Set<Endpoint>();
  let report: string | null = null;
  for (const { address, ttlSeconds } of lesson.addresses) {
    const family = address.includes(':') ? 6 : 4;
    const set = setOf(learned, lesson.app, family);
    const shares = sharesOf(learned, lesson.app, family);
    const known = set.get(address);
    const endpoint = renewed(known, lesson, address, family, ttlSeconds);
    // Back in as the youngest.
    set.delete(address);
    set.set(address, endpoint);
    claim(shares, address, lesson.device);
    if (endpoint.kept !== known?.kept) endpoints.push(endpoint);
    if (set.size <= cap) continue;
    const { gone, device } = evict(set, shares);
    learned.evicted += 1;
    evicted.add(gone);
    report = `${lesson.app}: ${cap} IPv${family} endpoints are held, most of them for ${device}: its oldest make room (caps.endpoints)`;
  }
  // A lesson larger than the cap evicts entries of its own.
  const kept = endpoints.filter((one) => !evicted.has(one));
  return { endpoints: kept, evicted: Array.from(evicted), report };
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
  set.set(one.address, { ...one, family, firstSeen: now, lastSeen: now, kept: one.expires });
  if (one.device !== '') claim(sharesOf(learned, one.app, family), one.address, one.device);
}

function renewed(
  known: Endpoint | undefined,
  lesson: Lesson,
  address: string,
  family: Family,
  ttlSeconds: number,
): Endpoint {
  // An answer with a shorter TTL does not take back what a client may still have cached.
  const expires = Math.max(lesson.at + ttlSeconds * 1000, known?.expires ?? 0);
  const isKept = known !== undefined && known.kept >= expires;
  return {
    app: lesson.app,
    address,
    family,
    name: lesson.name,
    device: lesson.device,
    firstSeen: known?.firstSeen ?? lesson.at,
    lastSeen: lesson.at,
    expires,
    kept: isKept ? known.kept : expires + (known === undefined ? 0 : SLACK),
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

/** Makes room in a set that is not empty: the oldest entry of the device that holds most goes. */
function evict(set: Map<string, Endpoint>, shares: Shares): { gone: Endpoint; device: string } {
  const next = nextToGo(shares);
  const known = next === null ? undefined : set.get(next.key);
  // Entries that nobody in particular asked for are the oldest of the set.
  const gone = known ?? set.values().next().value!;
  set.delete(gone.address);
  disclaim(shares, gone.address);
  return { gone, device: next?.device ?? gone.device };
}

/** Removes what has expired by `now` and answers it. The kernel's own timeouts do the same there. */
export function expireLearned(learned: Learned, now: number): Endpoint[] {
  const gone: Endpoint[] = [];
  for (const [key, set] of learned.sets) {
    const shares = learned.shares.get(key);
    for (const endpoint of set.values()) {
      if (endpoint.expires > now) continue;
      set.delete(endpoint.address);
      if (shares !== undefined) disclaim(shares, endpoint.address);
      gone.push(endpoint);
    }
  }
  return gone;
}

/** Forgets the applications that are no longer configured; answers their entries. */
export function retainApps(learned: Learned, apps: readonly string[]): Endpoint[] {
  const gone: Endpoint[] = [];
  for (const [key, set] of learned.sets) {
    if (apps.includes(key.split(' ')[0]!)) continue;
    gone.push(...set.values());
    learned.sets.delete(key);
    learned.shares.delete(key);
  }
  return gone;
}

/** Every endpoint held, by app and family, least recently seen first. */
export function learnedEndpoints(learned: Learned): Endpoint[] {
  return Array.from(learned.sets.values()).flatMap((set) => Array.from(set.values()));
}

export function findEndpoint(learned: Learned, app: string, address: string): Endpoint | null {
  for (const family of [4, 6]) {
    const found = learned.sets.get(`${app} ${family}`)?.get(address);
    if (found !== undefined) return found;
  }
  return null;
}
