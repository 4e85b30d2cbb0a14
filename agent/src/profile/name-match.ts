// Which applications a domain name belongs to, decided on the bytes of a DNS message. All profiles
// compile to one matcher; a name that is nobody's is refused by the length and two letters of its
// last label but one. wire/dns-walk supplies the names, learn/ the messages.
import { type NameLabels, nameLabels, readName } from '../wire/dns-names.ts';
import { type TailFilter, tailKey, textTail } from '../wire/dns-walk.ts';
import {
  asciiBytes,
  type LabelPattern,
  matchLabel,
  parsePattern,
  sameText,
} from './name-pattern.ts';
import type { ProfileNames } from './profile.ts';

/** What the matcher needs of a policy's app. */
export interface NamedApp {
  readonly name: string;
  readonly profile: { readonly dns: ProfileNames };
}

export interface NameMatch {
  /** Name of the app's section. */
  readonly app: string;
  /** The profile entry that matched, as written there; suffixes with a dot in front. */
  readonly entry: string;
}

interface Entry {
  readonly match: NameMatch;
  /** Position of the app, and rank of the kind: the more specific entry is tried first. */
  readonly app: number;
  readonly rank: number;
  /** Labels left of the tail, from right to left. */
  readonly labels: readonly LabelPattern[];
  /** Bytes of the first of them where it is written out, or ANY: most entries are refused by it. */
  readonly size: number;
  /** True when more labels may follow on the left. */
  readonly below: boolean;
}

/** Entries that share their last two labels. */
interface Bucket {
  readonly tail: string;
  readonly second: Uint8Array;
  readonly top: Uint8Array;
  readonly entries: Entry[];
  readonly except: Entry[];
}

export interface NameMatcher {
  /** For walkNames: refuses nearly every name that is nobody's. */
  readonly filter: TailFilter;
  /** By tailKey of the last label but one. */
  readonly buckets: ReadonlyMap<number, readonly Bucket[]>;
}

/**
 * Compiles the names of all apps. Within an app's candidates for a name an exact name comes before a
 * pattern, a pattern before a suffix, a longer suffix before a shorter one.
 * Entries that parse would refuse are left out.
 */
export function compileNames(apps: readonly NamedApp[]): NameMatcher {
  const filter: TailFilter = new Uint8Array(4096);
  const buckets = new Map<number, Bucket[]>();
  apps.forEach((app, position) => {
    const { names, suffixes, patterns, except } = app.profile.dns;
    const add = (value: string, rank: number, below: boolean, isExcept: boolean) => {
      const labels = rank === 1 ? parsePattern(value) : literalLabels(value);
      if (typeof labels === 'string' || labels.length < 2) return;
      const bucket = bucketFor(value, filter, buckets);
      const entry = {
        match: { app: app.name, entry: below ? `.${value}` : value },
        app: position,
        rank: rank * 128 - (below ? labels.length : 0),
        labels: labels.slice(0, -2).reverse(),
        size: sizeOf(labels.at(-3)),
        below,
      };
      (isExcept ? bucket.except : bucket.entries).push(entry);
    };
    for (const { value } of names) add(value, 0, false, false);
    for (const { value } of patterns) add(value, 1, false, false);
    for (const { value } of suffixes) add(value, 2, true, false);
    for (const { value } of except) add(value, 2, true, true);
  });
  for (const list of buckets.values()) {
    for (const bucket of list) bucket.entries.sort((a, b) => a.rank - b.rank || a.app - b.app);
  }
  return { filter, buckets };
}

const ANY = -1;

function sizeOf(label: LabelPattern | undefined): number {
  const only = label?.length === 1 ? label[0]! : undefined;
  return only?.kind === 'text' ? only.bytes.length : ANY;
}

function literalLabels(name: string): LabelPattern[] {
  return name.split('.').map((label) => [{ kind: 'text', bytes: asciiBytes(label) }]);
}

function bucketFor(value: string, filter: TailFilter, buckets: Map<number, Bucket[]>): Bucket {
  const [second = '', top = ''] = value.split('.').slice(-2);
  const key = tailKey(second.length, second.charCodeAt(0), second.charCodeAt(second.length - 1));
  filter[key] = 1;
  const list = buckets.get(key) ?? [];
  buckets.set(key, list);
  const known = list.find((bucket) => bucket.tail === `${second}.${top}`);
  if (known !== undefined) return known;
  const bucket = {
    tail: `${second}.${top}`,
    second: asciiBytes(second),
    top: asciiBytes(top),
    entries: [],
    except: [],
  };
  list.push(bucket);
  return bucket;
}

const NOBODY: readonly NameMatch[] = [];

/**
 * The apps to which a name belongs whose labels wire/dns-names has found: each once, in their order,
 * with the most specific entry of its profile.
 */
export function matchLabels(
  matcher: NameMatcher,
  bytes: Uint8Array,
  labels: NameLabels,
): readonly NameMatch[] {
  const bucket = bucketOf(matcher, bytes, labels);
  return bucket === null ? NOBODY : matchBucket(bucket, bytes, labels);
}

function bucketOf(matcher: NameMatcher, bytes: Uint8Array, labels: NameLabels): Bucket | null {
  const count = labels.count;
  if (count < 2) return null;
  const top = labels.starts[count - 1]!;
  const second = labels.starts[count - 2]!;
  const size = bytes[second]!;
  const key = tailKey(size, bytes[second + 1]!, bytes[second + size]!);
  if (matcher.filter[key] === 0) return null;
  for (const bucket of matcher.buckets.get(key)!) {
    if (bytes[top] !== bucket.top.length) continue;
    if (!sameText(bucket.second, bytes, second + 1, bytes[second]!)) continue;
    if (!sameText(bucket.top, bytes, top + 1, bytes[top]!)) continue;
    return bucket;
  }
  return null;
}

function matchBucket(bucket: Bucket, bytes: Uint8Array, labels: NameLabels): readonly NameMatch[] {
  const size = labels.count < 3 ? 0 : bytes[labels.starts[labels.count - 3]!]!;
  const scopes = scopesOf(bytes, labels);
  let found: Entry[] | null = null;
  for (const entry of bucket.entries) {
    if (entry.size !== ANY && entry.size !== size) continue;
    if (!fits(entry, bytes, labels, scopes)) continue;
    // The entries of an app come with the more specific one first.
    if (found?.some(({ app }) => app === entry.app)) continue;
    if (isExcepted(bucket, entry.app, bytes, labels)) continue;
    found ??= [];
    found.push(entry);
  }
  if (found === null) return NOBODY;
  return found.sort((a, b) => a.app - b.app).map(({ match }) => match);
}

function isExcepted(bucket: Bucket, app: number, bytes: Uint8Array, labels: NameLabels): boolean {
  return bucket.except.some((except) => except.app === app && fits(except, bytes, labels));
}

const UNDERSCORE = 0x5f;

/** Labels such as _sip._udp on the left: they name a service of the host behind them (RFC 8552), whose
 * records (SRV, HTTPS) are as much an application's as its addresses. */
function scopesOf(bytes: Uint8Array, { starts, count }: NameLabels): number {
  let scopes = 0;
  while (scopes < count - 2 && bytes[starts[scopes]! + 1] === UNDERSCORE) scopes += 1;
  return scopes;
}

/** Whether the labels left of the last two are those of the entry, with `scopes` labels before them or
 * without. */
function fits(entry: Entry, bytes: Uint8Array, labels: NameLabels, scopes = 0): boolean {
  const wanted = entry.labels.length;
  const found = labels.count - 2;
  if (entry.below ? found < wanted : found !== wanted && found - scopes !== wanted) return false;
  for (let i = 0; i < wanted; i++) {
    const at = labels.starts[found - 1 - i]!;
    if (!matchLabel(entry.labels[i]!, bytes, at + 1, bytes[at]!)) return false;
  }
  return true;
}

const scratch = nameLabels();

/**
 * The apps to which the name at `offset` belongs (see matchLabels); `base` and `end` bound the DNS
 * message whose compression pointers it may use. A broken name belongs to nobody.
 */
export function matchName(
  matcher: NameMatcher,
  bytes: Uint8Array,
  offset: number,
  base = 0,
  end = bytes.length,
): readonly NameMatch[] {
  const behind = readName(bytes, base, end, offset, scratch);
  return behind < 0 ? NOBODY : matchLabels(matcher, bytes, scratch);
}

/** The same for a name as text, in lower case. */
export function matchText(matcher: NameMatcher, name: string): readonly NameMatch[] {
  const wire = wireOf(name);
  return wire === null ? NOBODY : matchName(matcher, wire, 0);
}

/** Whether `app` is to leave a name alone: its profile or the owner excepts it. */
export function isExceptedText(matcher: NameMatcher, app: string, name: string): boolean {
  if (matcher.filter[textTail(name)] === 0) return false;
  const wire = wireOf(name);
  if (wire === null || readName(wire, 0, wire.length, 0, scratch) < 0) return false;
  const bucket = bucketOf(matcher, wire, scratch);
  return bucket?.except.some((one) => one.match.app === app && fits(one, wire, scratch)) ?? false;
}

/** A name as DNS writes it, or null; `\DDD` is the byte of that number (wire/dns-names, nameText). */
function wireOf(name: string): Uint8Array | null {
  const wire = new Uint8Array(name.length + 2);
  let at = 0;
  for (const text of name.split('.')) {
    const label = text.replace(/\\(\d{3})/g, (_, byte: string) =>
      String.fromCharCode(Number(byte)),
    );
    if (label.length === 0 || label.length > 63) return null;
    wire[at] = label.length;
    for (let i = 0; i < label.length; i++) wire[at + 1 + i] = label.charCodeAt(i);
    at += label.length + 1;
  }
  return wire;
}
