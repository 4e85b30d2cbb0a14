// netlink/conntrack-request: requests to the kernel's conntrack table: count, dump, get, mark and delete entries.
// conntrack decodes the replies.

import { type Family, parseAddress } from '../wire/address.ts';
import type { Connection, Tuple } from './conntrack.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  CTA_FILTER,
  CTA_FILTER_ORIG_FLAGS,
  CTA_FILTER_REPLY_FLAGS,
  CTA_ID,
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_IP_V6_DST,
  CTA_IP_V6_SRC,
  CTA_MARK,
  CTA_MARK_MASK,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_ICMP_CODE,
  CTA_PROTO_ICMP_ID,
  CTA_PROTO_ICMP_TYPE,
  CTA_PROTO_ICMPV6_CODE,
  CTA_PROTO_ICMPV6_ID,
  CTA_PROTO_ICMPV6_TYPE,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  CTA_ZONE,
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_GET_STATS,
  IPCTNL_MSG_CT_NEW,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  NFNL_SUBSYS_CTNETLINK,
  NLA_F_NESTED,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
} from './constants.ts';
import {
  attributeBe16,
  attributeBe32,
  attributeBytes,
  attributeU8,
  attributeU32,
  beginAttribute,
  beginMessage,
  endAttribute,
  endMessage,
  putNetfilter,
  type Writer,
} from './writer.ts';

/** Requests the number of entries. Errors: EINVAL ctnetlink is not loaded. */
export function putConntrackCount(w: Writer, seq: number): void {
  beginMessage(
    w,
    (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET_STATS,
    NLM_F_REQUEST | NLM_F_ACK,
    seq,
  );
  putNetfilter(w, AF_UNSPEC, 0);
  endMessage(w);
}

/** Addresses of one direction that limit a dump. The reply has all connections of these addresses and others too:
 * all of IPv6, because the kernel's comparison of IPv6 addresses is inverted (ctnetlink_filter_match_tuple, Linux
 * 5.8 and later: it leaves out exactly the matching ones). */
export interface TupleFilter {
  readonly family: Family;
  readonly source: string | null;
  readonly destination: string | null;
  /** The addresses are those of the reply direction: flows that a peer began. */
  readonly isReply?: boolean;
}

/** Bits of CTA_FILTER_ORIG_FLAGS and CTA_FILTER_REPLY_FLAGS (net/netfilter/nf_internals.h, CTA_FILTER_F_*). */
const FILTER_SOURCE = 1;
const FILTER_DESTINATION = 2;

/** Requests all entries of `family` (0 = both) whose `mark & mask` equals `mark`; mask 0 = all. `only` is applied
 * by Linux 5.8 and later and for IPv4 only, so the caller must filter again. */
export function putConntrackDump(
  w: Writer,
  seq: number,
  family: Family | 0,
  mark: number,
  mask: number,
  only: TupleFilter | null = null,
): void {
  const type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET;
  beginMessage(w, type, NLM_F_REQUEST | NLM_F_DUMP, seq);
  putNetfilter(w, family === 4 ? AF_INET : family === 6 ? AF_INET6 : AF_UNSPEC, 0);
  if (mask !== 0) {
    attributeBe32(w, CTA_MARK, mark);
    attributeBe32(w, CTA_MARK_MASK, mask);
  }
  if (only !== null && only.family === 4) putTupleFilter(w, only);
  endMessage(w);
}

function putTupleFilter(w: Writer, only: TupleFilter): void {
  const source = only.source === null ? null : parseAddress(only.source);
  const destination = only.destination === null ? null : parseAddress(only.destination);
  const isReply = only.isReply === true;
  const side = isReply ? CTA_TUPLE_REPLY : CTA_TUPLE_ORIG;
  const tuple = beginAttribute(w, NLA_F_NESTED | side);
  const ip = beginAttribute(w, NLA_F_NESTED | CTA_TUPLE_IP);
  if (source !== null) attributeBytes(w, CTA_IP_V4_SRC, source);
  if (destination !== null) attributeBytes(w, CTA_IP_V4_DST, destination);
  endAttribute(w, ip);
  endAttribute(w, tuple);
  const flags =
    (source === null ? 0 : FILTER_SOURCE) | (destination === null ? 0 : FILTER_DESTINATION);
  const filter = beginAttribute(w, NLA_F_NESTED | CTA_FILTER);
  attributeU32(w, CTA_FILTER_ORIG_FLAGS, isReply ? 0 : flags);
  attributeU32(w, CTA_FILTER_REPLY_FLAGS, isReply ? flags : 0);
  endAttribute(w, filter);
}

/** Deletes the entry `c` by its original tuple and zone, and by its id unless that is null. Errors: ENOENT no such
 * entry, or another entry has the tuple now. Returns false if an address does not parse. */
export function putConntrackDelete(w: Writer, seq: number, c: EntryKey): boolean {
  return putEntry(w, seq, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, c, () => {
    if (c.id !== null) attributeBe32(w, CTA_ID, c.id);
  });
}

/** Sets the bits of `mask` in the connection mark of entry `c` to those of `value`. Errors and result as
 * putConntrackDelete, but the kernel does not compare the id. */
export function putConntrackMark(
  w: Writer,
  seq: number,
  c: EntryKey,
  { value, mask }: { readonly value: number; readonly mask: number },
): boolean {
  return putEntry(w, seq, IPCTNL_MSG_CT_NEW, NLM_F_ACK, c, () => {
    attributeBe32(w, CTA_MARK, value);
    attributeBe32(w, CTA_MARK_MASK, mask);
  });
}

/** Requests entry `c`; the reply is that entry. Errors and result as putConntrackDelete, but the id is not sent. */
export function putConntrackGet(w: Writer, seq: number, c: EntryKey): boolean {
  return putEntry(w, seq, IPCTNL_MSG_CT_GET, 0, c, () => {});
}

export type EntryKey = Pick<Connection, 'family' | 'original' | 'zone'> & {
  readonly id: number | null;
};

function putEntry(
  w: Writer,
  seq: number,
  message: number,
  flags: number,
  c: EntryKey,
  rest: () => void,
): boolean {
  const source = parseAddress(c.original.source);
  const destination = parseAddress(c.original.destination);
  const size = c.family === 4 ? 4 : 16;
  if (source?.length !== size || destination?.length !== size) return false;
  beginMessage(w, (NFNL_SUBSYS_CTNETLINK << 8) | message, NLM_F_REQUEST | flags, seq);
  putNetfilter(w, c.family === 4 ? AF_INET : AF_INET6, 0);
  const tuple = beginAttribute(w, NLA_F_NESTED | CTA_TUPLE_ORIG);
  const ip = beginAttribute(w, NLA_F_NESTED | CTA_TUPLE_IP);
  attributeBytes(w, c.family === 4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, source);
  attributeBytes(w, c.family === 4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, destination);
  endAttribute(w, ip);
  putProtocol(w, c.original);
  endAttribute(w, tuple);
  if (c.zone !== 0) attributeBe16(w, CTA_ZONE, c.zone);
  rest();
  endMessage(w);
  return true;
}

function putProtocol(w: Writer, t: Tuple): void {
  const at = beginAttribute(w, NLA_F_NESTED | CTA_TUPLE_PROTO);
  attributeU8(w, CTA_PROTO_NUM, t.protocol);
  if (t.protocol === IPPROTO_ICMP || t.protocol === IPPROTO_ICMPV6) {
    const v4 = t.protocol === IPPROTO_ICMP;
    attributeBe16(w, v4 ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID, t.sourcePort);
    attributeU8(w, v4 ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE, t.destinationPort >>> 8);
    attributeU8(w, v4 ? CTA_PROTO_ICMP_CODE : CTA_PROTO_ICMPV6_CODE, t.destinationPort & 0xff);
  } else {
    attributeBe16(w, CTA_PROTO_SRC_PORT, t.sourcePort);
    attributeBe16(w, CTA_PROTO_DST_PORT, t.destinationPort);
  }
  endAttribute(w, at);
}
