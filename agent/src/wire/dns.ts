// wire/dns: full decoding of a DNS message in which dns-walk found a match. Records are decoded here, since
// dns-packet stops at the first malformed one and does not know SVCB (RFC 9460); names by dns-texts.
// learn/observe-dns uses the result.
import { type Family, formatAddress, isRoutable } from './address.ts';
import {
  CUT_OFF,
  DNS_HEADER,
  nameReason,
  type RecordSpan,
  readRecord,
  skipName,
  TOO_MUCH_WORK,
} from './dns-names.ts';
import {
  hasTarget,
  TYPE_A,
  TYPE_AAAA,
  TYPE_CNAME,
  TYPE_DNAME,
  TYPE_HTTPS,
  TYPE_NAPTR,
  TYPE_SRV,
  TYPE_SVCB,
  targetOffset,
} from './dns-targets.ts';
import { type DnsName, decodeName, type NamesOfMessage, namesOfMessage } from './dns-texts.ts';
import { type Malformed, u16At } from './reader.ts';

export interface DnsQuestion {
  readonly name: DnsName;
  readonly type: number;
}

export interface DnsAddress {
  /** Canonical text. */
  readonly address: string;
  /** Whether the address can be a host of the public Internet: address.isRoutable. */
  readonly routable: boolean;
}

/** A record of the answer or additional section, of class IN, whose type can lead to an address. */
export interface DnsRecord {
  readonly section: 'answer' | 'additional';
  readonly owner: DnsName;
  readonly type: number;
  readonly ttlSeconds: number;
  /** The address of A and AAAA, the address hints of SVCB and HTTPS. */
  readonly addresses: readonly DnsAddress[];
  /**
   * Target of CNAME, SVCB, HTTPS, SRV and NAPTR, and the replacement suffix of DNAME. Null: other types, and records
   * without a target.
   */
  readonly target: DnsName | null;
}

export interface DnsMessage {
  readonly id: number;
  readonly response: boolean;
  readonly rcode: number;
  /** The TC flag: the client repeats the query over TCP. */
  readonly truncated: boolean;
  readonly questions: readonly DnsQuestion[];
  readonly records: readonly DnsRecord[];
  /** Why parts could not be decoded, one reason a record; the other records are valid. */
  readonly reasons: readonly string[];
  /**
   * False if a part that may lead to an address could not be decoded. A truncated message (TC) that ends inside a
   * record counts as whole: no client can read further, and it asks again over TCP.
   */
  readonly whole: boolean;
}

/** Questions decoded in one message; normal messages have one. */
const MAX_QUESTIONS = 4;
/**
 * Records, and addresses, decoded in one message: 16 KB of A records; the largest directory seen returns 700. A 34Kf
 * takes 0.3 ms for each; the 4,000 that fit into a message would delay all held answers by more than a second.
 */
const MAX_RECORDS = 1024;
const MAX_ADDRESSES = 1024;
interface Decoder extends NamesOfMessage {
  readonly reasons: string[];
  /** 1 if one of `reasons` is the end of the message inside a record. */
  ended: number;
  /** Addresses that may still be decoded. */
  addresses: number;
}

/**
 * Decodes bytes[offset, end). A malformed record is left out and the others are decoded: a client would still use
 * them, so they must be learned.
 */
export function decodeDns(bytes: Uint8Array, offset: number, end: number): DnsMessage | Malformed {
  if (offset < 0 || end > bytes.length || end - offset < DNS_HEADER) {
    return { malformed: 'shorter than a DNS header' };
  }
  const flags = u16At(bytes, offset + 2);
  const reasons: string[] = [];
  const names = namesOfMessage(bytes, offset, end);
  const decoder: Decoder = { ...names, reasons, ended: 0, addresses: MAX_ADDRESSES };
  const questions: DnsQuestion[] = [];
  const at = decodeQuestions(decoder, questions);
  const truncated = (flags & 0x0200) !== 0;
  const records = at < 0 ? [] : decodeRecords(decoder, at);
  return {
    id: u16At(bytes, offset),
    response: (flags & 0x8000) !== 0,
    rcode: flags & 15,
    truncated,
    questions,
    records,
    reasons,
    whole: reasons.length === (truncated ? decoder.ended : 0),
  };
}

/** Returns the offset of the first record, or -1 after adding a reason. */
function decodeQuestions(decoder: Decoder, questions: DnsQuestion[]): number {
  const { bytes, base, end, reasons } = decoder;
  const count = u16At(bytes, base + 4);
  if (count > MAX_QUESTIONS) {
    reasons.push(`${count} questions`);
    return -1;
  }
  let at = base + DNS_HEADER;
  for (let i = 0; i < count; i++) {
    const behind = skipName(bytes, end, at);
    if (behind < 0 || behind + 4 > end) {
      reasons.push(`question: ${nameReason(behind < 0 ? behind : CUT_OFF)}`);
      return -1;
    }
    const name = decodeName(decoder, at);
    if ('malformed' in name) reasons.push(`question: ${name.malformed}`);
    else questions.push({ name, type: u16At(bytes, behind) });
    at = behind + 4;
  }
  return at;
}

function decodeRecords(decoder: Decoder, from: number): DnsRecord[] {
  const { bytes, base, end, reasons } = decoder;
  const records: DnsRecord[] = [];
  const answers = u16At(bytes, base + 6);
  const additionals = answers + u16At(bytes, base + 8);
  const total = additionals + u16At(bytes, base + 10);
  let at = from;
  for (let i = 0; i < total; i++) {
    const span = i < MAX_RECORDS ? readRecord(bytes, end, at) : TOO_MUCH_WORK;
    if (typeof span === 'number') {
      reasons.push(`record ${i + 1}: ${nameReason(span)}`);
      if (span === CUT_OFF) decoder.ended = 1;
      break;
    }
    at = span.next;
    // The authority section names servers of the zone, never an address for the client.
    if (i >= answers && i < additionals) continue;
    if (span.class !== 1 || !leadsToAddress(span.type)) continue;
    const record = decodeRecord(decoder, span, i < answers ? 'answer' : 'additional');
    if ('malformed' in record) reasons.push(`record ${i + 1}: ${record.malformed}`);
    else records.push(record);
    if (decoder.labels < 0 || decoder.addresses < 0 || reasons.length > MAX_REASONS) {
      reasons.push(`record ${i + 1}: ${nameReason(TOO_MUCH_WORK)}`);
      break;
    }
  }
  return records;
}

/** Reasons kept for one message. With more, decoding stops. */
const MAX_REASONS = 8;

function leadsToAddress(type: number): boolean {
  return type === TYPE_A || type === TYPE_AAAA || hasTarget(type);
}

function decodeRecord(
  decoder: Decoder,
  span: RecordSpan,
  section: DnsRecord['section'],
): DnsRecord | Malformed {
  const owner = decodeName(decoder, span.owner);
  if ('malformed' in owner) return owner;
  const { type, ttlSeconds } = span;
  const size = span.next - span.rdata;
  if (type === TYPE_A || type === TYPE_AAAA) {
    const family = type === TYPE_A ? 4 : 6;
    if (size !== (family === 4 ? 4 : 16)) {
      return { malformed: `${family === 4 ? 'A' : 'AAAA'} with ${size} bytes` };
    }
    const addresses = [addressAt(decoder, span.rdata, family)];
    return { section, owner, type, ttlSeconds, addresses, target: null };
  }
  if (type === TYPE_SVCB || type === TYPE_HTTPS) {
    const service = decodeService(decoder, span.rdata, span.next);
    if ('malformed' in service) return service;
    // RFC 9460 section 2.5: the root as target means the owner itself.
    const target = service.target.text === '.' ? owner : service.target;
    return { section, owner, type, ttlSeconds, addresses: service.addresses, target };
  }
  const at = targetOffset(type, decoder.bytes, span.rdata, span.next);
  if (at >= span.next) return { malformed: `${TYPE_NAMES.get(type)} cut off` };
  const target = decodeName(decoder, at);
  if ('malformed' in target) return target;
  // The root as target: SRV: no such service (RFC 2782). NAPTR: a regular expression instead of a replacement; its
  // result is not a name to resolve (RFC 3403 section 4.1).
  const nowhere = target.text === '.' && (type === TYPE_SRV || type === TYPE_NAPTR);
  return { section, owner, type, ttlSeconds, addresses: [], target: nowhere ? null : target };
}

const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [TYPE_CNAME, 'CNAME'],
  [TYPE_DNAME, 'DNAME'],
  [TYPE_SRV, 'SRV'],
  [TYPE_NAPTR, 'NAPTR'],
]);

function addressAt(decoder: Decoder, at: number, family: Family): DnsAddress {
  const { bytes } = decoder;
  decoder.addresses -= 1;
  return { address: formatAddress(bytes, at, family), routable: isRoutable(bytes, at, family) };
}

/** SVCB data, RFC 9460 section 2.2: priority, target, then parameters in rising key order. */
function decodeService(
  decoder: Decoder,
  rdata: number,
  end: number,
): { target: DnsName; addresses: DnsAddress[] } | Malformed {
  if (end - rdata < 3) return { malformed: 'SVCB cut off' };
  const { bytes } = decoder;
  const target = decodeName(decoder, rdata + 2);
  if ('malformed' in target) return target;
  const addresses: DnsAddress[] = [];
  let at = skipName(bytes, end, rdata + 2);
  if (at < 0) return { malformed: `SVCB target: ${nameReason(at)}` };
  while (at < end) {
    if (at + 4 > end) return { malformed: 'SVCB parameter cut off' };
    const key = u16At(bytes, at);
    const from = at + 4;
    const to = from + u16At(bytes, at + 2);
    if (to > end) return { malformed: 'SVCB parameter cut off' };
    // Keys 4 and 6 (section 7.3): ipv4hint and ipv6hint, a sequence of addresses.
    const size = key === 4 ? 4 : key === 6 ? 16 : 0;
    for (let hint = from; size > 0 && hint + size <= to && decoder.addresses >= 0; hint += size) {
      addresses.push(addressAt(decoder, hint, key === 4 ? 4 : 6));
    }
    at = to;
  }
  return { target, addresses };
}
