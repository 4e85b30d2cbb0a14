// netlink/rule: ip rules (linux/fib_rules.h): "a packet with this mark looks into that table".
// reconcile/ adds and deletes them; the dump and the announcements tell it what stands: netifd
// deletes every rule when it starts, ours too, so RTM_DELRULE is listened for.
import type { Family } from '../wire/address.ts';
import {
  AF_INET,
  AF_INET6,
  FR_ACT_TO_TBL,
  FRA_FWMARK,
  FRA_FWMASK,
  FRA_IIFNAME,
  FRA_OIFNAME,
  FRA_PRIORITY,
  FRA_PROTOCOL,
  FRA_SUPPRESS_PREFIXLEN,
  FRA_TABLE,
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
  getU32,
  has,
  type Message,
  type Reader,
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

/** Our rules: fwmark `mark` under `mask` looks into `table`. */
export interface MarkRule {
  readonly family: Family;
  readonly preference: number;
  readonly mark: number;
  readonly mask: number;
  readonly table: number;
  /** RTPROT_* or any own number 5..255: who made it (`ip rule` shows it as proto). */
  readonly protocol: number;
}

/** Adds a rule. Errors: EEXIST the very same rule stands, EPERM. */
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

/** The table goes into an attribute: the header has room for numbers below 256 only. */
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

/** Asks for all rules of one family; answers are RTM_NEWRULE messages for `readRule`. */
export function putRuleDump(w: Writer, seq: number, family: Family): void {
  beginMessage(w, RTM_GETRULE, NLM_F_REQUEST | NLM_F_DUMP, seq);
  putRuleHeader(w, family === 4 ? AF_INET : AF_INET6, 0);
  endMessage(w);
}

/** A rule as the kernel holds it: anybody's. */
export interface KernelRule extends MarkRule {
  /** FR_ACT_*: FR_ACT_TO_TBL looks into `table`. */
  readonly action: number;
  /** Whether it looks at nothing but the mark: no prefix, interface, or inversion. */
  readonly markOnly: boolean;
  /** It passes over routes of its table that are too general, such as the default. */
  readonly suppresses: boolean;
}

/** Reused: reading one message ends before the next one begins. */
const fields = createAttributes(FRA_PROTOCOL);

/** Decodes RTM_NEWRULE and RTM_DELRULE. */
export function readRule(r: Reader, m: Message): Decoded<KernelRule> {
  if (m.body + RULE_HEADER > m.end) return { ok: false, reason: 'rule: header too short' };
  const af = r.bytes[m.body]!;
  // Multicast routing has rules too (RTNL_FAMILY_IPMR); they are none of ours.
  if (af !== AF_INET && af !== AF_INET6) return { ok: false, reason: `rule: family ${af}` };
  const reason = readAttributes(r, m.body + RULE_HEADER, m.end, fields);
  if (reason) return { ok: false, reason: `rule: ${reason}` };
  const number = (a: number, absent: number): number =>
    has(fields, a, 4) ? getU32(r, fields.at[a]!) : absent;
  const text = (a: number): string => getText(r.bytes, fields.at[a]!, fields.size[a]!);
  const bare =
    r.bytes[m.body + 1] === 0 &&
    r.bytes[m.body + 2] === 0 &&
    r.bytes[m.body + 3] === 0 &&
    getU32(r, m.body + 8) === 0;
  const value = {
    family: (af === AF_INET ? 4 : 6) as Family,
    preference: number(FRA_PRIORITY, 0),
    mark: number(FRA_FWMARK, 0),
    mask: number(FRA_FWMASK, 0),
    table: number(FRA_TABLE, r.bytes[m.body + 4]!),
    protocol: has(fields, FRA_PROTOCOL, 1) ? r.bytes[fields.at[FRA_PROTOCOL]!]! : 0,
    action: r.bytes[m.body + 7]!,
    suppresses: (number(FRA_SUPPRESS_PREFIXLEN, 0xffffffff) | 0) >= 0,
    markOnly: bare && text(FRA_IIFNAME) === '' && text(FRA_OIFNAME) === '',
  };
  return { ok: true, value };
}
