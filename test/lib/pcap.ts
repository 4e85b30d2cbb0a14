// Writes small captures for tests: classic pcap, raw IP, so a frame is the packet and nothing else, or
// Ethernet. No I/O: the bytes go straight to what reads captures.

/** Seconds from the first packet, and an IP packet. */
export type Timed = readonly [seconds: number, packet: Uint8Array];

const LINKTYPE_RAW = 101;

const LINKTYPE_ETHERNET = 1;

/** The same as Ethernet frames, each from the MAC that `macOf` gives (six bytes) of its packet. */
export function framesOf(
  packets: readonly Timed[],
  macOf: (packet: Uint8Array) => Uint8Array,
): Uint8Array {
  const framed = packets.map(([seconds, packet]): Timed => {
    const frame = new Uint8Array(14 + packet.length);
    frame.set(macOf(packet), 6);
    frame.set(packet[0]! >> 4 === 4 ? [0x08, 0x00] : [0x86, 0xdd], 12);
    frame.set(packet, 14);
    return [seconds, frame];
  });
  const bytes = captureOf(framed);
  new DataView(bytes.buffer).setUint32(20, LINKTYPE_ETHERNET, true);
  return bytes;
}

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
