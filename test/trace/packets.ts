// Packets for the ruleset's tests, right to the last checksum: the same bytes go through the
// tracer and through a real kernel.
import { parseAddress } from '../../agent/src/wire/address.ts';

export interface Ends {
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
  /** IPv4 identification, or the IPv6 flow label: by this a probe recognises the packet. */
  readonly id?: number;
  readonly ttl?: number;
  /** TCP; 1 and 0 by default. */
  readonly sequence?: number;
  readonly acknowledged?: number;
  /** IPv4 options, a multiple of 4 bytes. */
  readonly options?: Uint8Array;
  /** IPv6 extension headers before the transport: hop-by-hop padding of this many 8-byte units. */
  readonly hopByHop?: number;
}

const TCP = 6;
const UDP = 17;

export function bytesOf(hex: string): Uint8Array {
  const digits = hex.replace(/\s/g, '');
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

export function udp(ends: Ends, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const segment = new Uint8Array(8 + payload.length);
  put16(segment, 0, ends.sport);
  put16(segment, 2, ends.dport);
  put16(segment, 4, segment.length);
  segment.set(payload, 8);
  return ip(ends, UDP, segment, 6);
}

/** Flags as tcpdump writes them: S SYN, A ACK, R RST, F FIN, P PSH. */
export function tcp(
  ends: Ends,
  flags: string,
  payload: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const options = flags.includes('S') ? bytesOf('020405b4') : new Uint8Array(0);
  const header = 20 + options.length;
  const segment = new Uint8Array(header + payload.length);
  put16(segment, 0, ends.sport);
  put16(segment, 2, ends.dport);
  put32(segment, 4, ends.sequence ?? 1);
  put32(segment, 8, ends.acknowledged ?? 0);
  segment[12] = (header / 4) << 4;
  segment[13] = [...flags].reduce((sum, flag) => sum | (1 << 'FSRPA'.indexOf(flag)), 0);
  put16(segment, 14, 65535);
  segment.set(options, 20);
  segment.set(payload, header);
  return ip(ends, TCP, segment, 16);
}

/** UDP packet whose IP length is exactly `length`. */
export function udpOfLength(ends: Ends, length: number): Uint8Array {
  const headers = (ends.src.includes(':') ? 40 : 20) + 8;
  return udp(ends, new Uint8Array(length - headers).fill(0x5a));
}

/** Echo request (or answer) with the identifier in `sport`. */
export function echo(ends: Omit<Ends, 'dport'>, answer = false): Uint8Array {
  const v6 = ends.src.includes(':');
  const message = new Uint8Array(16);
  message[0] = v6 ? (answer ? 129 : 128) : answer ? 0 : 8;
  put16(message, 4, ends.sport);
  put16(message, 6, 1);
  return icmp({ ...ends, dport: 0 }, message);
}

/** Port unreachable (by default) that quotes a packet. */
export function icmpError(
  ends: Pick<Ends, 'src' | 'dst' | 'id' | 'ttl'>,
  quoted: Uint8Array,
  type?: number,
  code?: number,
): Uint8Array {
  const v6 = ends.src.includes(':');
  const message = new Uint8Array(8 + quoted.length);
  message[0] = type ?? (v6 ? 1 : 3);
  message[1] = code ?? (v6 ? 4 : 3);
  message.set(quoted, 8);
  return icmp({ ...ends, sport: 0, dport: 0 }, message);
}

function icmp(ends: Ends, message: Uint8Array): Uint8Array {
  if (ends.src.includes(':')) return ip(ends, 58, message, 2);
  put16(message, 2, 0);
  put16(message, 2, checksum(message, 0));
  return ip(ends, 1, message, -1);
}

/** NAT-PMP map request, RFC 6886 section 3.3. */
export function natPmp(op: number, port: number, lifetime: number): Uint8Array {
  const payload = new Uint8Array(12);
  payload[1] = op;
  put16(payload, 4, port);
  put16(payload, 6, port);
  put32(payload, 8, lifetime);
  return payload;
}

/** PCP MAP request, RFC 6887 sections 7.1 and 11.1. */
export function pcpMap(protocol: number, port: number, lifetime: number): Uint8Array {
  const payload = new Uint8Array(60);
  payload[0] = 2;
  payload[1] = 1;
  put32(payload, 4, lifetime);
  payload[36] = protocol;
  put16(payload, 40, port);
  put16(payload, 42, port);
  return payload;
}

/** Cuts a packet without extension headers into fragments of `size` payload bytes (a multiple of 8). */
export function fragmentsOf(packet: Uint8Array, size: number): Uint8Array[] {
  if (packet[0]! >> 4 === 6) return fragmentsOf6(packet, size);
  const header = (packet[0]! & 15) * 4;
  const out: Uint8Array[] = [];
  for (let at = header; at < packet.length; at += size) {
    const part = packet.slice(at, at + size);
    const fragment = new Uint8Array(header + part.length);
    fragment.set(packet.subarray(0, header));
    fragment.set(part, header);
    put16(fragment, 2, fragment.length);
    put16(fragment, 6, ((at - header) / 8) | (at + size < packet.length ? 0x2000 : 0));
    seal(fragment, header);
    out.push(fragment);
  }
  return out;
}

/** RFC 8200 section 4.5. */
function fragmentsOf6(packet: Uint8Array, size: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 40; at < packet.length; at += size) {
    const part = packet.slice(at, at + size);
    const fragment = new Uint8Array(48 + part.length);
    fragment.set(packet.subarray(0, 40));
    put16(fragment, 4, 8 + part.length);
    fragment[6] = 44;
    fragment[40] = packet[6]!;
    put16(fragment, 42, (at - 40) | (at + size < packet.length ? 1 : 0));
    put32(fragment, 44, 77);
    fragment.set(part, 48);
    out.push(fragment);
  }
  return out;
}

function ip(ends: Ends, protocol: number, segment: Uint8Array, sumAt: number): Uint8Array {
  const src = parseAddress(ends.src)!;
  const dst = parseAddress(ends.dst)!;
  if (sumAt >= 0) put16(segment, sumAt, 0);
  if (sumAt >= 0) put16(segment, sumAt, transportSum(src, dst, protocol, segment));
  return src.length === 4
    ? ip4(ends, protocol, src, dst, segment)
    : ip6(ends, protocol, src, dst, segment);
}

function ip4(
  ends: Ends,
  protocol: number,
  src: Uint8Array,
  dst: Uint8Array,
  segment: Uint8Array,
): Uint8Array {
  const options = ends.options ?? new Uint8Array(0);
  const header = 20 + options.length;
  const packet = new Uint8Array(header + segment.length);
  packet[0] = 0x40 | (header / 4);
  put16(packet, 2, packet.length);
  put16(packet, 4, ends.id ?? 1);
  packet[8] = ends.ttl ?? 64;
  packet[9] = protocol;
  packet.set(src, 12);
  packet.set(dst, 16);
  packet.set(options, 20);
  packet.set(segment, header);
  seal(packet, header);
  return packet;
}

function ip6(
  ends: Ends,
  protocol: number,
  src: Uint8Array,
  dst: Uint8Array,
  segment: Uint8Array,
): Uint8Array {
  const extra = (ends.hopByHop ?? 0) * 8;
  const packet = new Uint8Array(40 + extra + segment.length);
  put32(packet, 0, (0x60000000 | (ends.id ?? 1)) >>> 0);
  put16(packet, 4, extra + segment.length);
  packet[6] = extra > 0 ? 0 : protocol;
  packet[7] = ends.ttl ?? 64;
  packet.set(src, 8);
  packet.set(dst, 24);
  if (extra > 0) {
    packet[40] = protocol;
    packet[41] = extra / 8 - 1;
    packet[42] = 1; // PadN over the rest
    packet[43] = extra - 4;
  }
  packet.set(segment, 40 + extra);
  return packet;
}

function seal(packet: Uint8Array, header: number): void {
  put16(packet, 10, 0);
  put16(packet, 10, checksum(packet.subarray(0, header), 0));
}

function transportSum(
  src: Uint8Array,
  dst: Uint8Array,
  protocol: number,
  segment: Uint8Array,
): number {
  const pseudo = new Uint8Array(src.length * 2 + 8);
  pseudo.set(src);
  pseudo.set(dst, src.length);
  put32(pseudo, src.length * 2, segment.length);
  pseudo[pseudo.length - 1] = protocol;
  // The length comes first in both pseudo headers only up to order, and the sum has none.
  const sum = checksum(segment, sumOf(pseudo, 0));
  return protocol === UDP && sum === 0 ? 0xffff : sum;
}

function sumOf(bytes: Uint8Array, start: number): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  return sum;
}

function checksum(bytes: Uint8Array, start: number): number {
  let sum = sumOf(bytes, start);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 0xff;
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, value >>> 16);
  put16(bytes, at + 2, value & 0xffff);
}

/** The same packet to another address of its family: a destination NAT, checksums included. */
export function readdressed(packet: Uint8Array, dst: string): Uint8Array {
  const out = packet.slice();
  const to = parseAddress(dst)!;
  const v4 = to.length === 4;
  out.set(to, v4 ? 16 : 24);
  const header = v4 ? (out[0]! & 15) * 4 : 40;
  if (v4) seal(out, header);
  const protocol = out[v4 ? 9 : 6]!;
  const at = header + (protocol === TCP ? 16 : protocol === UDP ? 6 : 2);
  if (protocol === 1) return out;
  const src = out.slice(v4 ? 12 : 8, v4 ? 16 : 24);
  const segment = out.slice(header);
  put16(segment, at - header, 0);
  put16(out, at, transportSum(src, to, protocol, segment));
  return out;
}
