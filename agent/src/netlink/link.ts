// netlink/link: requests about Linux devices: GRE tunnels are made and deleted, and a dump maps device names to
// indexes (logs, routes and queued packets carry indexes). kernel-link decodes the replies.
import { parseAddress } from '../wire/address.ts';
import {
  AF_UNSPEC,
  GRE_KEY,
  GRE_ROUTING,
  IFF_UP,
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
  IFLA_LINKINFO,
  IFLA_MTU,
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
export const LINK_HEADER = 16;
/** Longest device name, bytes (IFNAMSIZ less the NUL). */
const NAME_MAX = 15;

/** struct ifinfomsg. `index` 0: not known yet. Of `flags` only the bits in `change` are set. */
export function putLinkHeader(w: Writer, index: number, flags: number, change: number): void {
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
  /** Outer addresses of one family (IPv6 makes an `ip6gre` device); local null = any. */
  readonly local: string | null;
  readonly remote: string;
  /** Key of both directions, or null. */
  readonly key: number | null;
  /** Outer TTL, 1..255; 0 copies the inner one. */
  readonly ttl: number;
  /** Sets DF on the outer packet and takes part in path MTU discovery (IPv4 only). With a TTL this must be true,
   * otherwise the kernel returns EINVAL. */
  readonly pathMtu: boolean;
  /** Bytes. */
  readonly mtu: number;
}

/** Makes a GRE device and sets it up. Errors: EEXIST the name is taken or a tunnel with the same ends and key
 * exists, EOPNOTSUPP the kernel has no GRE. Returns false, and writes nothing, if the name or an address is
 * invalid. */
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

/** Requests a GRE device that the kernel never makes, to detect support: EINVAL with GRE support, EOPNOTSUPP
 * without (ipgre_tunnel_validate and ip6gre_tunnel_validate refuse source routing, RFC 1701). */
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

/** Deletes a device with its addresses and routes. Errors: ENODEV, EOPNOTSUPP (hardware). */
export function putLinkDelete(w: Writer, seq: number, index: number): void {
  beginMessage(w, RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, seq);
  putLinkHeader(w, index, 0, 0);
  endMessage(w);
}

/** Requests all devices, without statistics; the replies are RTM_NEWLINK messages for `readLink`. */
export function putLinkDump(w: Writer, seq: number): void {
  beginMessage(w, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, seq);
  putLinkHeader(w, 0, 0, 0);
  attributeU32(w, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  endMessage(w);
}

/** Requests the device `name`: one RTM_NEWLINK message, or errno ENODEV. `counted`: with statistics. */
export function putLinkQuery(w: Writer, seq: number, name: string, counted = false): void {
  beginMessage(w, RTM_GETLINK, NLM_F_REQUEST, seq);
  putLinkHeader(w, 0, 0, 0);
  attributeString(w, IFLA_IFNAME, name);
  if (!counted) attributeU32(w, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  endMessage(w);
}
