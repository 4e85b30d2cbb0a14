// Inputs that are packets, alone or after one byte that selects the event.
import type { Random } from './random.ts';

/** Corrects the lengths of IPv4, IPv6 and UDP: without that the decoder stops at the first header. */
export function mendPacket(bytes: Uint8Array, length: number): number {
  if (length < 28) return length;
  const total = Math.min(length, 0xffff);
  if (bytes[0]! >> 4 === 4) {
    bytes[2] = total >> 8;
    bytes[3] = total;
    const header = (bytes[0]! & 15) * 4;
    if (bytes[9] === 17 && header >= 20 && header + 8 <= total) {
      bytes[header + 4] = (total - header) >> 8;
      bytes[header + 5] = total - header;
    }
  } else if (bytes[0]! >> 4 === 6 && length >= 48) {
    bytes[4] = (total - 40) >> 8;
    bytes[5] = total - 40;
    if (bytes[6] === 17) {
      bytes[44] = (total - 40) >> 8;
      bytes[45] = total - 40;
    }
  }
  return length;
}

/** An input: the byte `kind`, then the packet. */
export function framed(kind: number, packet: Uint8Array): Uint8Array {
  return Uint8Array.from([kind, ...packet]);
}

/** `mend` for such inputs; leaves one of eight broken. */
export function mendFramed(bytes: Uint8Array, length: number, random: Random): number {
  if (length < 2 || random.once(8)) return length;
  return 1 + mendPacket(bytes.subarray(1), length - 1);
}
