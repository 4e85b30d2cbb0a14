// learn/aliases: names reached from an application's names by CNAME, DNAME, SVCB, HTTPS, SRV or NAPTR. For its
// TTL such a name belongs to the application for the device that got the answer, since that device queries it
// next (RFC 1034 section 3.6.2). learn/observe-dns adds aliases and matches later queries and answers against
// them.
import type { NameMatcher } from '../profile/name-match.ts';
import { type TailFilter, textTail } from '../wire/dns-walk.ts';

export interface Alias {
  readonly app: string;
  readonly name: string;
  /** The application's own name at the start of the chain, and the profile entry that matched it. */
  readonly root: string;
  readonly entry: string;
  /** Records from `root` to `name`. */
  readonly depth: number;
  /** Milliseconds. */
  readonly expires: number;
}

/** A name that a record of a lesson points to. */
export interface AliasTarget {
  readonly name: string;
  /** Clamped into the profile's bounds. */
  readonly ttlSeconds: number;
  readonly depth: number;
}

/** The targets of one lesson. */
export interface Leads {
  readonly app: string;
  readonly root: string;
  readonly entry: string;
  readonly at: number;
  readonly targets: readonly AliasTarget[];
}

export interface AliasLimits {
  /** Names of one device, and of all devices together. */
  readonly perDevice: number;
  readonly total: number;
}

/** Room for three applications of forty names each, every name with a chain of four; about 300 bytes a name. */
const ALIAS_LIMITS: AliasLimits = { perDevice: 512, total: 2048 };

/** Added to each TTL: an answer may arrive this much later than the query, which was sent before the TTL ended. */
const GRACE_MILLISECONDS = 10_000;

export interface Aliases {
  readonly limits: AliasLimits;
  /** By device, then by name, least recently asked for first; one Alias for each app. */
  readonly byDevice: Map<string, Map<string, readonly Alias[]>>;
  /** Names held, of all devices together. */
  count: number;
  /** Names evicted since the start. */
  evicted: number;
  /** When the next alias expires, milliseconds. */
  soonest: number;
  /** The applications in their order, by which `tails` has them. */
  apps: readonly string[];
  /** At the textTail of every alias the number of its application, from 1, or SEVERAL. Changed in place: the host
   * program reads it (kernel/glance). */
  readonly tails: TailFilter;
  /** Passes every name that `matcher` or an alias may match; null: has to be built again. */
  filter: TailFilter | null;
  /** The matcher that `filter` was built from. */
  matcher: NameMatcher | null;
}

/** Aliases of several applications have one tail. */
const SEVERAL = 255;

export function createAliases(apps: readonly string[] = [], limits = ALIAS_LIMITS): Aliases {
  return {
    limits,
    apps,
    byDevice: new Map(),
    count: 0,
    evicted: 0,
    soonest: Number.POSITIVE_INFINITY,
    tails: new Uint8Array(4096),
    filter: null,
    matcher: null,
  };
}

/** The filter for walkNames: the matcher's own filter while no alias is held. */
export function filterOf(aliases: Aliases, matcher: NameMatcher): TailFilter {
  if (aliases.count === 0) return matcher.filter;
  if (aliases.filter !== null && aliases.matcher === matcher) return aliases.filter;
  const filter = matcher.filter.map((passes, key) => passes | aliases.tails[key]!);
  aliases.filter = filter;
  aliases.matcher = matcher;
  return filter;
}

const NONE: readonly Alias[] = [];

/** Whether an application's name has led `device` to `name`; does not count as a use. */
export function isAlias(aliases: Aliases, device: string, name: string, now: number): boolean {
  const known = aliases.byDevice.get(device)?.get(name);
  return known?.some(({ expires }) => expires > now) ?? false;
}

/** The unexpired aliases of `name` for `device`; marks `name` as most recently used. */
export function aliasesOf(
  aliases: Aliases,
  device: string,
  name: string,
  now: number,
): readonly Alias[] {
  const names = aliases.byDevice.get(device);
  const known = names?.get(name);
  if (names === undefined || known === undefined) return NONE;
  names.delete(name);
  names.set(name, known);
  return known.filter(({ expires }) => expires > now);
}

/** Adds the targets of a lesson for `device`. */
export function learnAliases(aliases: Aliases, device: string, leads: Leads): void {
  for (const target of leads.targets) learnAlias(aliases, device, leads, target);
}

function learnAlias(aliases: Aliases, device: string, leads: Leads, target: AliasTarget): void {
  const { app, root, entry, at } = leads;
  const { name, depth, ttlSeconds } = target;
  const names = aliases.byDevice.get(device) ?? new Map<string, readonly Alias[]>();
  aliases.byDevice.set(device, names);
  const known = names.get(name);
  const before = known?.find((one) => one.app === app);
  // A shorter TTL does not shorten the entry: the device may still have the older answer in its cache.
  const until = at + ttlSeconds * 1000 + GRACE_MILLISECONDS;
  const expires = Math.max(until, before?.expires ?? 0);
  const others = known?.filter((one) => one !== before) ?? NONE;
  names.delete(name);
  names.set(name, [...others, { app, name, root, entry, depth, expires }]);
  aliases.soonest = Math.min(aliases.soonest, expires);
  const tail = markTail(aliases, name, app);
  if (known !== undefined) return;
  aliases.count += 1;
  if (aliases.filter !== null) aliases.filter[tail] = 1;
  const { perDevice, total } = aliases.limits;
  if (names.size > perDevice) evict(aliases, device, names);
  else if (aliases.count > total) evict(aliases, ...greediest(aliases));
}

function markTail({ apps, tails }: Aliases, name: string, app: string): number {
  const tail = textTail(name);
  const known = tails[tail]!;
  const number = apps.indexOf(app) + 1 || SEVERAL;
  tails[tail] = known === 0 || known === number ? number : SEVERAL;
  return tail;
}

/** Evicts the device's name that was least recently asked for. */
function evict(aliases: Aliases, device: string, names: Map<string, readonly Alias[]>): void {
  for (const name of names.keys()) {
    drop(aliases, device, names, name);
    aliases.evicted += 1;
    return;
  }
}

function greediest(aliases: Aliases): [string, Map<string, readonly Alias[]>] {
  let most: [string, Map<string, readonly Alias[]>] = ['', new Map()];
  for (const one of aliases.byDevice) if (one[1].size > most[1].size) most = one;
  return most;
}

function drop(
  aliases: Aliases,
  device: string,
  names: Map<string, readonly Alias[]>,
  name: string,
): void {
  names.delete(name);
  aliases.count -= 1;
  if (names.size === 0) aliases.byDevice.delete(device);
}

/** Removes the aliases that have expired by `now` (milliseconds). */
export function expireAliases(aliases: Aliases, now: number): void {
  if (now < aliases.soonest) return;
  retainAliases(aliases, ({ expires }) => expires > now);
}

/** Removes the aliases for which `isKept` is false; returns how many. `apps`: the applications from now on. */
export function retainAliases(
  aliases: Aliases,
  isKept: (alias: Alias, device: string) => boolean,
  apps = aliases.apps,
): number {
  let gone = 0;
  aliases.apps = apps;
  aliases.soonest = Number.POSITIVE_INFINITY;
  // Several names may share one filter place, so a removal builds the filter again. An eviction leaves its place
  // set: that costs one look-up in vain.
  aliases.filter = null;
  aliases.tails.fill(0);
  for (const [device, names] of aliases.byDevice) {
    for (const [name, list] of names) {
      const kept = list.filter((one) => isKept(one, device));
      gone += list.length - kept.length;
      if (kept.length === 0) {
        drop(aliases, device, names, name);
        continue;
      }
      for (const { app } of kept) markTail(aliases, name, app);
      if (kept.length < list.length) names.set(name, kept);
      for (const { expires } of kept) aliases.soonest = Math.min(aliases.soonest, expires);
    }
  }
  return gone;
}

/** The unexpired aliases of `name` for every device, for `whp why`. */
export function devicesLedTo(
  aliases: Aliases,
  name: string,
  now: number,
): { readonly device: string; readonly alias: Alias }[] {
  return Array.from(aliases.byDevice).flatMap(([device, names]) => {
    const known = names.get(name) ?? NONE;
    return known.filter(({ expires }) => expires > now).map((alias) => ({ device, alias }));
  });
}

/** `name` for a text, with the application's own name `root` that led to it, unless they are the same. */
export function nameInWords(name: string, root: string | undefined): string {
  return root === undefined || root === name ? name : `${name}, to which ${root} led`;
}

/** nameInWords for the middle of a sentence: closes with a comma where it adds a clause. */
export function nameWithin(name: string, root: string | undefined): string {
  const words = nameInWords(name, root);
  return words === name ? words : `${words},`;
}
