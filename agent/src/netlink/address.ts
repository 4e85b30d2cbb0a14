// netlink/address: encodes and decodes addresses of devices (RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR): the inner
// addresses of tunnels, which are added and deleted, and the router's own, which must never enter a routing set.
import { type Family, formatAddress, parseAddress } from '../wire/address.ts';
import {
  AF_INET,
  AF_INET6,
  IFA_ADDRESS,
  IFA_LOCAL,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  RT_SCOPE_UNIVERSE,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
} from './constants.ts';
import {
  createAttributes,
  type Decoded,
  getU32,
  has,
  type Message,
  type MessageReader,
  readAttributes,
} from './message.ts';
import { attributeBytes, beginMessage, endMessage, putU8, putU32, type Writer } from './writer.ts';

/** Bytes of struct ifaddrmsg. */
const ADDRESS_HEADER = 8;

export interface DeviceAddress {
  /** Device index. */
  readonly link: number;
  readonly address: string;
  /** The other end of a point-to-point device; null: an ordinary address. */
  readonly peer: string | null;
  /** Prefix length of the address, or of the peer if there is one. */
  readonly prefix: number;
}

/** Adds an address; one that exists stays. Errors: ENODEV. Returns false, and writes nothing, if an address does
 * not parse or the families differ. */
export function putAddressAdd(w: Writer, seq: number, a: DeviceAddress): boolean {
  return putAddress(w, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, seq, a);
}

/** Deletes an address. Errors: EADDRNOTAVAIL no such address. */
export function putAddressDelete(w: Writer, seq: number, a: DeviceAddress): boolean {
  return putAddress(w, RTM_DELADDR, 0, seq, a);
}

function putAddress(
  w: Writer,
  type: number,
  flags: number,
  seq: number,
  a: DeviceAddress,
): boolean {
  const local = parseAddress(a.address);
  const peer = a.peer === null ? local : parseAddress(a.peer);
  if (local === null || peer === null || local.length !== peer.length) return false;
  beginMessage(w, type, NLM_F_REQUEST | NLM_F_ACK | flags, seq);
  putU8(w, local.length === 4 ? AF_INET : AF_INET6);
  putU8(w, a.prefix);
  putU8(w, 0); // flags
  putU8(w, RT_SCOPE_UNIVERSE);
  putU32(w, a.link);
  attributeBytes(w, IFA_LOCAL, local);
  attributeBytes(w, IFA_ADDRESS, peer);
  endMessage(w);
  return true;
}

/** Requests all addresses of `family` on all devices; the replies are RTM_NEWADDR messages. */
export function putAddressDump(w: Writer, seq: number, family: Family): void {
  beginMessage(w, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, seq);
  putU8(w, family === 4 ? AF_INET : AF_INET6);
  for (let i = 0; i < 3; i++) putU8(w, 0);
  putU32(w, 0);
  endMessage(w);
}

export interface KernelAddress extends DeviceAddress {
  readonly family: Family;
  /** RT_SCOPE_*. */
  readonly scope: number;
}

/** Reused for every message. */
const fields = createAttributes(IFA_LOCAL);

/** Decodes RTM_NEWADDR and RTM_DELADDR. */
export function readAddress(r: MessageReader, m: Message): Decoded<KernelAddress> {
  if (m.body + ADDRESS_HEADER > m.end) return { ok: false, reason: 'address: header too short' };
  const af = r.bytes[m.body]!;
  if (af !== AF_INET && af !== AF_INET6) return { ok: false, reason: `address: family ${af}` };
  const family: Family = af === AF_INET ? 4 : 6;
  const reason = readAttributes(r, m.body + ADDRESS_HEADER, m.end, fields);
  if (reason) return { ok: false, reason: `address: ${reason}` };
  const text = (a: number): string | null =>
    has(fields, a, family === 4 ? 4 : 16) ? formatAddress(r.bytes, fields.at[a]!, family) : null;
  // IPv6 sends IFA_LOCAL only with a peer; without it IFA_ADDRESS is the address itself.
  const far = text(IFA_ADDRESS);
  const address = text(IFA_LOCAL) ?? far;
  if (address === null) return { ok: false, reason: 'address: none inside' };
  const value = {
    link: getU32(r, m.body + 4),
    address,
    peer: far === address ? null : far,
    prefix: r.bytes[m.body + 1]!,
    family,
    scope: r.bytes[m.body + 3]!,
  };
  return { ok: true, value };
}
