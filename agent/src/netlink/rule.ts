// netlink/rule: requests and decodes ip rules (linux/fib_rules.h). Ours map a packet mark to a routing table. netifd
// deletes every rule when it starts, ours too, so RTM_DELRULE announcements matter.
import { type Family, formatAddress } from '../wire/address.ts';
import {
  AF_INET,
  AF_INET6,
  FIB_RULE_INVERT,
  FR_ACT_TO_TBL,
  FRA_DPORT_RANGE,
  FRA_DST,
  FRA_FWMARK,
  FRA_FWMASK,
  FRA_GOTO,
  FRA_IIFNAME,
  FRA_IP_PROTO,
  FRA_L3MDEV,
  FRA_OIFNAME,
  FRA_PRIORITY,
  FRA_PROTOCOL,
  FRA_SPORT_RANGE,
  FRA_SRC,
  FRA_SUPPRESS_PREFIXLEN,
  FRA_TABLE,
  FRA_TUN_ID,
  FRA_UID_RANGE,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  RT_TABLE_UNSPEC,
  RTM_DELRULE,
  RTM_GETRULE,
  RTM_NEWRULE,
} from './constants.ts';
import {
  createAttributes,
  type Decoded,
  getText,
  getU16,
  getU32,
  has,
  type Message,
  type MessageReader,
  readAttributes,
} from './message.ts';
import {
  attributeU8,
  attributeU32,
  beginMessage,
  endMessage,
  putU8,
  putU32,
  type Writer,
} from './writer.ts';

/** Bytes of struct fib_rule_hdr. */
const RULE_HEADER = 12;

/** One of our rules: packets whose mark under `mask` is `mark` use `table`. */
export interface MarkRule {
  readonly family: Family;
  readonly preference: number;
  readonly mark: number;
  readonly mask: number;
  readonly table: number;
  /** Origin of the rule: RTPROT_* or an own number 5..255 (`ip rule` shows it as proto). */
  readonly protocol: number;
}

/** Adds a rule. Errors: EEXIST the same rule exists, EPERM. */
export function putRuleAdd(w: Writer, seq: number, rule: MarkRule): void {
  putRule(w, RTM_NEWRULE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, seq, rule);
}

/** Deletes the first rule with exactly these fields. Errors: ENOENT. */
export function putRuleDelete(w: Writer, seq: number, rule: MarkRule): void {
  putRule(w, RTM_DELRULE, NLM_F_REQUEST | NLM_F_ACK, seq, rule);
}

function putRule(w: Writer, type: number, flags: number, seq: number, rule: MarkRule): void {
  beginMessage(w, type, flags, seq);
  putRuleHeader(w, rule.family === 4 ? AF_INET : AF_INET6, FR_ACT_TO_TBL);
  attributeU32(w, FRA_FWMARK, rule.mark);
  attributeU32(w, FRA_FWMASK, rule.mask);
  attributeU32(w, FRA_TABLE, rule.table);
  attributeU32(w, FRA_PRIORITY, rule.preference);
  attributeU8(w, FRA_PROTOCOL, rule.protocol);
  endMessage(w);
}

/** The table is sent as an attribute: the header field holds numbers below 256 only. */
function putRuleHeader(w: Writer, family: number, action: number): void {
  putU8(w, family);
  putU8(w, 0); // destination prefix length
  putU8(w, 0); // source prefix length
  putU8(w, 0); // type of service
  putU8(w, RT_TABLE_UNSPEC);
  putU8(w, 0);
  putU8(w, 0);
  putU8(w, action);
  putU32(w, 0); // flags
}

/** Requests all rules of one family; the replies are RTM_NEWRULE messages for `readRule`. */
export function putRuleDump(w: Writer, seq: number, family: Family): void {
  beginMessage(w, RTM_GETRULE, NLM_F_REQUEST | NLM_F_DUMP, seq);
  putRuleHeader(w, family === 4 ? AF_INET : AF_INET6, 0);
  endMessage(w);
}

/** First and last, inclusive. */
export type PortRange = readonly [number, number];

/** Conditions of a rule beside the mark; an absent one matches every packet. */
export interface RuleSelector {
  /** "192.168.1.0/28". */
  readonly source?: string;
  readonly destination?: string;
  /** Device names: input device of the packet, and the device that the sender's socket is bound to. */
  readonly iif?: string;
  readonly oif?: string;
  /** IPPROTO_*. */
  readonly ipProtocol?: number;
  /** Absent too where a mask of the port lets others match (`isUnknown`). */
  readonly sourcePorts?: PortRange;
  readonly destinationPorts?: PortRange;
  /** User id of the sender of a local packet; 0 for forwarded packets. */
  readonly uids?: PortRange;
  /** The TOS field of the IPv4 or IPv6 header, from the header of the rule. */
  readonly tos?: number;
  /** The packet came from a tunnel device with a key for each packet (FRA_TUN_ID). */
  readonly isKeyed?: true;
  /** The packet came from a device of a VRF, whose table is used. */
  readonly isL3mdev?: true;
  /** The rule has an attribute that this decoder does not know (a newer kernel), or a partial port mask. */
  readonly isUnknown?: true;
}

/** A rule of the kernel, of any origin. */
export interface KernelRule extends MarkRule {
  /** FR_ACT_*; FR_ACT_TO_TBL uses `table`. */
  readonly action: number;
  readonly selector: RuleSelector;
  /** `not`: the rule matches packets that do not match both selector and mark. */
  readonly isInverted: boolean;
  /** Preference of the rule that FR_ACT_GOTO continues with. */
  readonly target: number;
  /** Routes of the table with at most this prefix length are ignored (0: the default route); -1: none. */
  readonly suppressed: number;
}

/** Whether the mark is its only condition. */
export function asksOnlyForMark({ selector, isInverted }: KernelRule): boolean {
  return !isInverted && Object.keys(selector).length === 0;
}

/** Linux 6.13 to 6.15 add DSCP (25), flow label (26), the masks of flow label, ports and DSCP (27 to 30). */
const LAST_ATTRIBUTE = 40;
/** FRA_SPORT_MASK and FRA_DPORT_MASK (linux/fib_rules.h since 6.15; older headers do not have them), 16 bits in host
 * byte order. Every rule with a single port has one, all ones by default. */
const SPORT_MASK = 28;
const DPORT_MASK = 29;
const WHOLE_PORT = 0xffff;
/** Reused for every message. */
const fields = createAttributes(LAST_ATTRIBUTE);

/** Decodes RTM_NEWRULE and RTM_DELRULE. */
export function readRule(r: MessageReader, m: Message): Decoded<KernelRule> {
  if (m.body + RULE_HEADER > m.end) return { ok: false, reason: 'rule: header too short' };
  const af = r.bytes[m.body]!;
  // Rules of multicast routing (RTNL_FAMILY_IPMR) are not ours.
  if (af !== AF_INET && af !== AF_INET6) return { ok: false, reason: `rule: family ${af}` };
  const reason = readAttributes(r, m.body + RULE_HEADER, m.end, fields);
  if (reason) return { ok: false, reason: `rule: ${reason}` };
  const number = (a: number, absent: number): number =>
    has(fields, a, 4) ? getU32(r, fields.at[a]!) : absent;
  const family: Family = af === AF_INET ? 4 : 6;
  const value = {
    family,
    preference: number(FRA_PRIORITY, 0),
    mark: number(FRA_FWMARK, 0),
    mask: number(FRA_FWMASK, 0),
    table: number(FRA_TABLE, r.bytes[m.body + 4]!),
    protocol: has(fields, FRA_PROTOCOL, 1) ? r.bytes[fields.at[FRA_PROTOCOL]!]! : 0,
    action: r.bytes[m.body + 7]!,
    selector: readSelector(r, m.body, family),
    isInverted: (getU32(r, m.body + 8) & FIB_RULE_INVERT) !== 0,
    target: number(FRA_GOTO, 0),
    suppressed: number(FRA_SUPPRESS_PREFIXLEN, 0xffffffff) | 0,
  };
  return { ok: true, value };
}

/** Reads the attributes in `fields`; `header` is the offset of struct fib_rule_hdr. */
function readSelector(r: MessageReader, header: number, family: Family): RuleSelector {
  const { bytes } = r;
  const selector: { -readonly [K in keyof RuleSelector]: RuleSelector[K] } = {};
  const prefix = (a: number, bits: number): string | undefined =>
    bits !== 0 && has(fields, a, family === 4 ? 4 : 16)
      ? `${formatAddress(bytes, fields.at[a]!, family)}/${bits}`
      : undefined;
  const source = prefix(FRA_SRC, bytes[header + 2]!);
  const destination = prefix(FRA_DST, bytes[header + 1]!);
  if (source !== undefined) selector.source = source;
  if (destination !== undefined) selector.destination = destination;
  const text = (a: number): string => getText(bytes, fields.at[a]!, fields.size[a]!);
  if (text(FRA_IIFNAME) !== '') selector.iif = text(FRA_IIFNAME);
  if (text(FRA_OIFNAME) !== '') selector.oif = text(FRA_OIFNAME);
  const byte = (a: number): number => (has(fields, a, 1) ? bytes[fields.at[a]!]! : 0);
  if (byte(FRA_IP_PROTO) !== 0) selector.ipProtocol = byte(FRA_IP_PROTO);
  if (bytes[header + 3] !== 0) selector.tos = bytes[header + 3]!;
  const ports = (a: number, mask: number): PortRange | undefined =>
    has(fields, a, 4) && isPlain(r, mask)
      ? [getU16(r, fields.at[a]!), getU16(r, fields.at[a]! + 2)]
      : undefined;
  const sourcePorts = ports(FRA_SPORT_RANGE, SPORT_MASK);
  const destinationPorts = ports(FRA_DPORT_RANGE, DPORT_MASK);
  if (sourcePorts !== undefined) selector.sourcePorts = sourcePorts;
  if (destinationPorts !== undefined) selector.destinationPorts = destinationPorts;
  if (has(fields, FRA_UID_RANGE, 8)) {
    const at = fields.at[FRA_UID_RANGE]!;
    selector.uids = [getU32(r, at), getU32(r, at + 4)];
  }
  // FRA_TUN_ID has 64 bits; the kernel omits it if it is 0.
  if (has(fields, FRA_TUN_ID, 8)) selector.isKeyed = true;
  if (byte(FRA_L3MDEV) !== 0) selector.isL3mdev = true;
  if (hasUnknown(r)) selector.isUnknown = true;
  return selector;
}

/** Whether the attribute is absent, or a port mask of all ones. With a partial one the rule matches ports besides the
 * one that it names. */
function isPlain(r: MessageReader, a: number): boolean {
  if (fields.at[a] === 0) return true;
  const isMask = (a === SPORT_MASK || a === DPORT_MASK) && has(fields, a, 2);
  return isMask && getU16(r, fields.at[a]!) === WHOLE_PORT;
}

function hasUnknown(r: MessageReader): boolean {
  for (let a = FRA_DPORT_RANGE + 1; a <= LAST_ATTRIBUTE; a++) if (!isPlain(r, a)) return true;
  return false;
}
