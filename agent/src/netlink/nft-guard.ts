// netlink/nft-guard: the second line of defence, a table of a few rules that belongs to a socket of
// ours (NFT_TABLE_F_OWNER, Linux 5.12). Nobody else can delete or change it: `nft flush ruleset`
// passes it by, and it is gone when the socket is closed, however the agent ends. It lets a packet
// from home into the forward chain only when our table has judged it, so that nothing leaves
// unjudged while that table is missing, and nothing leaves beside a tunnel with the address inside it.
import { parseAddress } from '../wire/address.ts';
import {
  NF_ACCEPT,
  NF_DROP,
  NF_INET_FORWARD,
  NF_INET_LOCAL_OUT,
  NFNL_SUBSYS_NFTABLES,
  NFPROTO_INET,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  NFT_CMP_EQ,
  NFT_CMP_NEQ,
  NFT_CT_MARK,
  NFT_CT_STATE,
  NFT_META_IIFNAME,
  NFT_META_MARK,
  NFT_META_NFPROTO,
  NFT_META_OIFNAME,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWTABLE,
  NFT_PAYLOAD_NETWORK_HEADER,
  NFT_REG_1,
  NFT_REG_VERDICT,
  NFT_TABLE_F_OWNER,
  NFTA_BITWISE_DREG,
  NFTA_BITWISE_LEN,
  NFTA_BITWISE_MASK,
  NFTA_BITWISE_SREG,
  NFTA_BITWISE_XOR,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_TYPE,
  NFTA_CMP_DATA,
  NFTA_CMP_OP,
  NFTA_CMP_SREG,
  NFTA_CT_DREG,
  NFTA_CT_KEY,
  NFTA_DATA_VALUE,
  NFTA_DATA_VERDICT,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_HOOK_HOOKNUM,
  NFTA_HOOK_PRIORITY,
  NFTA_IMMEDIATE_DATA,
  NFTA_IMMEDIATE_DREG,
  NFTA_LIMIT_RATE,
  NFTA_LIMIT_UNIT,
  NFTA_LIST_ELEM,
  NFTA_LOG_GROUP,
  NFTA_LOG_PREFIX,
  NFTA_LOG_SNAPLEN,
  NFTA_META_DREG,
  NFTA_META_KEY,
  NFTA_PAYLOAD_BASE,
  NFTA_PAYLOAD_DREG,
  NFTA_PAYLOAD_LEN,
  NFTA_PAYLOAD_OFFSET,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_TABLE,
  NFTA_TABLE_FLAGS,
  NFTA_TABLE_NAME,
  NFTA_VERDICT_CODE,
  NLA_F_NESTED,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_REQUEST,
} from './constants.ts';
import { putBatchBegin, putBatchEnd } from './nft-set.ts';
import {
  attributeBe16,
  attributeBe32,
  attributeBe64,
  attributeBytes,
  attributeString,
  beginAttribute,
  beginMessage,
  endAttribute,
  endMessage,
  putNetfilter,
  type Writer,
} from './writer.ts';

export interface Guard {
  readonly table: string;
  /** Our bits of mark and connection mark. */
  readonly mask: number;
  /** Bits that connection marks of direct flows have in common: all set, the flow passes. */
  readonly direct: number;
  /** Devices that face the home, and what the names of our tunnels begin with. */
  readonly lan: readonly string[];
  readonly tunnels: string;
  /** Our own addresses inside the tunnels. */
  readonly inner: readonly string[];
  /** Where a packet held back is announced, and with which prefix; '': it is not. */
  readonly group: number;
  readonly prefix: string;
}

/** Just before our own chains there (compile-forward, BEFORE_FILTER). */
const PRIORITY = -6;
/** NF_CT_STATE_BIT of established and related (linux/netfilter/nf_conntrack_common.h). */
const UNDER_WAY = 2 | 4;
/** IFNAMSIZ: names are compared with their padding. */
const NAME_BYTES = 16;
/** Enough of a packet to say whose it was. */
const SNAPLEN = 64;
/** Where the source address is: RFC 791, RFC 8200. */
const SOURCE_4 = 12;
const SOURCE_6 = 8;
const TOLD_A_SECOND = 5;

type Expression = (w: Writer) => void;

function nest(w: Writer, attribute: number, inside: () => void): void {
  const at = beginAttribute(w, NLA_F_NESTED | attribute);
  inside();
  endAttribute(w, at);
}

function expression(name: string, inside: Expression): Expression {
  return (w) =>
    nest(w, NFTA_LIST_ELEM, () => {
      attributeString(w, NFTA_EXPR_NAME, name);
      nest(w, NFTA_EXPR_DATA, () => inside(w));
    });
}

/** Registers hold marks as numbers of the machine. */
function hostBytes(w: Writer, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, w.little);
  return bytes;
}

function data(w: Writer, attribute: number, bytes: Uint8Array): void {
  nest(w, attribute, () => attributeBytes(w, NFTA_DATA_VALUE, bytes));
}

function meta(key: number): Expression {
  return expression('meta', (w) => {
    attributeBe32(w, NFTA_META_DREG, NFT_REG_1);
    attributeBe32(w, NFTA_META_KEY, key);
  });
}

function ct(key: number): Expression {
  return expression('ct', (w) => {
    attributeBe32(w, NFTA_CT_DREG, NFT_REG_1);
    attributeBe32(w, NFTA_CT_KEY, key);
  });
}

function masked(mask: number): Expression {
  return expression('bitwise', (w) => {
    attributeBe32(w, NFTA_BITWISE_SREG, NFT_REG_1);
    attributeBe32(w, NFTA_BITWISE_DREG, NFT_REG_1);
    attributeBe32(w, NFTA_BITWISE_LEN, 4);
    data(w, NFTA_BITWISE_MASK, hostBytes(w, mask));
    data(w, NFTA_BITWISE_XOR, hostBytes(w, 0));
  });
}

function compare(operator: number, bytes: (w: Writer) => Uint8Array): Expression {
  return expression('cmp', (w) => {
    attributeBe32(w, NFTA_CMP_SREG, NFT_REG_1);
    attributeBe32(w, NFTA_CMP_OP, operator);
    data(w, NFTA_CMP_DATA, bytes(w));
  });
}

function number(operator: number, value: number): Expression {
  return compare(operator, (w) => hostBytes(w, value));
}

/** `length` bytes of the name: less than all of them compares its beginning. */
function named(key: number, name: string, length: number): Expression[] {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < name.length && i < length; i++) bytes[i] = name.charCodeAt(i);
  return [meta(key), compare(NFT_CMP_EQ, () => bytes)];
}

/** The agent is told that packets wait, not of each: it has a table to make. */
function seldom(): Expression {
  return expression('limit', (w) => {
    attributeBe64(w, NFTA_LIMIT_RATE, TOLD_A_SECOND);
    attributeBe64(w, NFTA_LIMIT_UNIT, 1);
  });
}

/** The packet's source; only of its own family has it one at that place. */
function from(address: string): Expression[] {
  const bytes = parseAddress(address)!;
  const four = bytes.length === 4;
  const payload = expression('payload', (w) => {
    attributeBe32(w, NFTA_PAYLOAD_DREG, NFT_REG_1);
    attributeBe32(w, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
    attributeBe32(w, NFTA_PAYLOAD_OFFSET, four ? SOURCE_4 : SOURCE_6);
    attributeBe32(w, NFTA_PAYLOAD_LEN, bytes.length);
  });
  const family = Uint8Array.of(four ? NFPROTO_IPV4 : NFPROTO_IPV6);
  return [
    meta(NFT_META_NFPROTO),
    compare(NFT_CMP_EQ, () => family),
    payload,
    compare(NFT_CMP_EQ, () => bytes),
  ];
}

function log({ group, prefix }: Guard): Expression {
  return expression('log', (w) => {
    attributeBe16(w, NFTA_LOG_GROUP, group);
    attributeString(w, NFTA_LOG_PREFIX, prefix);
    attributeBe32(w, NFTA_LOG_SNAPLEN, SNAPLEN);
  });
}

function verdict(code: number): Expression {
  return expression('immediate', (w) => {
    attributeBe32(w, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    nest(w, NFTA_IMMEDIATE_DATA, () => {
      nest(w, NFTA_DATA_VERDICT, () => attributeBe32(w, NFTA_VERDICT_CODE, code));
    });
  });
}

interface Chain {
  readonly name: string;
  readonly hook: number;
  readonly rules: readonly Expression[][];
}

/** The chains, in each the rule first that most packets end at. */
function chainsOf(guard: Guard): Chain[] {
  const { mask, direct, lan, tunnels } = guard;
  const accept = verdict(NF_ACCEPT);
  const flow = [ct(NFT_CT_MARK), masked(mask)];
  const fromHome = [
    // An unrelated flow under way, of which the table judged the first packet.
    [
      ...flow,
      number(NFT_CMP_EQ, 0),
      ct(NFT_CT_STATE),
      masked(UNDER_WAY),
      number(NFT_CMP_NEQ, 0),
      accept,
    ],
    // Judged: what follows is the table's own business.
    [meta(NFT_META_MARK), masked(mask), number(NFT_CMP_NEQ, 0), accept],
    // Answers to the home.
    [...named(NFT_META_IIFNAME, tunnels, tunnels.length), accept],
    [ct(NFT_CT_MARK), masked(direct), number(NFT_CMP_EQ, direct), accept],
    // From home, and nobody has judged it.
    ...(guard.prefix === '' ? [] : lan).map((device) => [
      ...named(NFT_META_IIFNAME, device, NAME_BYTES),
      seldom(),
      log(guard),
    ]),
    ...lan.map((device) => [...named(NFT_META_IIFNAME, device, NAME_BYTES), verdict(NF_DROP)]),
  ];
  // An inner address never leaves beside its tunnel: without our table the answers of a proxied flow
  // come to the router itself, which tells the peer so.
  const ofRouter = [
    [...named(NFT_META_OIFNAME, tunnels, tunnels.length), accept],
    [...named(NFT_META_OIFNAME, 'lo', NAME_BYTES), accept],
    ...guard.inner.map((address) => [...from(address), verdict(NF_DROP)]),
  ];
  return [
    { name: 'forward', hook: NF_INET_FORWARD, rules: fromHome },
    { name: 'output', hook: NF_INET_LOCAL_OUT, rules: ofRouter },
  ];
}

/** Sequence numbers of the transaction; `acknowledged` is the last message that is answered. */
export interface GuardBatch {
  readonly first: number;
  readonly last: number;
  readonly acknowledged: number;
}

/** Writes the whole table as one transaction. Errors: EOPNOTSUPP, EINVAL (a kernel without owners of
 * tables), EEXIST another agent's guard stands. */
export function putGuard(w: Writer, first: number, guard: Guard): GuardBatch {
  const create = NLM_F_REQUEST | NLM_F_CREATE;
  const chains = chainsOf(guard);
  const acknowledged = first + 1 + chains.reduce((sum, { rules }) => sum + 1 + rules.length, 0);
  let seq = first;
  const begin = (message: number, flags: number): void => {
    seq += 1;
    const ack = seq === acknowledged ? NLM_F_ACK : 0;
    beginMessage(w, (NFNL_SUBSYS_NFTABLES << 8) | message, create | flags | ack, seq);
    putNetfilter(w, NFPROTO_INET, 0);
  };
  putBatchBegin(w, first);
  begin(NFT_MSG_NEWTABLE, 0);
  attributeString(w, NFTA_TABLE_NAME, guard.table);
  attributeBe32(w, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
  endMessage(w);
  for (const { name, hook, rules } of chains) {
    begin(NFT_MSG_NEWCHAIN, 0);
    attributeString(w, NFTA_CHAIN_TABLE, guard.table);
    attributeString(w, NFTA_CHAIN_NAME, name);
    nest(w, NFTA_CHAIN_HOOK, () => {
      attributeBe32(w, NFTA_HOOK_HOOKNUM, hook);
      attributeBe32(w, NFTA_HOOK_PRIORITY, PRIORITY);
    });
    attributeBe32(w, NFTA_CHAIN_POLICY, NF_ACCEPT);
    attributeString(w, NFTA_CHAIN_TYPE, 'filter');
    endMessage(w);
    for (const expressions of rules) {
      begin(NFT_MSG_NEWRULE, NLM_F_APPEND);
      attributeString(w, NFTA_RULE_TABLE, guard.table);
      attributeString(w, NFTA_RULE_CHAIN, name);
      nest(w, NFTA_RULE_EXPRESSIONS, () => {
        for (const put of expressions) put(w);
      });
      endMessage(w);
    }
  }
  putBatchEnd(w, acknowledged + 1);
  return { first, last: acknowledged + 1, acknowledged };
}
