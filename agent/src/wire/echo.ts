// wire/echo: ICMP and ICMPv6 echo (RFC 792, RFC 4443 section 4), encoded and decoded. kernel/probes sends the
// request through a tunnel to the proxy.
import type { Family } from './address.ts';
import { checksum } from './checksum.ts';
import { left, readerOf, take, u8, u16 } from './reader.ts';

const REQUEST = { 4: 8, 6: 128 } as const;
const REPLY = { 4: 0, 6: 129 } as const;
/** Type, code, checksum, identifier, sequence number. */
const HEADER = 8;

/** Identifies the agent's own probes: a reply returns both fields. */
export interface EchoTag {
  /** 0..65535 */
  readonly identifier: number;
  /** Random, so that a host that does not see the tunnel's packets cannot forge a reply of the proxy. */
  readonly token: Uint8Array;
}

/** An echo request, starting at its ICMP header. For IPv6 the kernel fills in the checksum. `size`: bytes from the
 * ICMP header on, where zeros are to follow the token. */
export function echoRequest(family: Family, tag: EchoTag, sequence: number, size = 0): Uint8Array {
  const bytes = new Uint8Array(Math.max(size, HEADER + tag.token.length));
  bytes[0] = REQUEST[family];
  bytes.set([tag.identifier >> 8, tag.identifier & 255, sequence >> 8, sequence & 255], 4);
  bytes.set(tag.token, HEADER);
  if (family === 4) {
    const sum = checksum(bytes);
    bytes.set([sum >> 8, sum & 255], 2);
  }
  return bytes;
}

/**
 * The sequence number of the reply bytes[0, end); null: not a reply to a probe with `tag`. A raw IPv4 socket
 * delivers the IP header too, a raw IPv6 socket does not.
 */
export function readEchoReply(
  family: Family,
  bytes: Uint8Array,
  end: number,
  tag: EchoTag,
): number | null {
  const reader = readerOf(bytes, 0, end);
  if (family === 4) {
    const length = (u8(reader) & 0x0f) * 4;
    if (length < 20) return null;
    take(reader, length - 1);
  }
  if (u8(reader) !== REPLY[family] || u8(reader) !== 0) return null;
  u16(reader);
  const identifier = u16(reader);
  const sequence = u16(reader);
  if (reader.failed || identifier !== tag.identifier || left(reader) < tag.token.length)
    return null;
  const at = take(reader, tag.token.length);
  return tag.token.every((byte, i) => bytes[at + i] === byte) ? sequence : null;
}
