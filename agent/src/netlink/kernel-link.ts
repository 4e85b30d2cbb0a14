// netlink/kernel-link: decodes a Linux device from a dump or an announcement: index, name, MTU and state, and the
// parameters of bridge, vlan, VRF and GRE devices. link encodes the requests.
import { formatAddress } from '../wire/address.ts';
import {
  GRE_KEY,
  IFLA_BR_VLAN_FILTERING,
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
  IFLA_VRF_TABLE,
} from './constants.ts';
import { LINK_HEADER } from './link.ts';
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
  type MessageReader,
  readAttributes,
  readNested,
} from './message.ts';

export interface KernelLink {
  readonly index: number;
  readonly name: string;
  readonly mtu: number;
  /** IFF_* bits. IFF_UP: set up by the administrator; IFF_RUNNING: carrier. */
  readonly flags: number;
  /** "gre", "bridge", "veth" ...; "": hardware and lo. */
  readonly kind: string;
  /** Parameters of a gre or ip6gre device. */
  readonly gre: KernelGre | null;
  /** Index of the bridge or bond that has this device as a port; 0: none. */
  readonly master: number;
  /** Index of the lower device of a vlan or macvlan; 0: another kind. */
  readonly parent: number;
  /** VLAN ID of a vlan device, else null. */
  readonly vlan: number | null;
  /** A bridge with VLAN filtering. */
  readonly filters: boolean;
  /** Routing table of a VRF; 0: another kind. */
  readonly vrfTable: number;
  /** Packets received since the device was made; null: not requested. */
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
export function readLink(r: MessageReader, m: Message): Decoded<KernelLink> {
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
    // For other kinds IFLA_LINK differs in meaning: for veth it is the peer, in another namespace.
    parent: kind === 'vlan' || kind === 'macvlan' ? number(IFLA_LINK) : 0,
    vlan: kind === 'vlan' ? readVlan(r, info) : null,
    filters: kind === 'bridge' && readFiltering(r, info),
    vrfTable: kind === 'vrf' ? readVrfTable(r, info) : 0,
    // struct rtnl_link_stats64 begins with rx_packets.
    received: has(fields, IFLA_STATS64, 8) ? getU64(r, fields.at[IFLA_STATS64]!) : null,
  };
  return { ok: true, value };
}

function readVlan(r: MessageReader, info: Attributes): number | null {
  const fields = createAttributes(IFLA_VLAN_ID);
  if (readNested(r, info, IFLA_INFO_DATA, fields) !== undefined) return null;
  return has(fields, IFLA_VLAN_ID, 2) ? getU16(r, fields.at[IFLA_VLAN_ID]!) : null;
}

function readVrfTable(r: MessageReader, info: Attributes): number {
  const fields = createAttributes(IFLA_VRF_TABLE);
  if (readNested(r, info, IFLA_INFO_DATA, fields) !== undefined) return 0;
  return has(fields, IFLA_VRF_TABLE, 4) ? getU32(r, fields.at[IFLA_VRF_TABLE]!) : 0;
}

function readFiltering(r: MessageReader, info: Attributes): boolean {
  const fields = createAttributes(IFLA_BR_VLAN_FILTERING);
  if (readNested(r, info, IFLA_INFO_DATA, fields) !== undefined) return false;
  const at = fields.at[IFLA_BR_VLAN_FILTERING]!;
  return has(fields, IFLA_BR_VLAN_FILTERING, 1) && r.bytes[at] !== 0;
}

function readGre(r: MessageReader, info: Attributes): KernelGre | null {
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
  // IFLA_GRE_OFLAGS is in network order on every machine.
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
