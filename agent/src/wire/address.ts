// wire/address: IP addresses as raw bytes (in packets) and as canonical text (RFC 5952, between modules).
// `isRoutable` is checked before an address enters a routing set: only addresses of the public Internet pass.

import { memo } from './memo.ts';

export const FAMILIES = [4, 6] as const;
export type Family = (typeof FAMILIES)[number];

export interface Cidr {
  readonly family: Family;
  /** 4 or 16 bytes; host bits are not cleared. */
  readonly bytes: Uint8Array;
  readonly prefix: number;
}

/** Canonical text of the 4 or 16 bytes at `offset`. The caller checks the bounds. */
export function formatAddress(bytes: Uint8Array, offset: number, family: Family): string {
  return family === 4 ? formatV4(bytes, offset) : formatV6(bytes, offset);
}

function formatV4(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

function formatV6(bytes: Uint8Array, at: number): string {
  if (isMapped(bytes, at)) return `::ffff:${formatV4(bytes, at + 12)}`;
  const groups: string[] = [];
  // The first of the longest runs of zeros: how long it is, and where it ends.
  let longest = 0;
  let end = 0;
  let run = 0;
  for (let i = 0; i < 16; i += 2) {
    const group = (bytes[at + i]! << 8) | bytes[at + i + 1]!;
    run = group === 0 ? run + 1 : 0;
    groups.push(group.toString(16));
    if (run > longest) {
      longest = run;
      end = groups.length;
    }
  }
  // RFC 5952 section 4.2.2: "::" must not replace a single group.
  if (longest < 2) return groups.join(':');
  return `${groups.slice(0, end - longest).join(':')}::${groups.slice(end).join(':')}`;
}

const parseShort = memo(128, (text) => (text.includes(':') ? parseV6(text) : parseV4(text)));

/** The 4 or 16 bytes of an address in any usual spelling. Null: not an address, or with a zone, port or prefix. */
export function parseAddress(text: string): Uint8Array | null {
  return text.length > 45 ? null : (parseShort(text)?.slice() ?? null);
}

/** The numbers of an IPv4 address by their canonical text: a leading zero is octal to some parsers, decimal to others. */
const OCTETS = new Map(Array.from({ length: 256 }, (_, octet) => [`${octet}`, octet]));

/** Takes half the time of a loop over the characters; each of thousands of flows has addresses as text. */
function parseV4(text: string): Uint8Array | null {
  const parts = text.split('.', 5);
  if (parts.length !== 4) return null;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i++) {
    const octet = OCTETS.get(parts[i]!);
    if (octet === undefined) return null;
    bytes[i] = octet;
  }
  return bytes;
}

function parseV6(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = groupsOf(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? groupsOf(halves[1]!, true) : [];
  if (head === null || tail === null) return null;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return null;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** Bytes of "a:b:c"; with `dotted` the last group may be a dotted IPv4 address. Null: malformed. */
function groupsOf(text: string, dotted: boolean): number[] | null {
  if (text === '') return [];
  const groups = text.split(':');
  const out: number[] = [];
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i]!;
    if (dotted && i === groups.length - 1 && group.includes('.')) {
      const v4 = parseV4(group);
      if (v4 === null) return null;
      out.push(...v4);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return null;
      const value = Number.parseInt(group, 16);
      out.push(value >> 8, value & 0xff);
    }
  }
  return out;
}

/** The canonical spelling of an address; null: not an address. */
export function canonicalAddress(text: string): string | null {
  const bytes = parseAddress(text);
  return bytes === null ? null : formatAddress(bytes, 0, familyOf(bytes));
}

/** The family of an address as text, which must be one. */
export function familyIn(address: string): Family {
  return address.includes(':') ? 6 : 4;
}

export function familyOf(bytes: Uint8Array): Family {
  return bytes.length === 4 ? 4 : 6;
}

/** Parses "192.0.2.0/24", or a plain address as /32 or /128; null: neither. */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/');
  const bytes = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (bytes === null) return null;
  const width = bytes.length * 8;
  const length = slash < 0 ? String(width) : text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(length) || Number(length) > width) return null;
  return { family: familyOf(bytes), bytes, prefix: Number(length) };
}

/** Canonical text with the host bits cleared, the form that a profile must use. */
export function formatCidr(cidr: Cidr): string {
  const network = cidr.bytes.slice();
  for (let i = cidr.prefix >> 3; i < network.length; i++) network[i]! &= maskByte(cidr.prefix, i);
  const text = formatAddress(network, 0, cidr.family);
  return cidr.prefix === network.length * 8 ? text : `${text}/${cidr.prefix}`;
}

/** Whether the address at `offset` is inside the range. The caller checks the bounds and that the families match. */
export function cidrHas(cidr: Cidr, bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i * 8 < cidr.prefix; i++) {
    if (((cidr.bytes[i]! ^ bytes[offset + i]!) & maskByte(cidr.prefix, i)) !== 0) return false;
  }
  return true;
}

function maskByte(prefix: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefix - index * 8));
  return (0xff00 >> bits) & 0xff;
}

function isMapped(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 10; i++) if (bytes[at + i] !== 0) return false;
  return bytes[at + 10] === 0xff && bytes[at + 11] === 0xff;
}

/**
 * Whether the address at `offset` can be a host of the public Internet (RFC 6890 registries). Documentation ranges
 * count as routable, since test networks use them as the Internet. IPv4 inside IPv6 (mapped, NAT64 RFC 6052, 6to4)
 * is judged by the IPv4 address.
 */
export function isRoutable(bytes: Uint8Array, offset: number, family: Family): boolean {
  return family === 4 ? isRoutableV4(bytes, offset) : isRoutableV6(bytes, offset);
}

/** isRoutable for text; false: not an address. */
export function isRoutableText(text: string): boolean {
  const bytes = parseAddress(text);
  return bytes !== null && isRoutable(bytes, 0, familyOf(bytes));
}

function isRoutableV4(bytes: Uint8Array, at: number): boolean {
  const a = bytes[at]!;
  const b = bytes[at + 1]!;
  if (a === 0 || a === 10 || a === 127 || a >= 224) return false;
  if (a === 100) return (b & 0xc0) !== 64; // shared address space, RFC 6598
  if (a === 169) return b !== 254;
  if (a === 172) return (b & 0xf0) !== 16;
  if (a === 192) return b !== 168 && !(b === 0 && bytes[at + 2] === 0);
  if (a === 198) return (b & 0xfe) !== 18; // benchmarking, RFC 2544
  return true;
}

function isRoutableV6(bytes: Uint8Array, at: number): boolean {
  if (isMapped(bytes, at)) return isRoutableV4(bytes, at + 12);
  const first = (bytes[at]! << 8) | bytes[at + 1]!;
  const second = (bytes[at + 2]! << 8) | bytes[at + 3]!;
  if (first === 0x64 && second === 0xff9b) {
    for (let i = 4; i < 12; i++) if (bytes[at + i] !== 0) return false;
    return isRoutableV4(bytes, at + 12);
  }
  if (first === 0x2002) return isRoutableV4(bytes, at + 2);
  // ORCHID identifiers (RFC 4843, RFC 7343) have the form of addresses and are never routed.
  if (first === 0x2001 && ((second & 0xfff0) === 0x10 || (second & 0xfff0) === 0x20)) return false;
  return (first & 0xe000) === 0x2000;
}
