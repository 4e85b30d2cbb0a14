// learn/observe-dns: what a DNS message teaches: from an answer the addresses of an application's names and the
// names they lead to, from a query the applications asked for. Nearly every message ends at the name walk,
// without being decoded.

import { isMappedHost } from '../policy/nat64.ts';
import {
  isExceptedText,
  matchLabels,
  matchName,
  type NameMatch,
  type NameMatcher,
} from '../profile/name-match.ts';
import { type DnsMessage, type DnsRecord, decodeDns } from '../wire/dns.ts';
import {
  BAD_POINTER,
  DNS_HEADER,
  MATCHED,
  nameLabels,
  nameReason,
  nameText,
  readName,
  UNMATCHED,
} from '../wire/dns-names.ts';
import { walkNames } from '../wire/dns-walk.ts';
import { plainDevice, plainEnd, plainUdp } from '../wire/packet.ts';
import { u16At } from '../wire/reader.ts';
import { type AliasTarget, filterOf, isAlias } from './aliases.ts';
import { chainFrom, MOST_STEPS, type NameChain } from './chain.ts';
import type { DnsObserver } from './dns-observer.ts';
import { aliasesHere, type FoundNames, matchesByApp } from './found.ts';

export interface LearnedAddress {
  readonly address: string;
  /** Clamped to the profile's bounds. */
  readonly ttlSeconds: number;
  /** Present: a record with another owner contains this address (an SVCB hint for its target, RFC 9460 section
   * 7.3). Anybody who registers a name can write any address there, so it counts for the asking device alone. */
  readonly isHearsay?: true;
}

/** What one answer teaches of one application. */
export interface Lesson {
  readonly app: string;
  /** The name that matched, in lower case, or to which `root` led the device. */
  readonly name: string;
  /** The application's own name, and the profile entry that matched it. */
  readonly root: string;
  readonly entry: string;
  /** The device that asked, and the time of the answer (milliseconds). */
  readonly device: string;
  readonly at: number;
  readonly addresses: readonly LearnedAddress[];
  /** Names that the device may query next, since the answer leads to them. */
  readonly targets: readonly AliasTarget[];
  /** Addresses of the answer that are not learned, each with the reason. */
  readonly refused: readonly { readonly address: string; readonly reason: string }[];
}

export interface DnsObservation {
  readonly lessons: readonly Lesson[];
  /** Why the message, or a part of it, could not be read; empty: all was read. */
  readonly reasons: readonly string[];
  /** The message matches and was not decoded, because `admit` refused. */
  readonly tooMany?: true;
  /** The message matches, or hides its question, and could not be read to its end, for this reason; the lessons
   * are of the part that was read. It must not reach the device. */
  readonly unread?: string;
}

const NOTHING: DnsObservation = { lessons: [], reasons: [] };
const TOO_MANY: DnsObservation = { lessons: [], reasons: [], tooMany: true };
const scratch = nameLabels();

/** Result of the name walk. `unclear`: the packet has to be decoded. */
export type Glance = 'unrelated' | 'matched' | 'unclear';

/** Walks the names of the packet bytes[offset, end) at `now` (milliseconds). Nearly all packets are plain UDP
 * with a DNS message without a name of any application: 'unrelated'. */
export function glanceAt(
  observer: DnsObserver,
  bytes: Uint8Array,
  offset: number,
  end: number,
  now: number,
): Glance {
  const at = plainUdp(bytes, offset, end);
  if (at < 0) return 'unclear';
  const device = () => plainDevice(bytes, offset, at);
  const code = walk(observer, bytes, at, plainEnd, device, now);
  return code === UNMATCHED ? 'unrelated' : code === MATCHED ? 'matched' : 'unclear';
}

/** Result of walkNames. `device` is called only for a question that may be an alias. */
function walk(
  { matcher, aliases, whoIs }: DnsObserver,
  bytes: Uint8Array,
  offset: number,
  end: number,
  device: () => string,
  now: number,
): number {
  const question = offset + DNS_HEADER;
  return walkNames(bytes, offset, end, filterOf(aliases, matcher), (_, base, stop, at) => {
    if (matchName(matcher, bytes, at, base, stop).length > 0) return true;
    if (at !== question || aliases.count === 0) return false;
    if (readName(bytes, base, stop, at, scratch) < 0) return false;
    const name = nameText(bytes, scratch);
    return whoIs(device()).some((one) => isAlias(aliases, one, name, now));
  });
}

/** Observes the response bytes[offset, end) to `device`. `admit` is called before a matching message is decoded,
 * with a `weight` in KiB, as the time grows with size. `glance`: the result of an earlier walk. */
export function observeDnsAnswer(
  observer: DnsObserver,
  bytes: Uint8Array,
  offset: number,
  end: number,
  device: string,
  now: number,
  admit: (weight: number) => boolean = () => true,
  glance: Glance = 'unclear',
): DnsObservation {
  // Queries pass the same hooks when the router forwards them.
  if (end - offset >= DNS_HEADER && (bytes[offset + 2]! & 0x80) === 0) return NOTHING;
  const code =
    glance === 'matched' ? MATCHED : walk(observer, bytes, offset, end, () => device, now);
  if (code === UNMATCHED) return NOTHING;
  if (code < 0) {
    const reason = nameReason(code);
    return hidesQuestion(bytes, offset, end)
      ? { lessons: [], reasons: [reason], unread: reason }
      : { lessons: [], reasons: [reason] };
  }
  if (!admit(1 + ((end - offset) >> 10))) return TOO_MANY;
  const message = decodeDns(bytes, offset, end);
  if ('malformed' in message) {
    return { lessons: [], reasons: [message.malformed], unread: message.malformed };
  }
  const { reasons, whole } = message;
  const lessons: Lesson[] = [];
  let unread = whole ? null : reasons[0]!;
  for (const [app, found] of matchesByApp(observer, message, bytes, offset, end, device, now)) {
    if (!observer.profiles.has(app)) continue;
    const chain = chainFrom(message, found.names);
    const lesson = lessonOf(observer, message, found, chain, device, now);
    lessons.push(lesson);
    if (chain.isCut) unread ??= `a chain of more than ${MOST_STEPS} names`;
    if (lesson.targets.length > MOST_TARGETS)
      unread ??= `it leads to more than ${MOST_TARGETS} names`;
  }
  return unread === null ? { lessons, reasons } : { lessons, reasons, unread };
}

/** Most names one answer may lead to: a service has a few servers, a chain a few steps. */
const MOST_TARGETS = 64;

/** Whether it is an answer to one question whose name has a pointer that does not point backwards (RFC 1035
 * section 4.1.4: to a prior name). No resolver writes such a name, but some clients would read it. Other
 * protocols on port 53 hardly ever look like this. */
function hidesQuestion(bytes: Uint8Array, offset: number, end: number): boolean {
  const plain = (bytes[offset + 2]! & 0xf8) === 0x80 && u16At(bytes, offset + 4) === 1;
  return plain && readName(bytes, offset, end, offset + DNS_HEADER, scratch) === BAD_POINTER;
}

function lessonOf(
  observer: DnsObserver,
  message: DnsMessage,
  found: FoundNames,
  { reached }: NameChain,
  device: string,
  now: number,
): Lesson {
  const { app, entry } = found.match;
  const { ttlMinimumSeconds, ttlMaximumSeconds } = observer.profiles.get(app)!.endpoints;
  const clamped = (seconds: number) =>
    Math.min(ttlMaximumSeconds, Math.max(ttlMinimumSeconds, seconds));
  const addresses = new Map<string, Omit<LearnedAddress, 'address'>>();
  const refused = new Map<string, string>();
  // An alias may have been told by a resolver other than the router's, so the addresses of an alias count for
  // this device alone, whoever answers.
  const isLed = found.root !== found.name;
  for (const record of recordsOf(message, found, reached)) {
    const isOurs = !isLed && (found.inQuestion || reached.has(record.owner.text));
    for (const { address, routable } of record.addresses) {
      const reason = refusal(observer, address, routable);
      if (reason !== null) {
        refused.set(address, reason);
        continue;
      }
      const ttl = clamped(record.ttlSeconds);
      const known = addresses.get(address);
      const isKnown = known !== undefined && known.isHearsay === undefined;
      const ttlSeconds = Math.max(ttl, known?.ttlSeconds ?? 0);
      addresses.set(address, isOurs || isKnown ? { ttlSeconds } : { ttlSeconds, isHearsay: true });
    }
  }
  return {
    app,
    name: found.name,
    root: found.root,
    entry,
    device,
    at: now,
    addresses: Array.from(addresses, ([address, said]) => ({ address, ...said })),
    targets: Array.from(reached)
      .filter(([name]) => !found.names.has(name) && isTarget(observer.matcher, app, name))
      .map(([name, { depth, ttlSeconds }]) => ({ name, depth, ttlSeconds: clamped(ttlSeconds) })),
    refused: Array.from(refused, ([address, reason]) => ({ address, reason })),
  };
}

/** Whether a reached name may become an alias: not the root, not a top-level domain, not excepted by the owner or
 * the profile. */
function isTarget(matcher: NameMatcher, app: string, name: string): boolean {
  return /[^.]\.[^.]/.test(name) && !isExceptedText(matcher, app, name);
}

/** Reason for an address that is no host of the Internet. */
export const NOT_PUBLIC = 'not an address of the public Internet';

function refusal(observer: DnsObserver, address: string, routable: boolean): string | null {
  if (!routable && !isMappedHost(address, observer.nat64)) return NOT_PUBLIC;
  return observer.isOwn(address) ? 'an address of the router, the home or a proxy' : null;
}

/** The records whose addresses belong to the match. If the question matches, all of the answer section; else the
 * records of names reached. Additional records count for reached names: resolvers put a service's addresses there
 * (RFC 9460 section 4.1). */
function recordsOf(
  message: DnsMessage,
  found: FoundNames,
  reached: NameChain['reached'],
): DnsRecord[] {
  return message.records.filter(
    (record) =>
      (found.inQuestion && record.section === 'answer') ||
      reached.has(record.owner.text) ||
      found.records.has(record),
  );
}

/** The applications that the query bytes[offset, end) of `device` asks for, each once, by their own names or by
 * aliases. */
export function observeDnsQuery(
  observer: DnsObserver,
  bytes: Uint8Array,
  offset: number,
  end: number,
  device: string,
  now: number,
): readonly NameMatch[] {
  if (end - offset < DNS_HEADER || (bytes[offset + 2]! & 0x80) !== 0) return [];
  const matches: NameMatch[] = [];
  let at = offset + DNS_HEADER;
  // Ordinary queries have one question.
  for (let i = Math.min(4, u16At(bytes, offset + 4)); i > 0; i--) {
    at = readName(bytes, offset, end, at, scratch);
    if (at < 0) break;
    const its = matchLabels(observer.matcher, bytes, scratch);
    const led = aliasesHere(observer, () => nameText(bytes, scratch), device, now);
    for (const match of [...its, ...led]) {
      if (!matches.some(({ app }) => app === match.app)) matches.push(match);
    }
    at += 4;
  }
  return matches;
}
