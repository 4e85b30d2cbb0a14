// netlink/route: routes of a slot's routing table: a default through the tunnel device, and a `prohibit` default of
// larger metric, so that packets never fall back to the main table when the device is lost. Device indexes are from
// link.
import { type Family, formatAddress } from '../wire/address.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RT_TABLE_UNSPEC,
  RTA_DST,
  RTA_GATEWAY,
  RTA_OIF,
  RTA_PREFSRC,
  RTA_PRIORITY,
  RTA_TABLE,
  RTM_DELROUTE,
  RTM_F_CLONED,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTN_PROHIBIT,
  RTN_UNICAST,
  RTPROT_KERNEL,
  RTPROT_RA,
  RTPROT_UNSPEC,
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
import {
  attributeBytes,
  attributeU32,
  beginMessage,
  endMessage,
  putU8,
  putU32,
  type Writer,
} from './writer.ts';

/** Bytes of struct rtmsg. */
const ROUTE_HEADER = 12;

/** A default route through the device with index `link`; 0: prohibit. */
export interface DefaultRoute {
  readonly family: Family;
  readonly table: number;
  readonly link: number;
  /** The smallest is used, 1..2^32-1. (IPv6 reads 0 as 1024.) */
  readonly metric: number;
  /** Origin of the route: RTPROT_* or an own number 5..255. */
  readonly protocol: number;
}

/** Adds a default route, or replaces that of the same table and metric. Errors: ENODEV, ENETDOWN the device is not
 * up. */
export function putRouteReplace(w: Writer, seq: number, route: DefaultRoute): void {
  const flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  const scope = route.family === 4 && route.link !== 0 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  beginMessage(w, RTM_NEWROUTE, flags, seq);
  putRouteBody(w, route, route.protocol, scope);
  endMessage(w);
}

/** Deletes a default route of any protocol. Errors: ESRCH no such route. */
export function putRouteDelete(w: Writer, seq: number, route: DefaultRoute): void {
  beginMessage(w, RTM_DELROUTE, NLM_F_REQUEST | NLM_F_ACK, seq);
  // In a deletion RT_SCOPE_NOWHERE matches any scope (as in ip-route).
  putRouteBody(w, route, RTPROT_UNSPEC, RT_SCOPE_NOWHERE);
  endMessage(w);
}

function putRouteBody(w: Writer, route: DefaultRoute, protocol: number, scope: number): void {
  const type = route.link === 0 ? RTN_PROHIBIT : RTN_UNICAST;
  putRouteHeader(w, route.family === 4 ? AF_INET : AF_INET6, protocol, scope, type);
  attributeU32(w, RTA_TABLE, route.table);
  attributeU32(w, RTA_PRIORITY, route.metric);
  if (route.link !== 0) attributeU32(w, RTA_OIF, route.link);
}

function putRouteHeader(
  w: Writer,
  family: number,
  protocol: number,
  scope: number,
  type: number,
): void {
  putU8(w, family);
  putU8(w, 0); // destination prefix length: default
  putU8(w, 0); // source prefix length
  putU8(w, 0); // type of service
  putU8(w, RT_TABLE_UNSPEC); // the table is in RTA_TABLE
  putU8(w, protocol);
  putU8(w, scope);
  putU8(w, type);
  putU32(w, 0); // flags
}

/** Requests all routes of `family`, all tables; the replies are RTM_NEWROUTE messages for `readRoute`. */
export function putRouteDump(w: Writer, seq: number, family: Family): void {
  beginMessage(w, RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, seq);
  putRouteHeader(w, family === 4 ? AF_INET : AF_INET6, 0, 0, 0);
  endMessage(w);
}

/** Requests the route of a packet to `destination` (4 or 16 bytes): one RTM_NEWROUTE message. */
export function putRouteQuery(w: Writer, seq: number, destination: Uint8Array): void {
  beginMessage(w, RTM_GETROUTE, NLM_F_REQUEST, seq);
  putU8(w, destination.length === 4 ? AF_INET : AF_INET6);
  putU8(w, destination.length * 8);
  for (let i = 0; i < 6; i++) putU8(w, 0);
  putU32(w, 0);
  attributeBytes(w, RTA_DST, destination);
  endMessage(w);
}

/** A route of the kernel, of any origin. */
export interface KernelRoute extends DefaultRoute {
  /** RTN_*: RTN_UNICAST, RTN_PROHIBIT ... */
  readonly type: number;
  /** "192.0.2.0/24"; null = default. */
  readonly destination: string | null;
  readonly gateway: string | null;
  /** The preferred source address. */
  readonly source: string | null;
  /** A cache entry cloned from a route. */
  readonly cloned: boolean;
}

/** Whether the kernel made it, in table local or for a network in main, as for every address of the router. Reads
 * only the header: callers skip these routes. */
export function isPlain(r: MessageReader, m: Message): boolean {
  if (m.body + ROUTE_HEADER > m.end) return false;
  const bits = r.bytes[m.body + 1];
  const table = r.bytes[m.body + 4];
  const protocol = r.bytes[m.body + 5];
  if (bits === 0) return false;
  if (table === RT_TABLE_LOCAL) return true;
  return table === RT_TABLE_MAIN && (protocol === RTPROT_KERNEL || protocol === RTPROT_RA);
}

/** Reused for every message. */
const fields = createAttributes(RTA_TABLE);

/** Decodes RTM_NEWROUTE and RTM_DELROUTE. An IPv6 prohibit has the index of lo as `link`. */
export function readRoute(r: MessageReader, m: Message): Decoded<KernelRoute> {
  const { bytes } = r;
  if (m.body + ROUTE_HEADER > m.end) return { ok: false, reason: 'route: header too short' };
  const af = bytes[m.body]!;
  if (af !== AF_INET && af !== AF_INET6) {
    const what = af === AF_UNSPEC ? 'unspecified' : af;
    return { ok: false, reason: `route: family ${what}` };
  }
  const family: Family = af === AF_INET ? 4 : 6;
  const reason = readAttributes(r, m.body + ROUTE_HEADER, m.end, fields);
  if (reason) return { ok: false, reason: `route: ${reason}` };
  const number = (a: number, absent: number): number =>
    has(fields, a, 4) ? getU32(r, fields.at[a]!) : absent;
  const address = (a: number): string | null =>
    has(fields, a, family === 4 ? 4 : 16) ? formatAddress(bytes, fields.at[a]!, family) : null;
  const destination = address(RTA_DST);
  const value = {
    family,
    table: number(RTA_TABLE, bytes[m.body + 4]!),
    link: number(RTA_OIF, 0),
    metric: number(RTA_PRIORITY, 0),
    protocol: bytes[m.body + 5]!,
    type: bytes[m.body + 7]!,
    destination: destination === null ? null : `${destination}/${bytes[m.body + 1]}`,
    gateway: address(RTA_GATEWAY),
    source: address(RTA_PREFSRC),
    cloned: (getU32(r, m.body + 8) & RTM_F_CLONED) !== 0,
  };
  return { ok: true, value };
}
