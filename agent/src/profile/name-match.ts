// profile/name-match: finds the applications of a domain name in the bytes of a DNS message. All profiles
// compile to one matcher, which refuses most names by the length and two letters of the last label but one
// (the TailFilter of wire/dns-walk). Matching allocates nothing for a refused name.
import { ok } from '../syntax/result.ts';
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

/** The fields of a policy's app that the matcher reads. */
export interface NamedApp {
  readonly name: string;
  readonly profile: { readonly dns: ProfileNames };
}

export interface NameMatch {
  /** Name of the app's section. */
  readonly app: string;
  /** The entry of the profile that matched, as written there; a suffix with a leading dot. */
  readonly entry: string;
}

interface Entry {
  readonly match: NameMatch;
  /** Index of the app; rank of the kind of entry: lower, more specific ranks are tried first. */
  readonly app: number;
  readonly rank: number;
  /** Labels left of the last two, from right to left. */
  readonly labels: readonly LabelPattern[];
  /** labelShape of `labels[0]` if it is plain text, else ANY: a cheap test before the comparison. */
  readonly shape: number;
  /** true: further labels may precede `labels` (suffixes and exceptions). */
  readonly below: boolean;
}

/** Entries that share their last two labels. */
export interface Bucket {
  readonly tail: string;
  readonly second: Uint8Array;
  readonly top: Uint8Array;
  readonly entries: Entry[];
  readonly except: Entry[];
  /** `entries` by the shape of the label before the last two that they can match, in the same order; `ANY`: those
   * for a shape that no entry has. */
  readonly byShape: Map<number, readonly Entry[]>;
}

export interface NameMatcher {
  /** For walkNames: refuses nearly every name that matches no entry. */
  readonly filter: TailFilter;
  /** By tailKey of the last label but one. */
  readonly buckets: ReadonlyMap<number, readonly Bucket[]>;
}

/**
 * Compiles the names of all apps. Order within an app: exact names, patterns, suffixes; a longer suffix
 * before a shorter one. An entry that profile/parse would refuse is skipped.
 */
export function compileNames(apps: readonly NamedApp[]): NameMatcher {
  const filter: TailFilter = new Uint8Array(4096);
  const buckets = new Map<number, Bucket[]>();
  apps.forEach((app, position) => {
    const { names, suffixes, patterns, except } = app.profile.dns;
    const add = (value: string, rank: number, below: boolean, isExcept: boolean) => {
      const parsed = rank === 1 ? parsePattern(value) : ok(literalLabels(value));
      if (!parsed.ok || parsed.value.length < 2) return;
      const labels = parsed.value;
      const bucket = bucketFor(value, filter, buckets);
      const entry = {
        match: { app: app.name, entry: below ? `.${value}` : value },
        app: position,
        rank: rank * 128 - (below ? labels.length : 0),
        labels: labels.slice(0, -2).reverse(),
        shape: shapeOf(labels.at(-3)),
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
    for (const bucket of list) {
      bucket.entries.sort((a, b) => a.rank - b.rank || a.app - b.app);
      for (const wanted of new Set([ANY, ...bucket.entries.map(({ shape }) => shape)])) {
        const its = bucket.entries.filter(({ shape }) => shape === ANY || shape === wanted);
        bucket.byShape.set(wanted, its);
      }
    }
  }
  return { filter, buckets };
}

const ANY = -1;

function shapeOf(label: LabelPattern | undefined): number {
  const only = label?.length === 1 ? label[0]! : undefined;
  return only?.kind === 'text' ? labelShape(only.bytes.length, only.bytes[0]!) : ANY;
}

/** Of a label of `size` bytes: the same for its first letter in both cases. */
function labelShape(size: number, first: number): number {
  return (size << 5) | (first & 31);
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
    byShape: new Map(),
  };
  list.push(bucket);
  return bucket;
}

const NOBODY: readonly NameMatch[] = [];

/**
 * The apps that a name belongs to, in their order, each once, with the most specific entry of its profile.
 * `labels`: positions in `bytes`, from wire/dns-names.
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
  const third = labels.count < 3 ? -1 : labels.starts[labels.count - 3]!;
  const shape = third < 0 ? ANY : labelShape(bytes[third]!, bytes[third + 1]!);
  const scopes = scopesOf(bytes, labels);
  let found: Entry[] | null = null;
  for (const entry of bucket.byShape.get(shape) ?? bucket.byShape.get(ANY)!) {
    if (!fits(entry, bytes, labels, scopes)) continue;
    // Entries are sorted by rank: the first match of an app is its most specific one.
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

/**
 * Number of leading labels such as _sip._udp, which name a service of the host after them (RFC 8552). Service
 * records (SRV, HTTPS) of an application's host belong to the application like its addresses.
 */
function scopesOf(bytes: Uint8Array, { starts, count }: NameLabels): number {
  let scopes = 0;
  while (scopes < count - 2 && bytes[starts[scopes]! + 1] === UNDERSCORE) scopes += 1;
  return scopes;
}

/** Whether the labels left of the last two match the entry, with or without the first `scopes` labels. */
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
 * The apps of the name at `offset` (see matchLabels). Compression pointers may refer to bytes from `base` to
 * `end`. A malformed name matches no app.
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

/** As matchName, for a name as text, lower case. */
export function matchText(matcher: NameMatcher, name: string): readonly NameMatch[] {
  const wire = wireOf(name);
  return wire === null ? NOBODY : matchName(matcher, wire, 0);
}

/** Whether an exception of the profile or of the owner excludes `name` from `app`. */
export function isExceptedText(matcher: NameMatcher, app: string, name: string): boolean {
  if (matcher.filter[textTail(name)] === 0) return false;
  const wire = wireOf(name);
  if (wire === null || readName(wire, 0, wire.length, 0, scratch) < 0) return false;
  const bucket = bucketOf(matcher, wire, scratch);
  return bucket?.except.some((one) => one.match.app === app && fits(one, wire, scratch)) ?? false;
}

/**
 * The name in DNS wire format; null: a label is empty or longer than 63 bytes. `\DDD` stands for one byte
 * (nameText of wire/dns-names).
 */
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
