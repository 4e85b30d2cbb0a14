// Packets whose source somebody chose: whole IPv4 datagrams (RFC 791, RFC 768) for a raw socket. Pure.
import type { Endpoint } from './plan.ts';
import { addressBytes } from './speech.ts';

const pair = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];

/** A UDP datagram. The kernel writes the header's checksum; UDP's may be 0. */
export function forgedDatagram(from: Endpoint, to: Endpoint, payload: Uint8Array): Uint8Array {
  const udp = [...pair(from.port), ...pair(to.port), ...pair(8 + payload.length), 0, 0];
  const length = 20 + udp.length + payload.length;
  const head = [0x45, 0, ...pair(length), 0, 0, 0, 0, 64, 17, 0, 0];
  const addresses = [...addressBytes(from.address), ...addressBytes(to.address)];
  return Uint8Array.from([...head, ...addresses, ...udp, ...payload]);
}

/** A home's address that no device of the lab has, and that differs for 200 numbers in a row. */
export function forgedAddress(number: number): string {
  return `192.168.1.${20 + (number % 200)}`;
}
