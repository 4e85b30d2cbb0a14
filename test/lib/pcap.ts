// Writes small captures for tests: classic pcap, raw IP, so a frame is the packet and nothing else.
// No I/O: the bytes go straight to what reads captures.

/** Seconds from the first packet, and an IP packet. */
export type Timed = readonly [seconds: number, packet: Uint8Array];

const LINKTYPE_RAW = 101;

/** A capture file; `start`: seconds since 1970 of time 0. */
export function captureOf(packets: readonly Timed[], start = 1_000_000_000): Uint8Array {
  const length = packets.reduce((sum, [, packet]) => sum + 16 + packet.length, 24);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0xa1b2c3d4, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, 65535, true);
  view.setUint32(20, LINKTYPE_RAW, true);
  let at = 24;
  for (const [seconds, packet] of packets) {
    const microseconds = Math.round((start + seconds) * 1e6);
    view.setUint32(at, Math.floor(microseconds / 1e6), true);
    view.setUint32(at + 4, microseconds % 1e6, true);
    view.setUint32(at + 8, packet.length, true);
    view.setUint32(at + 12, packet.length, true);
    bytes.set(packet, at + 16);
    at += 16 + packet.length;
  }
  return bytes;
}
