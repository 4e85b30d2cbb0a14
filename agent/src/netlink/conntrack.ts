// netlink/conntrack: decodes entries of the kernel's conntrack table, for `whp flows`, accounting and late evidence.
// The NAT of an entry cannot be changed: a flow whose evidence came too late gets another binding only as a new
// entry.
import { type Family, formatAddress } from '../wire/address.ts';
import {
  AF_INET,
  AF_INET6,
  CTA_COUNTERS_BYTES,
  CTA_COUNTERS_ORIG,
  CTA_COUNTERS_PACKETS,
  CTA_COUNTERS_REPLY,
  CTA_ID,
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_IP_V6_DST,
  CTA_IP_V6_SRC,
  CTA_MARK,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_ICMP_ID,
  CTA_PROTO_ICMPV6_CODE,
  CTA_PROTO_ICMPV6_ID,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_STATUS,
  CTA_TIMEOUT,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  CTA_ZONE,
  IPCTNL_MSG_CT_NEW,
  NFNL_SUBSYS_CTNETLINK,
} from './constants.ts';
import {
  createAttributes,
  type Decoded,
  getBe16,
  getBe32,
  getBe64,
  has,
  type Message,
  type MessageReader,
  readAttributes,
  readNested,
} from './message.ts';

/** Message type of an entry, in a dump or announced as new or changed. */
export const CONNTRACK_ENTRY = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW;

/** One direction of a connection. */
export interface Tuple {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  /** Ports; for ICMP sourcePort is the id and destinationPort is type << 8 | code. */
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** Counters of an entry. */
export interface Counts {
  /** Identifies this entry: a later entry can have the same tuples, but not the same id. */
  readonly id: number;
  /** 0 if net.netfilter.nf_conntrack_acct is off. */
  readonly packets: { readonly original: number; readonly reply: number };
  readonly bytes: { readonly original: number; readonly reply: number };
}

export interface Connection extends Counts {
  readonly family: Family;
  readonly original: Tuple;
  readonly reply: Tuple;
  /** IPS_* bits. */
  readonly status: number;
  readonly mark: number;
  readonly zone: number;
  /** Seconds until the entry expires without another packet. */
  readonly timeout: number;
}

/** Reused for every entry: a dump has thousands, and new tables for each took most of the time. */
const fields = createAttributes(CTA_ZONE);
const tuple = createAttributes(CTA_TUPLE_PROTO);
const ip = createAttributes(CTA_IP_V6_DST);
const proto = createAttributes(CTA_PROTO_ICMPV6_CODE);
const counters = createAttributes(CTA_COUNTERS_BYTES);

/** Decodes one entry: a CONNTRACK_ENTRY message, or the announcement that it was deleted. */
export function readConnection(r: MessageReader, m: Message): Decoded<Connection> {
  if (m.body + 4 > m.end) return bad('no nfgenmsg');
  const afFamily = r.bytes[m.body]!;
  if (afFamily !== AF_INET && afFamily !== AF_INET6) return bad(`family ${afFamily}`);
  const family = afFamily === AF_INET ? 4 : 6;
  const reason = readAttributes(r, m.body + 4, m.end, fields);
  if (reason) return bad(reason);
  const original = readTuple(r, CTA_TUPLE_ORIG, family);
  if (!original.ok) return bad(`original tuple: ${original.reason}`);
  const reply = readTuple(r, CTA_TUPLE_REPLY, family);
  if (!reply.ok) return bad(`reply tuple: ${reply.reason}`);
  const { id, packets, bytes } = countsOf(r);
  const value: Connection = {
    family,
    original: original.value,
    reply: reply.value,
    status: numberOf(r, CTA_STATUS),
    mark: numberOf(r, CTA_MARK),
    id,
    zone: has(fields, CTA_ZONE, 2) ? getBe16(r.bytes, fields.at[CTA_ZONE]!) : 0,
    timeout: numberOf(r, CTA_TIMEOUT),
    packets,
    bytes,
  };
  return { ok: true, value };
}

/** Id and counters of an entry only: decoding the tuples takes most of the time, and the entries of a repeated
 * dump are known. Null: malformed. */
export function readCounts(r: MessageReader, m: Message): Counts | null {
  if (m.body + 4 > m.end) return null;
  return readAttributes(r, m.body + 4, m.end, fields) === undefined ? countsOf(r) : null;
}

function bad(reason: string): Decoded<never> {
  return { ok: false, reason: `conntrack: ${reason}` };
}

/** This function and those below read the attributes that `fields` was filled with. */
function countsOf(r: MessageReader): Counts {
  const packets = { original: 0, reply: 0 };
  const bytes = { original: 0, reply: 0 };
  if (readNested(r, fields, CTA_COUNTERS_ORIG, counters) === undefined) {
    packets.original = counterOf(r, CTA_COUNTERS_PACKETS);
    bytes.original = counterOf(r, CTA_COUNTERS_BYTES);
  }
  if (readNested(r, fields, CTA_COUNTERS_REPLY, counters) === undefined) {
    packets.reply = counterOf(r, CTA_COUNTERS_PACKETS);
    bytes.reply = counterOf(r, CTA_COUNTERS_BYTES);
  }
  return { id: numberOf(r, CTA_ID), packets, bytes };
}

function counterOf(r: MessageReader, type: number): number {
  return has(counters, type, 8) ? getBe64(r.bytes, counters.at[type]!) : 0;
}

function numberOf(r: MessageReader, type: number): number {
  return has(fields, type, 4) ? getBe32(r.bytes, fields.at[type]!) : 0;
}

function readTuple(r: MessageReader, type: number, family: Family): Decoded<Tuple> {
  const reason =
    readNested(r, fields, type, tuple) ??
    readNested(r, tuple, CTA_TUPLE_IP, ip) ??
    readNested(r, tuple, CTA_TUPLE_PROTO, proto);
  if (reason) return { ok: false, reason };
  const source = family === 4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC;
  const destination = family === 4 ? CTA_IP_V4_DST : CTA_IP_V6_DST;
  const size = family === 4 ? 4 : 16;
  if (!has(ip, source, size) || !has(ip, destination, size))
    return { ok: false, reason: 'an address is missing' };
  if (!has(proto, CTA_PROTO_NUM, 1)) return { ok: false, reason: 'the protocol is missing' };
  const icmp = has(proto, CTA_PROTO_ICMP_ID, 2)
    ? CTA_PROTO_ICMP_ID
    : has(proto, CTA_PROTO_ICMPV6_ID, 2)
      ? CTA_PROTO_ICMPV6_ID
      : 0;
  const value = {
    source: formatAddress(r.bytes, ip.at[source]!, family),
    destination: formatAddress(r.bytes, ip.at[destination]!, family),
    protocol: r.bytes[proto.at[CTA_PROTO_NUM]!]!,
    sourcePort: portOf(r, icmp === 0 ? CTA_PROTO_SRC_PORT : icmp),
    // Type and code are the next two attributes after the id, in both families.
    destinationPort:
      icmp === 0 ? portOf(r, CTA_PROTO_DST_PORT) : (byteOf(r, icmp + 1) << 8) | byteOf(r, icmp + 2),
  };
  return { ok: true, value };
}

function portOf(r: MessageReader, type: number): number {
  return has(proto, type, 2) ? getBe16(r.bytes, proto.at[type]!) : 0;
}

function byteOf(r: MessageReader, type: number): number {
  return has(proto, type, 1) ? r.bytes[proto.at[type]!]! : 0;
}
