// netlink/link: Linux devices: the GRE tunnels are made and deleted here, and the dump gives the
// index behind a name (logs, routes and queue packets carry indexes), the MTU and the state.
import { formatAddress, parseAddress } from '../wire/address.ts';
import {
  AF_UNSPEC,
  GRE_KEY,
  GRE_ROUTING,
  IFF_UP,
  IFLA_BR_VLAN_FILTERING,
  IFLA_EXT_MASK,
  IFLA_GRE_IFLAGS,
  IFLA_GRE_IKEY,
  IFLA_GRE_LOCAL,
  IFLA_GRE_OFLAGS,
  IFLA_GRE_OKEY,
  IFLA_GRE_PMTUDISC,
  IFLA_GRE_REMOTE,
  IFLA_GRE_TTL,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINK,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_STATS64,
  IFLA_VLAN_ID,
  NLA_F_NESTED,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  RTEXT_FILTER_SKIP_STATS,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
} from './constants.ts';
import {
  type Attributes,
  createAttributes,
  type Decoded,
  getBe16,
  getBe32,
  getText,
  getU16,
  getU32,
  getU64,
  has,
  type Message,
  type Reader,
  readAttributes,
  readNested,
} from './message.ts';
import {
  attributeBe16,
  attributeBe32,
  attributeBytes,
  attributeString,
  attributeU8,
  attributeU32,
  beginAttribute,
  beginMessage,
  endAttribute,
  endMessage,
  putU8,
  putU16,
  putU32,
  type Writer,
} from './writer.ts';

/** Bytes of struct ifinfomsg. */
const LINK_HEADER = 16;
/** Longest device name, bytes (IFNAMSIZ less the NUL). */
export const NAME_MAX = 15;

/** struct ifinfomsg: `index` 0 = not known yet; only the flag bits in `change` are set. */
function putLinkHeader(w: Writer, index: number, flags: number, change: number): void {
  putU8(w, AF_UNSPEC);
  putU8(w, 0);
  putU16(w, 0);
  putU32(w, index);
  putU32(w, flags);
  putU32(w, change);
}

export interface GreParameters {
  /** Device name, at most NAME_MAX bytes. */
  readonly name: string;
  /** Outer addresses, both of one family (IPv6 makes an `ip6gre` device); local null = any. */
  readonly local: string | null;
  readonly remote: string;
  /** Key of both directions, or null. */
  readonly key: number | null;
  /** Outer TTL, 1..255; 0 inherits the inner one. */
  readonly ttl: number;
  /** Set DF on the outer packet and take part in path MTU discovery (IPv4 only). With a TTL it
   * has to be on: the kernel answers EINVAL otherwise. */
  readonly pathMtu: boolean;
  /** Bytes. */
  readonly mtu: number;
}

/** Makes a GRE device and sets it up. Errors: EEXIST the name is taken or a tunnel with the same
 * ends and key exists, EOPNOTSUPP the kernel has no GRE. Returns false, and writes nothing, if the
 * name or an address is no good. */
export function putGreCreate(w: Writer, seq: number, gre: GreParameters): boolean {
  const remote = parseAddress(gre.remote);
  const local = gre.local === null ? null : parseAddress(gre.local);
  if (gre.name === '' || gre.name.length > NAME_MAX || remote === null) return false;
  if (gre.local !== null && local?.length !== remote.length) return false;
  const v4 = remote.length === 4;
  beginMessage(w, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, seq);
  putLinkHeader(w, 0, IFF_UP, IFF_UP);
  attributeString(w, IFLA_IFNAME, gre.name);
  attributeU32(w, IFLA_MTU, gre.mtu);
  const kind = beginAttribute(w, NLA_F_NESTED | IFLA_LINKINFO);
  attributeString(w, IFLA_INFO_KIND, v4 ? 'gre' : 'ip6gre');
  const options = beginAttribute(w, NLA_F_NESTED | IFLA_INFO_DATA);
  if (gre.key !== null) {
    attributeBe16(w, IFLA_GRE_IFLAGS, GRE_KEY);
    attributeBe16(w, IFLA_GRE_OFLAGS, GRE_KEY);
    attributeBe32(w, IFLA_GRE_IKEY, gre.key);
    attributeBe32(w, IFLA_GRE_OKEY, gre.key);
  }
  if (local) attributeBytes(w, IFLA_GRE_LOCAL, local);
  attributeBytes(w, IFLA_GRE_REMOTE, remote);
  attributeU8(w, IFLA_GRE_TTL, gre.ttl);
  if (v4) attributeU8(w, IFLA_GRE_PMTUDISC, gre.pathMtu ? 1 : 0);
  endAttribute(w, options);
  endAttribute(w, kind);
  endMessage(w);
  return true;
}

/** Asks for a GRE device that no kernel makes: EINVAL where it has such devices, EOPNOTSUPP where it has
 * none (source routing, RFC 1701, is refused by ipgre_tunnel_validate and ip6gre_tunnel_validate). */
export function putGreTry(w: Writer, seq: number, kind: 'gre' | 'ip6gre'): void {
  beginMessage(w, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, seq);
  putLinkHeader(w, 0, 0, 0);
  attributeString(w, IFLA_IFNAME, 'whp-');
  const info = beginAttribute(w, NLA_F_NESTED | IFLA_LINKINFO);
  attributeString(w, IFLA_INFO_KIND, kind);
  const options = beginAttribute(w, NLA_F_NESTED | IFLA_INFO_DATA);
  attributeBe16(w, IFLA_GRE_IFLAGS, GRE_ROUTING);
  attributeBe16(w, IFLA_GRE_OFLAGS, GRE_ROUTING);
  endAttribute(w, options);
  endAttribute(w, info);
  endMessage(w);
}

/** Deletes a device, and with it its addresses and routes. Errors: ENODEV, EOPNOTSUPP (hardware). */
export function putLinkDelete(w: Writer, seq: number, index: number): void {
  beginMessage(w, RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, seq);
  putLinkHeader(w, index, 0, 0);
  endMessage(w);
}

/** Sets a device up or down. Errors: ENODEV. */
export function putLinkState(w: Writer, seq: number, index: number, up: boolean): void {
  beginMessage(w, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, seq);
  putLinkHeader(w, index, up ? IFF_UP : 0, IFF_UP);
  endMessage(w);
}

/** Sets a device's MTU in bytes. Errors: ENODEV, EINVAL out of the device's range. */
export function putLinkMtu(w: Writer, seq: number, index: number, mtu: number): void {
  beginMessage(w, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, seq);
  putLinkHeader(w, index, 0, 0);
  attributeU32(w, IFLA_MTU, mtu);
  endMessage(w);
}

/** Asks for all devices, without statistics; answers are RTM_NEWLINK messages for `readLink`. */
export function putLinkDump(w: Writer, seq: number): void {
  beginMessage(w, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, seq);
  putLinkHeader(w, 0, 0, 0);
  attributeU32(w, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  endMessage(w);
}

/** Asks for the device with this name: one RTM_NEWLINK message, or errno ENODEV. `counted`: with what
 * it has received. */
export function putLinkQuery(w: Writer, seq: number, name: string, counted = false): void {
  beginMessage(w, RTM_GETLINK, NLM_F_REQUEST, seq);
  putLinkHeader(w, 0, 0, 0);
  attributeString(w, IFLA_IFNAME, name);
  if (!counted) attributeU32(w, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  endMessage(w);
}

export interface KernelLink {
  readonly index: number;
  readonly name: string;
  readonly mtu: number;
  /** IFF_* bits: IFF_UP set up by its owner, IFF_RUNNING carrier. */
  readonly flags: number;
  /** "gre", "bridge", "veth" ...; "" for hardware and lo. */
  readonly kind: string;
  /** Parameters of a gre or ip6gre device. */
  readonly gre: KernelGre | null;
  /** Index of the bridge (or bond) that this is a port of; 0: of none. */
  readonly master: number;
  /** Index of the device that a vlan or macvlan stands on; 0: it is none. */
  readonly parent: number;
  /** Number of a vlan device, else null. */
  readonly vlan: number | null;
  /** A bridge that filters by VLAN. */
  readonly filters: boolean;
  /** Packets received so far, or null: the kernel was not asked. */
  readonly received: number | null;
}

export interface KernelGre {
  readonly local: string | null;
  readonly remote: string | null;
  readonly key: number | null;
  readonly ttl: number;
  readonly pathMtu: boolean;
}

/** Decodes RTM_NEWLINK and RTM_DELLINK. */
export function readLink(r: Reader, m: Message): Decoded<KernelLink> {
  if (m.body + LINK_HEADER > m.end) return { ok: false, reason: 'link: header too short' };
  const fields = createAttributes(IFLA_STATS64);
  const reason = readAttributes(r, m.body + LINK_HEADER, m.end, fields);
  if (reason) return { ok: false, reason: `link: ${reason}` };
  if (!has(fields, IFLA_IFNAME, 1)) return { ok: false, reason: 'link: no name' };
  const info = createAttributes(IFLA_INFO_DATA);
  if (fields.at[IFLA_LINKINFO] !== 0) {
    const bad = readNested(r, fields, IFLA_LINKINFO, info);
    if (bad) return { ok: false, reason: `link info: ${bad}` };
  }
  const text = (of: Attributes, a: number): string => getText(r.bytes, of.at[a]!, of.size[a]!);
  const number = (a: number): number => (has(fields, a, 4) ? getU32(r, fields.at[a]!) : 0);
  const kind = text(info, IFLA_INFO_KIND);
  const value = {
    index: getU32(r, m.body + 4),
    name: text(fields, IFLA_IFNAME),
    mtu: number(IFLA_MTU),
    flags: getU32(r, m.body + 8),
    kind,
    gre: kind === 'gre' || kind === 'ip6gre' ? readGre(r, info) : null,
    master: number(IFLA_MASTER),
    // Of other kinds it is another thing: a veth's is its far end, in another namespace.
    parent: kind === 'vlan' || kind === 'macvlan' ? number(IFLA_LINK) : 0,
    vlan: kind === 'vlan' ? readVlan(r, info) : null,
    filters: kind === 'bridge' && readFiltering(r, info),
    // struct rtnl_link_stats64 begins with rx_packets.
    received: has(fields, IFLA_STATS64, 8) ? getU64(r, fields.at[IFLA_STATS64]!) : null,
  };
  return { ok: true, value };
}

function readVlan(r: Reader, info: Attributes): number | null {
  const fields = createAttributes(IFLA_VLAN_ID);
  if (readNested(r, info, IFLA_INFO_DATA, fields) !== undefined) return null;
  return has(fields, IFLA_VLAN_ID, 2) ? getU16(r, fields.at[IFLA_VLAN_ID]!) : null;
}

function readFiltering(r: Reader, info: Attributes): boolean {
  const fields = createAttributes(IFLA_BR_VLAN_FILTERING);
  if (readNested(r, info, IFLA_INFO_DATA, fields) !== undefined) return false;
  const at = fields.at[IFLA_BR_VLAN_FILTERING]!;
  return has(fields, IFLA_BR_VLAN_FILTERING, 1) && r.bytes[at] !== 0;
}

function readGre(r: Reader, info: Attributes): KernelGre | null {
  const fields = createAttributes(IFLA_GRE_PMTUDISC);
  if (readNested(r, info, IFLA_INFO_DATA, fields) !== undefined) return null;
  const address = (a: number): string | null => {
    const size = fields.size[a]!;
    if (size !== 4 && size !== 16) return null;
    const at = fields.at[a]!;
    const any = r.bytes.subarray(at, at + size).every((byte) => byte === 0);
    return any ? null : formatAddress(r.bytes, at, size === 4 ? 4 : 6);
  };
  const u8 = (a: number): number => (has(fields, a, 1) ? r.bytes[fields.at[a]!]! : 0);
  // IFLA_GRE_OFLAGS is network order on the wire, whatever the machine.
  const keyed =
    has(fields, IFLA_GRE_OFLAGS, 2) &&
    (getBe16(r.bytes, fields.at[IFLA_GRE_OFLAGS]!) & GRE_KEY) !== 0;
  return {
    local: address(IFLA_GRE_LOCAL),
    remote: address(IFLA_GRE_REMOTE),
    key:
      keyed && has(fields, IFLA_GRE_OKEY, 4) ? getBe32(r.bytes, fields.at[IFLA_GRE_OKEY]!) : null,
    ttl: u8(IFLA_GRE_TTL),
    pathMtu: u8(IFLA_GRE_PMTUDISC) !== 0,
  };
}
