// wire/tcp-question: a TCP acknowledgement outside the receiver's window. The receiver answers with an
// acknowledgement of its own (RFC 9293 section 3.10.7.4). runtime/cuts sends the segment with the peer's address as
// source; the ruleset replies to the answer with a reset.

import { checksum } from './checksum.ts';
import { TCP } from './packet.ts';

const IPV4 = 20;
const IPV6 = 40;
const TCP_HEADER = 20;
const ACK = 0x10;

/** One end of a connection: an address of 4 or 16 bytes, and a port. */
export interface TcpEnd {
  readonly address: Uint8Array;
  readonly port: number;
}

/**
 * The segment with its IP header; the kernel fills in IPv4's checksum. `numbers`: 8 random bytes, sequence and
 * acknowledgement number. Both are inside the windows once in some thousand times.
 */
export function tcpQuestion(from: TcpEnd, to: TcpEnd, numbers: Uint8Array): Uint8Array {
  const width = from.address.length;
  const header = width === 4 ? IPV4 : IPV6;
  const packet = new Uint8Array(header + TCP_HEADER);
  if (width === 4) packet.set([0x45, 0, 0, packet.length, 0, 0, 0, 0, 64, TCP]);
  else packet.set([0x60, 0, 0, 0, 0, TCP_HEADER, TCP, 64]);
  packet.set(from.address, header - 2 * width);
  packet.set(to.address, header - width);
  const segment = packet.subarray(header);
  segment.set([from.port >> 8, from.port & 255, to.port >> 8, to.port & 255]);
  segment.set(numbers.subarray(0, 8), 4);
  segment.set([(TCP_HEADER / 4) << 4, ACK, 4, 0], 12);
  const pseudo = packet.subarray(header - 2 * width, header);
  const sum = checksum(segment, sumOf(pseudo) + TCP + TCP_HEADER);
  segment.set([sum >> 8, sum & 255], 16);
  return packet;
}

function sumOf(bytes: Uint8Array): number {
  return ~checksum(bytes) & 0xffff;
}
