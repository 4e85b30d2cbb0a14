// ruleset/element-packet: a packet to loopback that adds an element to a learned set, or deletes one. A rule of
// compile/element-packets reads it. So an element needs no nf_tables transaction, after which other programs' nft
// would read the ruleset again. Pure: kernel/element-packets sends it.
import type { Family } from '../wire/address.ts';
import { UDP } from '../wire/packet.ts';
import { MAC_FIELD, shortestLease } from './elements.ts';

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

/** What the packets of a set have in common. */
interface SetFacts {
  readonly parts: KeyParts | null;
  readonly isOfOneLease: boolean;
  /** setNumber, in network byte order. */
  readonly number: Uint8Array;
}

/** By set name: an element is taught before each answer that tells its address. */
const factsBySet = new Map<string, SetFacts>();

function factsOf(set: string): SetFacts {
  const known = factsBySet.get(set);
  if (known !== undefined) return known;
  const number = setNumber(set);
  const facts = {
    parts: keyParts(set),
    isOfOneLease: isOfOneLease(set),
    number: Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number),
  };
  factsBySet.set(set, facts);
  return facts;
}

/** The lease that keeps an element `timeout` milliseconds or longer; absent: that of the set. null: none does. */
export function leaseFor(set: string, timeout: number | undefined): number | null {
  if (factsOf(set).isOfOneLease) return timeout === undefined ? OF_THE_SET : null;
  return timeout === undefined ? null : shortestLease(timeout);
}

/** The packet with its IP header; null: the set's elements are not sent as packets, or the key does not fit. */
export function elementPacket(set: string, key: Uint8Array, lease: number): Uint8Array | null {
  const { parts, number } = factsOf(set);
  const width = parts === null ? null : addressWidth(parts, key.length);
  if (parts === null || width === null) return null;
  const family = width === 4 ? 4 : 6;
  const packet = HEADERS[family].slice();
  let from = 0;
  for (const part of parts) {
    const size = part === 'mac' ? MAC_FIELD : part === 'port' ? 4 : width;
    packet.set(key.subarray(from, from + size), placeOf(part, family));
    from += size;
  }
  const start = HEADER[family];
  for (let i = 0; i < 4; i++) {
    packet[start + SET_AT + i] = number[i]!;
    packet[start + LEASE_AT + i] = lease >>> (24 - i * 8);
  }
  return packet;
}

/** Bytes of each address in a key of `length` bytes; a key without an address goes in a packet of IPv4. null: the
 * key does not fit. */
function addressWidth(parts: KeyParts, length: number): 4 | 16 | null {
  let addresses = 0;
  let rest = length;
  for (const part of parts) {
    if (part === 'mac') rest -= MAC_FIELD;
    else if (part === 'port') rest -= 4;
    else addresses += 1;
  }
  if (addresses === 0) return rest === 0 ? 4 : null;
  const width = rest / addresses;
  return width === 4 || width === 16 ? width : null;
}

function placeOf(part: KeyParts[number], family: Family): number {
  if (part === 'source') return family === 4 ? 12 : 8;
  if (part === 'destination') return family === 4 ? 16 : 24;
  return HEADER[family] + FIELD_AT;
}

const HEADERS: { readonly [family in Family]: Uint8Array } = { 4: headerOf(4), 6: headerOf(6) };

/** From and to the address of loopback. The kernel fills in what is 0: identification and checksum of IPv4. */
function headerOf(family: Family): Uint8Array {
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
