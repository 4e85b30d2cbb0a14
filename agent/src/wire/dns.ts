// Full decoding of a DNS message some name of which matched: dns-packet reads names and record
// data, this file walks the records, decodes SVCB itself (RFC 9460, which dns-packet hands over
// raw) and turns every exception into a reason. Next station: learn/observe-dns.
import { Buffer } from 'buffer';
import * as dnsPacket from 'dns-packet';
import { canonicalAddress, type Family, formatAddress } from './address.ts';
import {
  DNS_HEADER,
  nameReason,
  type RecordSpan,
  readRecord,
  skipName,
  TYPE_A,
  TYPE_AAAA,
  TYPE_CNAME,
  TYPE_HTTPS,
  TYPE_SVCB,
  targetOffset,
} from './dns-names.ts';
import { type Malformed, u16At } from './reader.ts';

export interface DnsQuestion {
  /** Lower case, no final dot; '.' is the root. */
  readonly name: string;
  readonly nameOffset: number;
  readonly type: number;
}

/** An answer or additional record of class IN and of a type that can lead to an address. */
export interface DnsRecord {
  readonly section: 'answer' | 'additional';
  readonly owner: string;
  readonly ownerOffset: number;
  readonly type: number;
  readonly ttlSeconds: number;
  /** Canonical text: the address of A and AAAA, the hints of SVCB and HTTPS. */
  readonly addresses: readonly string[];
  /** Where CNAME, SVCB and HTTPS lead, and where in the message that name is; else null and -1. */
  readonly target: string | null;
  readonly targetOffset: number;
}

export interface DnsMessage {
  readonly id: number;
  readonly response: boolean;
  readonly rcode: number;
  /** The TC flag: the asker will come again over TCP. */
  readonly truncated: boolean;
  readonly questions: readonly DnsQuestion[];
  readonly records: readonly DnsRecord[];
  /** What could not be read, one reason a record; the rest of the message stands. */
  readonly reasons: readonly string[];
}

/** Records decoded in one message; a response of 64 KiB has room for about 4,000. */
const MAX_RECORDS = 4096;

/**
 * Decodes bytes[offset, end). A broken record costs that record only: an answer that a client
 * would still use must not pass untaught because dns-packet dislikes another part of it.
 */
export function decodeDns(bytes: Uint8Array, offset: number, end: number): DnsMessage | Malformed {
  if (offset < 0 || end > bytes.length || end - offset < DNS_HEADER) {
    return { malformed: 'shorter than a DNS header' };
  }
  const flags = u16At(bytes, offset + 2);
  // dns-packet reads pointers from the start of its buffer, so give it the message alone.
  const message = Buffer.from(bytes.buffer, bytes.byteOffset + offset, end - offset);
  const reasons: string[] = [];
  const questions: DnsQuestion[] = [];
  const records: DnsRecord[] = [];
  const at = decodeQuestions(message, offset, questions, reasons);
  if (at >= 0) decodeRecords(message, offset, at, records, reasons);
  return {
    id: u16At(bytes, offset),
    response: (flags & 0x8000) !== 0,
    rcode: flags & 15,
    truncated: (flags & 0x0200) !== 0,
    questions,
    records,
    reasons,
  };
}

/** Answers the offset of the first record in `message`, or -1 after adding the reason. */
function decodeQuestions(
  message: Buffer,
  offset: number,
  questions: DnsQuestion[],
  reasons: string[],
): number {
  let at = DNS_HEADER;
  for (let i = u16At(message, 4); i > 0; i--) {
    const behind = skipName(message, message.length, at);
    if (behind < 0 || behind + 4 > message.length) {
      reasons.push(`question: ${nameReason(behind < 0 ? behind : -1)}`);
      return -1;
    }
    const name = decodeName(message, at);
    if (typeof name === 'string') {
      questions.push({ name, nameOffset: offset + at, type: u16At(message, behind) });
    } else {
      reasons.push(`question: ${name.malformed}`);
    }
    at = behind + 4;
  }
  return at;
}

function decodeRecords(
  message: Buffer,
  offset: number,
  from: number,
  records: DnsRecord[],
  reasons: string[],
): void {
  const answers = u16At(message, 6);
  const authorities = u16At(message, 8);
  const total = Math.min(MAX_RECORDS, answers + authorities + u16At(message, 10));
  let at = from;
  for (let i = 0; i < total; i++) {
    const span = readRecord(message, message.length, at);
    if (typeof span === 'number') {
      reasons.push(`record ${i + 1}: ${nameReason(span)}`);
      return;
    }
    at = span.next;
    // The authority section names servers of the zone, never an address for the asker.
    if (i >= answers && i < answers + authorities) continue;
    if (span.class !== 1 || !leadsToAddress(span.type)) continue;
    const record = decodeRecord(message, offset, span, i < answers ? 'answer' : 'additional');
    if ('malformed' in record) reasons.push(`record ${i + 1}: ${record.malformed}`);
    else records.push(record);
  }
}

function leadsToAddress(type: number): boolean {
  return type === TYPE_A || type === TYPE_AAAA || targetOffset(type, 0) >= 0;
}

function decodeRecord(
  message: Buffer,
  offset: number,
  span: RecordSpan,
  section: DnsRecord['section'],
): DnsRecord | Malformed {
  // dns-packet ignores the data length of A and AAAA; a short one would read its neighbour.
  const size = span.next - span.rdata;
  if (span.type === TYPE_A && size !== 4) return { malformed: `A with ${size} bytes` };
  if (span.type === TYPE_AAAA && size !== 16) return { malformed: `AAAA with ${size} bytes` };
  const decoded = decodeAnswer(message, span.owner);
  if ('malformed' in decoded) return decoded;
  const owner = decoded.name.toLowerCase();
  const parts = recordParts(message, span, owner, decoded.data);
  if ('malformed' in parts) return parts;
  const at = targetOffset(span.type, span.rdata);
  return {
    section,
    owner,
    ownerOffset: offset + span.owner,
    type: span.type,
    ttlSeconds: span.ttlSeconds,
    addresses: parts.addresses,
    target: parts.target,
    targetOffset: at < 0 ? -1 : offset + at,
  };
}

type RecordParts = Pick<DnsRecord, 'addresses' | 'target'>;

/** `data` is what dns-packet made of the record's data. */
function recordParts(
  message: Buffer,
  span: RecordSpan,
  owner: string,
  data: unknown,
): RecordParts | Malformed {
  if (span.type === TYPE_SVCB || span.type === TYPE_HTTPS) {
    const service = decodeService(message, span.rdata, span.next);
    if ('malformed' in service) return service;
    // RFC 9460 section 2.5: the root as target means the owner itself.
    return service.target === '.' ? { ...service, target: owner } : service;
  }
  if (typeof data !== 'string') return { malformed: 'no data' };
  if (span.type === TYPE_CNAME) return { addresses: [], target: data.toLowerCase() };
  const address = canonicalAddress(data);
  return address === null
    ? { malformed: `address ${data}` }
    : { addresses: [address], target: null };
}

/** SVCB data, RFC 9460 section 2.2: priority, target, then parameters in rising key order. */
export function decodeService(
  message: Buffer,
  rdata: number,
  end: number,
): { target: string; addresses: string[] } | Malformed {
  if (end - rdata < 3) return { malformed: 'SVCB cut off' };
  const target = decodeName(message, rdata + 2);
  if (typeof target !== 'string') return target;
  const addresses: string[] = [];
  let at = skipName(message, end, rdata + 2);
  if (at < 0) return { malformed: `SVCB target: ${nameReason(at)}` };
  while (at < end) {
    if (at + 4 > end) return { malformed: 'SVCB parameter cut off' };
    const key = u16At(message, at);
    const from = at + 4;
    const to = from + u16At(message, at + 2);
    if (to > end) return { malformed: 'SVCB parameter cut off' };
    // Keys 4 and 6, section 7.3: ipv4hint and ipv6hint, addresses one behind the other.
    if (key === 4) pushHints(message, from, to, 4, addresses);
    if (key === 6) pushHints(message, from, to, 6, addresses);
    at = to;
  }
  return { target, addresses };
}

function pushHints(
  message: Buffer,
  from: number,
  to: number,
  family: Family,
  addresses: string[],
): void {
  const size = family === 4 ? 4 : 16;
  for (let at = from; at + size <= to; at += size) {
    addresses.push(formatAddress(message, at, family));
  }
}

function decodeName(message: Buffer, at: number): string | Malformed {
  try {
    return dnsPacket.name.decode(message, at).toLowerCase();
  } catch (error) {
    return { malformed: reasonOf(error) };
  }
}

function decodeAnswer(message: Buffer, at: number): { name: string; data: unknown } | Malformed {
  try {
    return dnsPacket.answer.decode(message, at);
  } catch (error) {
    return { malformed: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * The message inside a TCP payload that holds exactly one (RFC 1035 section 4.2.2: two bytes of
 * length first), as [offset, end), or null when it is split or followed by another: dns-stream.
 */
export function tcpMessage(
  bytes: Uint8Array,
  offset: number,
  end: number,
): { offset: number; end: number } | null {
  if (end - offset < 2 + DNS_HEADER) return null;
  return u16At(bytes, offset) === end - offset - 2 ? { offset: offset + 2, end } : null;
}
