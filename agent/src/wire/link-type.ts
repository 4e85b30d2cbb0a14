// wire/link-type: offset of the IP packet in a captured frame, by link type (LINKTYPE_* of pcap): Ethernet with VLAN
// tags and PPPoE, loopback, raw IP, Linux cooked.
import { u16At } from './reader.ts';

export const ETHERNET = 1;

export function isKnownLink(link: number): boolean {
  return ipOffset(new Uint8Array(0), 0, 0, link) !== -2;
}

/** Offset of the IP packet of a frame; -1: the frame has none; -2: unknown link type. */
export function ipOffset(bytes: Uint8Array, at: number, end: number, link: number): number {
  switch (link) {
    case ETHERNET:
      return etherOffset(bytes, at + 12, end);
    case 0: // loopback: the family, in the byte order of the capturing machine
    case 108:
      return versionAt(bytes, at + 4, end);
    case 12: // raw IP: five numbers in use
    case 14:
    case 101:
    case 228:
    case 229:
      return versionAt(bytes, at, end);
    case 113: // Linux cooked; 276 is version 2
      return at + 16 > end ? -1 : byEtherType(bytes, u16At(bytes, at + 14), at + 16, end);
    case 276:
      return at + 20 > end ? -1 : byEtherType(bytes, u16At(bytes, at), at + 20, end);
    default:
      return -2;
  }
}

function etherOffset(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  for (let tags = 0; tags < 4 && at + 2 <= end; tags++) {
    const type = u16At(bytes, at);
    const isTag = type === 0x8100 || type === 0x88a8 || type === 0x9100;
    if (!isTag) return byEtherType(bytes, type, at + 2, end);
    at += 4;
  }
  return -1;
}

function byEtherType(bytes: Uint8Array, type: number, at: number, end: number): number {
  if (type === 0x0800 || type === 0x86dd) return versionAt(bytes, at, end);
  if (type === 0x8100 && at + 4 <= end) return etherOffset(bytes, at + 2, end);
  // PPPoE session (RFC 2516): 6 bytes, then the PPP protocol; many homes have it on the WAN.
  if (type !== 0x8864 || at + 8 > end) return -1;
  const protocol = u16At(bytes, at + 6);
  return protocol === 0x21 || protocol === 0x57 ? versionAt(bytes, at + 8, end) : -1;
}

function versionAt(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return -1;
  const version = bytes[at]! >> 4;
  return version === 4 || version === 6 ? at : -1;
}
