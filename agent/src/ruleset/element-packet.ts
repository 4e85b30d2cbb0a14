// ruleset/element-packet: a packet to loopback that adds an element to a learned set, or deletes one. A rule of
// compile/element-packets reads it. So an element needs no nf_tables transaction, after which other programs' nft
// would read the ruleset again. Pure: kernel/element-packets sends it.
import { UDP } from '../wire/packet.ts';
import { LEASES, MAC_FIELD, SLACK } from './elements.ts';

/** Packet mark of the sockets that send them, all 32 bits: "whp". */
export const ELEMENT_MARK = 0x00776870;

/** In the place of seconds: deletes the element; or, in sets of one lease, keeps it for the timeout of the set. */
export const DELETES = 0;
export const OF_THE_SET = 1;

/** Offsets in the payload, bytes. The four after the set would be length and checksum of UDP: a length of 0 is
 * malformed, so that a packet that no rule takes leaves no connection behind. */
export const SET_AT = 0;
export const LEASE_AT = 8;
/** A MAC, or a port in two bytes. */
export const FIELD_AT = 12;
const PAYLOAD = 20;

const HEADER = { 4: 20, 6: 40 } as const;

/** Where a key is in the packet: source address, destination address, field of the payload; one of each. */
export type KeyParts = readonly ('source' | 'destination' | 'mac' | 'port')[];

/** The parts of a set's key, by the kind in its name; null: elements of the set are not sent as packets. */
export function keyParts(set: string): KeyParts | null {
  const kind = /([a-z]+)[46]?$/.exec(set)?.[1] ?? '';
  switch (kind) {
    case 'addr':
    case 'portmap':
    case 'proof':
      return ['destination'];
    case 'peer':
    case 'hello':
      return ['source', 'destination'];
    case 'peermac':
      return ['mac', 'destination'];
    case 'portmapmac':
      return ['mac'];
    case 'segment':
      return ['source', 'port'];
    default:
      return null;
  }
}

/** Whether the packets of a set keep its elements for the timeout of the set. */
export function isOfOneLease(set: string): boolean {
  return !/_(?:addr|peer|peermac)[46]$/.test(set);
}

/** The number that stands for a set in a packet: FNV-1a of its name. */
export function setNumber(set: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < set.length; i++) hash = Math.imul(hash ^ set.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The lease that keeps an element `timeout` milliseconds or longer; absent: that of the set. null: none does. */
export function leaseFor(set: string, timeout: number | undefined): number | null {
  if (isOfOneLease(set)) return timeout === undefined ? OF_THE_SET : null;
  if (timeout === undefined) return null;
  return LEASES.find((seconds) => seconds * 1000 + SLACK >= timeout) ?? null;
}

/** The packet with its IP header; null: the set's elements are not sent as packets, or the key does not fit. */
export function elementPacket(set: string, key: Uint8Array, lease: number): Uint8Array | null {
  const parts = keyParts(set);
  if (parts === null) return null;
  const addresses = parts.filter((part) => part === 'source' || part === 'destination').length;
  const fields = parts.length - addresses;
  const rest = key.length - (parts.includes('mac') ? MAC_FIELD : fields * 4);
  const width = addresses === 0 ? 4 : rest / addresses;
  if ((width !== 4 && width !== 16) || (addresses === 0 && rest !== 0)) return null;
  const family = width === 4 ? 4 : 6;
  const packet = headerOf(family);
  const start = HEADER[family];
  let at = 0;
  for (const part of parts) {
    const size = part === 'mac' ? MAC_FIELD : part === 'port' ? 4 : width;
    packet.set(key.subarray(at, at + size), placeOf(part, family));
    at += size;
  }
  const view = new DataView(packet.buffer);
  view.setUint32(start + SET_AT, setNumber(set));
  view.setUint32(start + LEASE_AT, lease);
  return packet;
}

function placeOf(part: KeyParts[number], family: 4 | 6): number {
  if (part === 'source') return family === 4 ? 12 : 8;
  if (part === 'destination') return family === 4 ? 16 : 24;
  return HEADER[family] + FIELD_AT;
}

/** From and to the address of loopback. The kernel fills in what is 0: identification and checksum of IPv4. */
function headerOf(family: 4 | 6): Uint8Array<ArrayBuffer> {
  const packet = new Uint8Array(HEADER[family] + PAYLOAD);
  if (family === 4) {
    packet[0] = 0x45;
    packet[3] = packet.length;
    packet[8] = 1;
    packet[9] = UDP;
    packet.set([127, 0, 0, 1], 12);
    packet.set([127, 0, 0, 1], 16);
  } else {
    packet[0] = 0x60;
    packet[5] = PAYLOAD;
    packet[6] = UDP;
    packet[7] = 1;
    packet[23] = 1;
    packet[39] = 1;
  }
  return packet;
}
