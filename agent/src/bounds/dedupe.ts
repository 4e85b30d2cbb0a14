// bounds/dedupe: recognises repeated announcements of one flow. A flow that is rejected gets no conntrack entry, so
// each of its packets is announced. The packet's raw bytes are compared before anything is decoded, since a call has
// a hundred packets a second.

import { decodePacket, TCP, UDP } from '../wire/packet.ts';

export interface Repeats {
  /** Start of the current window, milliseconds. */
  since: number;
  seen: Set<string>;
}

const WINDOW_MILLISECONDS = 1000;
const MOST = 512;

export function createRepeats(): Repeats {
  return { since: Number.NEGATIVE_INFINITY, seen: new Set() };
}

/** Whether the flow of the packet bytes[offset, end) was announced with `prefix` in the last second. */
export function isRepeat(
  repeats: Repeats,
  prefix: string,
  bytes: Uint8Array,
  offset: number,
  end: number,
  now: number,
): boolean {
  if (now - repeats.since >= WINDOW_MILLISECONDS || repeats.seen.size >= MOST) {
    repeats.since = now;
    repeats.seen.clear();
  }
  const transport = transportOf(bytes, offset, end);
  if (transport < 0 || transport + 4 > end) return false;
  // Key: version and options, protocol, addresses (RFC 791, RFC 8200) and ports.
  const six = bytes[offset]! >> 4 === 6;
  const [protocol, from, to] = six ? [6, 8, 40] : [9, 12, 20];
  let key = `${prefix}${bytes[offset + protocol]} ${bytes[offset]} `;
  for (let at = offset + from; at < offset + to; at++) key += String.fromCharCode(bytes[at]!);
  for (let at = transport; at < transport + 4; at++) key += String.fromCharCode(bytes[at]!);
  if (repeats.seen.has(key)) return true;
  repeats.seen.add(key);
  return false;
}

/** Offset of the header behind IPv4 options and IPv6 extension headers; -1: cut off, or a later fragment. */
function transportOf(bytes: Uint8Array, offset: number, end: number): number {
  if (end - offset < 20) return -1;
  // Without options, extension headers and fragments, as nearly all are.
  if (bytes[offset] === 0x45) {
    const isLater = ((bytes[offset + 6]! & 0x1f) | bytes[offset + 7]!) !== 0;
    return isLater ? -1 : offset + 20;
  }
  const next = bytes[offset + 6]!;
  if (bytes[offset]! >> 4 === 6 && (next === UDP || next === TCP)) return offset + 40;
  const packet = decodePacket(bytes, offset, end);
  return 'malformed' in packet ? -1 : packet.transport;
}
