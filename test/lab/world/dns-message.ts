// DNS messages (RFC 1035) for the lab's own clients and its name server: just enough to ask, to
// answer and to break things on purpose. Written apart from the product's decoder so that the two
// cannot share a mistake. Pure.

export const TYPE = {
  A: 1,
  CNAME: 5,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  DNAME: 39,
  OPT: 41,
  HTTPS: 65,
} as const;

export interface DnsRecord {
  /** Owner name; the question's name is compressed to a pointer. */
  readonly name: string;
  readonly type: number;
  readonly ttl: number;
  /** Address text for A, name for CNAME, raw bytes otherwise. */
  readonly value: string | readonly number[];
}

export interface DnsQuestion {
  readonly id: number;
  /** As it came on the wire, letter case kept. */
  readonly name: string;
  readonly type: number;
  /** Question section's bytes (name, type, class), for a verbatim copy. */
  readonly raw: Uint8Array;
  /** What EDNS offers, 512 without (RFC 6891). */
  readonly udpSize: number;
}

export interface DnsAnswer {
  readonly id: number;
  readonly rcode: number;
  readonly truncated: boolean;
  readonly addresses: readonly string[];
  readonly names: readonly string[];
}

/** A name in wire format, uncompressed. */
export function nameBytes(name: string): number[] {
  const labels = name.split('.').filter((label) => label !== '');
  return [...labels.flatMap((l) => [l.length, ...[...l].map((c) => c.charCodeAt(0))]), 0];
}

export const pair = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];

/** A query with recursion desired; `udpSize` adds an EDNS OPT record. */
export function encodeQuery(id: number, name: string, type: number, udpSize = 0): Uint8Array {
  const edns = udpSize > 0 ? [0, ...pair(TYPE.OPT), ...pair(udpSize), 0, 0, 0, 0, 0, 0] : [];
  const counts = [0, 1, 0, 0, 0, 0, 0, edns.length > 0 ? 1 : 0];
  const question = [...nameBytes(name), ...pair(type), 0, 1];
  return Uint8Array.from([...pair(id), 0x01, 0x00, ...counts, ...question, ...edns]);
}

function readName(bytes: Uint8Array, start: number): { name: string; end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  let end = -1;
  for (let steps = 0; steps < 128; steps += 1) {
    const length = bytes[at];
    if (length === undefined) return undefined;
    if (length === 0) return { name: labels.join('.'), end: end < 0 ? at + 1 : end };
    if (length >= 0xc0) {
      if (end < 0) end = at + 2;
      at = ((length & 0x3f) << 8) | (bytes[at + 1] ?? 0);
      continue;
    }
    const label = bytes.subarray(at + 1, at + 1 + length);
    labels.push(String.fromCharCode(...label));
    at += 1 + length;
  }
  return undefined;
}

/** Reads a query with one question; undefined when it is not one. */
export function decodeQuery(bytes: Uint8Array): DnsQuestion | undefined {
  if (bytes.length < 17 || (bytes[2]! & 0x80) !== 0 || bytes[5] !== 1) return undefined;
  const read = readName(bytes, 12);
  if (!read || read.end + 4 > bytes.length) return undefined;
  const after = read.end + 4;
  const hasOpt = bytes[after] === 0 && bytes[after + 2] === TYPE.OPT;
  return {
    id: (bytes[0]! << 8) | bytes[1]!,
    name: read.name,
    type: (bytes[read.end]! << 8) | bytes[read.end + 1]!,
    raw: bytes.slice(12, after),
    udpSize: hasOpt ? ((bytes[after + 3] ?? 2) << 8) | (bytes[after + 4] ?? 0) : 512,
  };
}

function recordBytes(record: DnsRecord, question: DnsQuestion): number[] {
  const owner = record.name === question.name ? [0xc0, 0x0c] : nameBytes(record.name);
  let value: readonly number[];
  if (typeof record.value !== 'string') value = record.value;
  else if (record.type === TYPE.A) value = record.value.split('.').map(Number);
  else value = nameBytes(record.value);
  const ttl = [24, 16, 8, 0].map((shift) => (record.ttl >>> shift) & 0xff);
  return [...owner, ...pair(record.type), 0, 1, ...ttl, ...pair(value.length), ...value];
}

/** The answer to a question. Over UDP it is cut to what the client can take, with the TC bit. */
export function encodeAnswer(
  question: DnsQuestion,
  records: readonly DnsRecord[],
  options: {
    readonly rcode?: number;
    readonly udp: boolean;
    readonly additional?: readonly DnsRecord[];
  },
): Uint8Array {
  const more = options.additional ?? [];
  const parts = [...records, ...more].map((record) => recordBytes(record, question));
  const total = parts.reduce((sum, part) => sum + part.length, 12 + question.raw.length);
  const cut = options.udp && total > Math.max(512, question.udpSize);
  const kept = cut ? [] : parts;
  const flags = [0x85 | (cut ? 0x02 : 0), 0x80 | (options.rcode ?? 0)];
  const counts = cut
    ? [0, 1, 0, 0, 0, 0, 0, 0]
    : [0, 1, ...pair(records.length), 0, 0, ...pair(more.length)];
  return Uint8Array.from([
    ...pair(question.id),
    ...flags,
    ...counts,
    ...question.raw,
    ...kept.flat(),
  ]);
}

/** Reads an answer's addresses (A, and the ipv4hint of HTTPS; of the additional section, too) and every
 * name in it. */
export function decodeAnswer(bytes: Uint8Array): DnsAnswer | undefined {
  if (bytes.length < 12 || (bytes[2]! & 0x80) === 0) return undefined;
  const question = readName(bytes, 12);
  if (!question) return undefined;
  let at = question.end + 4;
  const addresses: string[] = [];
  const names: string[] = [question.name];
  const count = (at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
  for (let left = count(6) + count(8) + count(10); left > 0; left -= 1) {
    const owner = readName(bytes, at);
    if (!owner || owner.end + 10 > bytes.length) break;
    const type = (bytes[owner.end]! << 8) | bytes[owner.end + 1]!;
    const length = (bytes[owner.end + 8]! << 8) | bytes[owner.end + 9]!;
    const start = owner.end + 10;
    names.push(owner.name);
    if (type === TYPE.A && length === 4) addresses.push(bytes.subarray(start, start + 4).join('.'));
    if (type === TYPE.HTTPS && length === 11) {
      addresses.push(bytes.subarray(start + 7, start + 11).join('.'));
    }
    at = start + length;
  }
  return {
    id: (bytes[0]! << 8) | bytes[1]!,
    rcode: bytes[3]! & 0x0f,
    truncated: (bytes[2]! & 0x02) !== 0,
    addresses,
    names,
  };
}
