// wire/dns-message: encodes a DNS message of one question and no record (RFC 1035 section 4.1), for the questions
// and the probe of `whp test`.

import { TYPE_A } from './dns-targets.ts';

/** Recursion desired; a response that says "no such name". */
export const QUERY = 0x0100;
export const NO_SUCH_NAME = 0x8183;

const CLASS_IN = 1;

/** `name`: letters, digits and hyphens in labels of at most 63 characters, without a dot at the end. */
export function dnsMessage(id: number, flags: number, name: string): Uint8Array<ArrayBuffer> {
  const bytes = [id >> 8, id & 255, flags >> 8, flags & 255, 0, 1, 0, 0, 0, 0, 0, 0];
  for (const label of name.split('.')) {
    bytes.push(label.length);
    for (let i = 0; i < label.length; i++) bytes.push(label.charCodeAt(i) & 127);
  }
  bytes.push(0, 0, TYPE_A, 0, CLASS_IN);
  return Uint8Array.from(bytes);
}

/** A UDP datagram of IPv4 around `payload`; the kernel fills in length and checksum of the IP header. The UDP checksum
 * is left out, as RFC 768 allows. */
export function datagram(
  [source, sourcePort]: readonly [Uint8Array, number],
  [destination, destinationPort]: readonly [Uint8Array, number],
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const ports = [sourcePort >> 8, sourcePort & 255, destinationPort >> 8, destinationPort & 255];
  const length = 8 + payload.length;
  const all = 20 + length;
  return Uint8Array.from([
    ...[0x45, 0, all >> 8, all & 255, 0, 0, 0, 0, 1, 17, 0, 0, ...source, ...destination],
    ...[...ports, length >> 8, length & 255, 0, 0, ...payload],
  ]);
}
