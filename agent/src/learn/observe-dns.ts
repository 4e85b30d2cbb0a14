// What a DNS message teaches: the addresses that an answer gives for an application's names, and
// which applications a query asks for. Nearly every message ends at the name walk, undecoded.
// Before: wire/packet or wire/dns-stream found the message. After: learned, and the kernel's sets.
import {
  matchLabels,
  matchName,
  type NameMatch,
  type NameMatcher,
} from '../policy/domain-match.ts';
import { isMappedHost } from '../policy/nat64.ts';
import type { Profile } from '../policy/profile.ts';
import type { Cidr } from '../wire/address.ts';
import { type DnsMessage, type DnsName, type DnsRecord, decodeDns } from '../wire/dns.ts';
import {
  DNS_HEADER,
  MATCHED,
  nameLabels,
  nameReason,
  readName,
  UNMATCHED,
  walkNames,
} from '../wire/dns-names.ts';
import { plainEnd, plainUdp } from '../wire/packet.ts';
import { u16At } from '../wire/reader.ts';

export interface LearnedAddress {
  readonly address: string;
  /** Clamped into the profile's bounds. */
  readonly ttlSeconds: number;
}

/** What one answer teaches about one application. */
export interface Lesson {
  readonly app: string;
  /** The name that matched, in lower case, and the profile entry it matched. */
  readonly name: string;
  readonly entry: string;
  /** The device that asked, and when it was answered (milliseconds). */
  readonly device: string;
  readonly at: number;
  readonly addresses: readonly LearnedAddress[];
  /** Addresses in the answer that teach nothing, each with the reason. */
  readonly refused: readonly { readonly address: string; readonly reason: string }[];
}

export interface DnsObservation {
  readonly lessons: readonly Lesson[];
  /** Why the message, or a part of it, could not be read; empty when nothing was wrong. */
  readonly reasons: readonly string[];
  /** It matches, and was not read because its device has sent too many that do. */
  readonly tooMany?: true;
}

export interface DnsObserver {
  readonly matcher: NameMatcher;
  readonly profiles: ReadonlyMap<string, Pick<Profile, 'endpoints'>>;
  /** Addresses of the router, the home and the proxies: true keeps them out of every set. */
  readonly isOwn: (address: string) => boolean;
  /** Of NAT64: an address behind one is judged by the IPv4 address that it stands for. */
  readonly nat64: readonly Cidr[];
}

const NOTHING: DnsObservation = { lessons: [], reasons: [] };
const TOO_MANY: DnsObservation = { lessons: [], reasons: [], tooMany: true };
const scratch = nameLabels();

/** What the names of a packet say before it is taken apart. `unclear`: it has to be looked at whole. */
export type Glance = 'unrelated' | 'matched' | 'unclear';

/**
 * A glance at the packet bytes[offset, end): nearly all are plain datagrams with a DNS message of which
 * no name is an application's, and there is nothing to learn from those.
 */
export function glanceAt(
  matcher: NameMatcher,
  bytes: Uint8Array,
  offset: number,
  end: number,
): Glance {
  const at = plainUdp(bytes, offset, end);
  if (at < 0) return 'unclear';
  const code = walk(matcher, bytes, at, plainEnd);
  return code === UNMATCHED ? 'unrelated' : code === MATCHED ? 'matched' : 'unclear';
}

function walk(matcher: NameMatcher, bytes: Uint8Array, offset: number, end: number): number {
  return walkNames(bytes, offset, end, matcher.filter, (_, base, stop, at) => {
    return matchName(matcher, bytes, at, base, stop) !== null;
  });
}

/**
 * Reads the response bytes[offset, end) that `device` is about to receive. `admit` is asked before
 * one that matches is decoded, which is what costs time. `glance`: what was seen of it already.
 */
export function observeDnsAnswer(
  observer: DnsObserver,
  bytes: Uint8Array,
  offset: number,
  end: number,
  device: string,
  now: number,
  admit: () => boolean = () => true,
  glance: Glance = 'unclear',
): DnsObservation {
  // Queries of the home pass the same hooks when the router itself forwards them.
  if (end - offset >= DNS_HEADER && (bytes[offset + 2]! & 0x80) === 0) return NOTHING;
  const { matcher } = observer;
  const code = glance === 'matched' ? MATCHED : walk(matcher, bytes, offset, end);
  if (code === UNMATCHED) return NOTHING;
  if (code < 0) return { lessons: [], reasons: [nameReason(code)] };
  if (!admit()) return TOO_MANY;
  const message = decodeDns(bytes, offset, end);
  if ('malformed' in message) return { lessons: [], reasons: [message.malformed] };
  const lessons: Lesson[] = [];
  for (const [app, found] of matchesByApp(matcher, message, bytes, offset, end)) {
    const profile = observer.profiles.get(app);
    if (profile !== undefined) lessons.push(lessonOf(observer, message, found, device, now));
  }
  return { lessons, reasons: message.reasons };
}

/** Where the names of one application stand in a message. */
interface Found {
  readonly match: NameMatch;
  /** The first name that matched: the question if it is one. */
  readonly name: string;
  readonly inQuestion: boolean;
  /** Every owner and target that matched. */
  readonly names: Set<string>;
  /** Records that matched by their target: SVCB hints stand for the target's addresses. */
  readonly records: Set<DnsRecord>;
}

function matchesByApp(
  matcher: NameMatcher,
  message: DnsMessage,
  bytes: Uint8Array,
  offset: number,
  end: number,
): Map<string, Found> {
  const byApp = new Map<string, Found>();
  const matches = new Map<number, NameMatch | null>();
  const look = (name: DnsName, inQuestion: boolean, record: DnsRecord | null) => {
    let match = matches.get(name.offset);
    if (match === undefined) {
      match = matchName(matcher, bytes, name.offset, offset, end);
      matches.set(name.offset, match);
    }
    if (match === null) return;
    let found = byApp.get(match.app);
    if (found === undefined) {
      found = { match, name: name.text, inQuestion, names: new Set(), records: new Set() };
      byApp.set(match.app, found);
    }
    found.names.add(name.text);
    if (record !== null) found.records.add(record);
  };
  for (const question of message.questions) look(question.name, true, null);
  for (const record of message.records) {
    if (record.section !== 'answer') continue;
    look(record.owner, false, null);
    if (record.target !== null) look(record.target, false, record);
  }
  return byApp;
}

function lessonOf(
  observer: DnsObserver,
  message: DnsMessage,
  found: Found,
  device: string,
  now: number,
): Lesson {
  const { app, entry } = found.match;
  const { ttlMinimumSeconds, ttlMaximumSeconds } = observer.profiles.get(app)!.endpoints;
  const addresses = new Map<string, number>();
  const refused = new Map<string, string>();
  for (const record of recordsOf(message, found)) {
    for (const { address, routable } of record.addresses) {
      const reason = refusal(observer, address, routable);
      if (reason !== null) {
        refused.set(address, reason);
        continue;
      }
      const ttl = Math.min(ttlMaximumSeconds, Math.max(ttlMinimumSeconds, record.ttlSeconds));
      addresses.set(address, Math.max(ttl, addresses.get(address) ?? 0));
    }
  }
  return {
    app,
    name: found.name,
    entry,
    device,
    at: now,
    addresses: Array.from(addresses, ([address, ttlSeconds]) => ({ address, ttlSeconds })),
    refused: Array.from(refused, ([address, reason]) => ({ address, reason })),
  };
}

/** Why an address teaches nothing that can be no host of the Internet. */
export const NOT_PUBLIC = 'not an address of the public Internet';

function refusal(observer: DnsObserver, address: string, routable: boolean): string | null {
  if (!routable && !isMappedHost(address, observer.nat64)) return NOT_PUBLIC;
  return observer.isOwn(address) ? 'an address of the router, the home or a proxy' : null;
}

/**
 * The records whose addresses belong to the match. A question that matches owns the whole answer
 * section; a name met on the way owns what is reached from it. Additional records count for names
 * that were reached: resolvers put a service's addresses there (RFC 9460 section 4.1).
 */
function recordsOf(message: DnsMessage, found: Found): DnsRecord[] {
  const reached = new Set(found.names);
  // Records may come in any order: every pass finds at least one more step of the chain. Clients
  // follow 8 to 16 steps; without a bound a message of 4,000 CNAMEs would cost seconds.
  let before = -1;
  for (let pass = 0; pass < 16 && before !== reached.size; pass++) {
    before = reached.size;
    for (const { owner, target } of message.records) {
      if (target !== null && reached.has(owner.text)) reached.add(target.text);
    }
  }
  return message.records.filter(
    (record) =>
      (found.inQuestion && record.section === 'answer') ||
      reached.has(record.owner.text) ||
      found.records.has(record),
  );
}

/** The applications that the query bytes[offset, end) asks for, each once. */
export function observeDnsQuery(
  matcher: NameMatcher,
  bytes: Uint8Array,
  offset: number,
  end: number,
): readonly NameMatch[] {
  if (end - offset < DNS_HEADER || (bytes[offset + 2]! & 0x80) !== 0) return [];
  const matches: NameMatch[] = [];
  let at = offset + DNS_HEADER;
  // Honest queries have one question; more than a few are noise.
  for (let i = Math.min(4, u16At(bytes, offset + 4)); i > 0; i--) {
    at = readName(bytes, offset, end, at, scratch);
    if (at < 0) break;
    const match = matchLabels(matcher, bytes, scratch);
    if (match !== null && !matches.some(({ app }) => app === match.app)) matches.push(match);
    at += 4;
  }
  return matches;
}
