// learn/aliases: names that an application's names have led a device to (CNAME, DNAME, SVCB, HTTPS, SRV,
// NAPTR): for their TTL they are the application's for that device, since it asks for them next (RFC 1034
// section 3.6.2). Before: observe-dns (lessons). After: observe-dns, of the next query and answer.
import type { NameMatcher } from '../profile/name-match.ts';
import { type TailFilter, textTail } from '../wire/dns-walk.ts';

export interface Alias {
  readonly app: string;
  readonly name: string;
  /** The application's own name with which the chain began, and the profile entry that it matched. */
  readonly root: string;
  readonly entry: string;
  /** Records from the root to here. */
  readonly depth: number;
  /** Milliseconds. */
  readonly expires: number;
}

/** A name that a lesson leads to. */
export interface Target {
  readonly name: string;
  /** Clamped into the profile's bounds. */
  readonly ttlSeconds: number;
  readonly depth: number;
}

/** What a lesson says of names. */
export interface Leads {
  readonly app: string;
  readonly root: string;
  readonly entry: string;
  readonly at: number;
  readonly targets: readonly Target[];
}

export interface AliasLimits {
  /** Names of one device, and of all devices together. */
  readonly perDevice: number;
  readonly total: number;
}

/** The names of three applications, forty each, with a chain of four behind every one; some 300 bytes each. */
const ALIAS_LIMITS: AliasLimits = { perDevice: 512, total: 2048 };

/** An answer may come this much later than the query that was sent while the name still counted. */
const GRACE_MILLISECONDS = 10_000;

export interface Aliases {
  readonly limits: AliasLimits;
  /** By device, then by name, the one not asked for longest first; one for each app that leads there. */
  readonly byDevice: Map<string, Map<string, readonly Alias[]>>;
  /** Names held, of all devices together. */
  count: number;
  /** Names that had to make room since the start. */
  evicted: number;
  /** When the next one expires, milliseconds. */
  soonest: number;
  /** Lets the names through that the matcher or an alias may want; null: to be made anew. */
  filter: TailFilter | null;
  /** The matcher of which the filter was made. */
  matcher: NameMatcher | null;
}

export function createAliases(limits: AliasLimits = ALIAS_LIMITS): Aliases {
  return {
    limits,
    byDevice: new Map(),
    count: 0,
    evicted: 0,
    soonest: Number.POSITIVE_INFINITY,
    filter: null,
    matcher: null,
  };
}

/** For walkNames: the matcher's own filter as long as no alias is held. */
export function filterOf(aliases: Aliases, matcher: NameMatcher): TailFilter {
  if (aliases.count === 0) return matcher.filter;
  if (aliases.filter !== null && aliases.matcher === matcher) return aliases.filter;
  const filter = matcher.filter.slice();
  for (const names of aliases.byDevice.values()) {
    for (const name of names.keys()) filter[textTail(name)] = 1;
  }
  aliases.filter = filter;
  aliases.matcher = matcher;
  return filter;
}

const NONE: readonly Alias[] = [];

/** Whether an application's name has led `device` to `name`. */
export function isAlias(aliases: Aliases, device: string, name: string, now: number): boolean {
  const known = aliases.byDevice.get(device)?.get(name);
  return known?.some(({ expires }) => expires > now) ?? false;
}

/** The applications whose names have led `device` to `name`; it counts as used. */
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

/** Takes in the names that a lesson leads `device` to. */
export function learnAliases(aliases: Aliases, device: string, leads: Leads): void {
  for (const target of leads.targets) learnAlias(aliases, device, leads, target);
}

function learnAlias(aliases: Aliases, device: string, leads: Leads, target: Target): void {
  const { app, root, entry, at } = leads;
  const { name, depth, ttlSeconds } = target;
  const names = aliases.byDevice.get(device) ?? new Map<string, readonly Alias[]>();
  aliases.byDevice.set(device, names);
  const known = names.get(name);
  const before = known?.find((one) => one.app === app);
  // An answer with a shorter TTL does not take back what the device may still have cached.
  const until = at + ttlSeconds * 1000 + GRACE_MILLISECONDS;
  const expires = Math.max(until, before?.expires ?? 0);
  const others = known?.filter((one) => one !== before) ?? NONE;
  names.delete(name);
  names.set(name, [...others, { app, name, root, entry, depth, expires }]);
  aliases.soonest = Math.min(aliases.soonest, expires);
  if (known !== undefined) return;
  aliases.count += 1;
  if (aliases.filter !== null) aliases.filter[textTail(name)] = 1;
  const { perDevice, total } = aliases.limits;
  if (names.size > perDevice) evict(aliases, device, names);
  else if (aliases.count > total) evict(aliases, ...greediest(aliases));
}

/** The name that was not asked for longest makes room. */
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

/** Forgets what has expired by `now` (milliseconds). */
export function expireAliases(aliases: Aliases, now: number): void {
  if (now < aliases.soonest) return;
  retainAliases(aliases, ({ expires }) => expires > now);
}

/** Forgets the aliases that are not to be kept; answers how many. */
export function retainAliases(
  aliases: Aliases,
  isKept: (alias: Alias, device: string) => boolean,
): number {
  let gone = 0;
  aliases.soonest = Number.POSITIVE_INFINITY;
  // A place in it may be that of several names; what an eviction leaves there costs a look, no more.
  aliases.filter = null;
  for (const [device, names] of aliases.byDevice) {
    for (const [name, list] of names) {
      const kept = list.filter((one) => isKept(one, device));
      gone += list.length - kept.length;
      if (kept.length === 0) drop(aliases, device, names, name);
      else if (kept.length < list.length) names.set(name, kept);
      for (const { expires } of kept) aliases.soonest = Math.min(aliases.soonest, expires);
    }
  }
  return gone;
}

/** Whom the name leads to: aliases of any device, for `why`. */
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

/** A name as it is told: with the application's own name that led to it, if it is not one itself. */
export function nameInWords(name: string, root: string | undefined): string {
  return root === undefined || root === name ? name : `${name}, to which ${root} led`;
}

/** The same with more of the sentence behind it. */
export function nameWithin(name: string, root: string | undefined): string {
  const words = nameInWords(name, root);
  return words === name ? words : `${words},`;
}
