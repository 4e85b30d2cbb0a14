// Makes a table, sets, chains and rules with own messages: the big-endian router has no nft, so
// the rules of its test are built here. Registers hold host order for marks, packet order for
// what was loaded from the packet.
import {
  NFNL_SUBSYS_NFTABLES,
  NLA_F_NESTED,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_REQUEST,
} from '../../agent/src/netlink/constants.ts';
import {
  attributeBe16,
  attributeBe32,
  attributeBytes,
  attributeString,
  beginAttribute,
  beginMessage,
  endAttribute,
  endMessage,
  putNetfilter,
  type Writer,
} from '../../agent/src/netlink/writer.ts';
import {
  NFT_CMP_EQ,
  NFT_CT_MARK,
  NFT_META_L4PROTO,
  NFT_MSG_DELTABLE,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFT_MSG_NEWTABLE,
  NFT_PAYLOAD_NETWORK_HEADER,
  NFT_PAYLOAD_TRANSPORT_HEADER,
  NFT_REG_1,
  NFT_REG_VERDICT,
  NFT_REG32_00,
  NFT_REG32_01,
  NFT_SET_CONCAT,
  NFT_SET_INTERVAL,
  NFT_SET_TIMEOUT,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_TYPE,
  NFTA_CMP_DATA,
  NFTA_CMP_OP,
  NFTA_CMP_SREG,
  NFTA_CT_KEY,
  NFTA_CT_SREG,
  NFTA_DATA_VALUE,
  NFTA_DATA_VERDICT,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_HOOK_HOOKNUM,
  NFTA_HOOK_PRIORITY,
  NFTA_IMMEDIATE_DATA,
  NFTA_IMMEDIATE_DREG,
  NFTA_LIST_ELEM,
  NFTA_LOG_GROUP,
  NFTA_LOG_PREFIX,
  NFTA_LOOKUP_SET,
  NFTA_LOOKUP_SREG,
  NFTA_META_DREG,
  NFTA_META_KEY,
  NFTA_PAYLOAD_BASE,
  NFTA_PAYLOAD_DREG,
  NFTA_PAYLOAD_LEN,
  NFTA_PAYLOAD_OFFSET,
  NFTA_QUEUE_NUM,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_TABLE,
  NFTA_SET_DESC,
  NFTA_SET_DESC_CONCAT,
  NFTA_SET_FIELD_LEN,
  NFTA_SET_FLAGS,
  NFTA_SET_ID,
  NFTA_SET_KEY_LEN,
  NFTA_SET_KEY_TYPE,
  NFTA_SET_NAME,
  NFTA_SET_TABLE,
  NFTA_TABLE_NAME,
  NFTA_VERDICT_CODE,
} from './nft-constants.ts';

const type = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message;
const CREATE = NLM_F_REQUEST | NLM_F_CREATE;
const INET = 1;

function nest(w: Writer, attribute: number, inside: () => void): void {
  const at = beginAttribute(w, NLA_F_NESTED | attribute);
  inside();
  endAttribute(w, at);
}

export function putTable(w: Writer, seq: number, table: string, gone = false): void {
  beginMessage(w, type(gone ? NFT_MSG_DELTABLE : NFT_MSG_NEWTABLE), gone ? 1 : CREATE, seq);
  putNetfilter(w, INET, 0);
  attributeString(w, NFTA_TABLE_NAME, table);
  endMessage(w);
}

/** A base chain of type filter at `hook` (NF_INET_*), policy accept. */
export function putChain(
  w: Writer,
  seq: number,
  table: string,
  name: string,
  hook: number,
  priority: number,
): void {
  beginMessage(w, type(NFT_MSG_NEWCHAIN), CREATE, seq);
  putNetfilter(w, INET, 0);
  attributeString(w, NFTA_CHAIN_TABLE, table);
  attributeString(w, NFTA_CHAIN_NAME, name);
  nest(w, NFTA_CHAIN_HOOK, () => {
    attributeBe32(w, NFTA_HOOK_HOOKNUM, hook);
    attributeBe32(w, NFTA_HOOK_PRIORITY, priority);
  });
  attributeBe32(w, NFTA_CHAIN_POLICY, 1);
  attributeString(w, NFTA_CHAIN_TYPE, 'filter');
  endMessage(w);
}

/** A set with timeouts; `fields` are the byte lengths of its key's parts. With `interval` the key
 * is a range per field, and elements have a keyEnd. */
export function putSet(
  w: Writer,
  seq: number,
  table: string,
  name: string,
  fields: readonly number[],
  interval = false,
): void {
  beginMessage(w, type(NFT_MSG_NEWSET), CREATE, seq);
  putNetfilter(w, INET, 0);
  attributeString(w, NFTA_SET_TABLE, table);
  attributeString(w, NFTA_SET_NAME, name);
  const flags = NFT_SET_TIMEOUT | (interval ? NFT_SET_INTERVAL | NFT_SET_CONCAT : 0);
  attributeBe32(w, NFTA_SET_FLAGS, flags);
  attributeBe32(w, NFTA_SET_KEY_TYPE, 0); // a word for nft only; the kernel keeps it unread
  const padded = fields.map((bytes) => (bytes + 3) & ~3);
  attributeBe32(
    w,
    NFTA_SET_KEY_LEN,
    padded.reduce((sum, bytes) => sum + bytes, 0),
  );
  attributeBe32(w, NFTA_SET_ID, seq);
  if (interval) {
    nest(w, NFTA_SET_DESC, () => {
      nest(w, NFTA_SET_DESC_CONCAT, () => {
        for (const bytes of fields) {
          nest(w, NFTA_LIST_ELEM, () => attributeBe32(w, NFTA_SET_FIELD_LEN, bytes));
        }
      });
    });
  }
  endMessage(w);
}

/** One expression of a rule. */
export type Expression = (w: Writer) => void;

function expression(name: string, inside: Expression): Expression {
  return (w) =>
    nest(w, NFTA_LIST_ELEM, () => {
      attributeString(w, NFTA_EXPR_NAME, name);
      nest(w, NFTA_EXPR_DATA, () => inside(w));
    });
}

function value(w: Writer, attribute: number, bytes: Uint8Array): void {
  nest(w, attribute, () => attributeBytes(w, NFTA_DATA_VALUE, bytes));
}

function equals(bytes: Uint8Array): Expression {
  return expression('cmp', (w) => {
    attributeBe32(w, NFTA_CMP_SREG, NFT_REG_1);
    attributeBe32(w, NFTA_CMP_OP, NFT_CMP_EQ);
    value(w, NFTA_CMP_DATA, bytes);
  });
}

function load(base: number, offset: number, length: number, register: number): Expression {
  return expression('payload', (w) => {
    attributeBe32(w, NFTA_PAYLOAD_DREG, register);
    attributeBe32(w, NFTA_PAYLOAD_BASE, base);
    attributeBe32(w, NFTA_PAYLOAD_OFFSET, offset);
    attributeBe32(w, NFTA_PAYLOAD_LEN, length);
  });
}

/** udp dport PORT */
export function udpTo(port: number): Expression[] {
  return [
    expression('meta', (w) => {
      attributeBe32(w, NFTA_META_DREG, NFT_REG_1);
      attributeBe32(w, NFTA_META_KEY, NFT_META_L4PROTO);
    }),
    equals(Uint8Array.of(17)),
    load(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, NFT_REG_1),
    equals(Uint8Array.of(port >> 8, port & 0xff)),
  ];
}

/** ip saddr . ip daddr @SET */
export function pairIn(set: string): Expression[] {
  return [
    load(NFT_PAYLOAD_NETWORK_HEADER, 12, 4, NFT_REG32_00),
    load(NFT_PAYLOAD_NETWORK_HEADER, 16, 4, NFT_REG32_01),
    expression('lookup', (w) => {
      attributeString(w, NFTA_LOOKUP_SET, set);
      attributeBe32(w, NFTA_LOOKUP_SREG, NFT_REG32_00);
    }),
  ];
}

/** log prefix PREFIX group GROUP */
export function logTo(group: number, prefix: string): Expression {
  return expression('log', (w) => {
    attributeBe16(w, NFTA_LOG_GROUP, group);
    attributeString(w, NFTA_LOG_PREFIX, prefix);
  });
}

/** queue num NUMBER (no bypass: a packet nobody judges is dropped) */
export function queueTo(number: number): Expression {
  return expression('queue', (w) => attributeBe16(w, NFTA_QUEUE_NUM, number));
}

/** A verdict: NF_DROP, NF_ACCEPT. */
export function verdict(code: number): Expression {
  return expression('immediate', (w) => {
    attributeBe32(w, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    nest(w, NFTA_IMMEDIATE_DATA, () => {
      nest(w, NFTA_DATA_VERDICT, () => attributeBe32(w, NFTA_VERDICT_CODE, code));
    });
  });
}

/** ct mark set MARK. The register is a number of the machine: host order. */
export function ctMark(mark: number): Expression[] {
  const host = new Uint8Array(new Uint32Array([mark]).buffer);
  return [
    expression('immediate', (w) => {
      attributeBe32(w, NFTA_IMMEDIATE_DREG, NFT_REG_1);
      value(w, NFTA_IMMEDIATE_DATA, host);
    }),
    expression('ct', (w) => {
      attributeBe32(w, NFTA_CT_KEY, NFT_CT_MARK);
      attributeBe32(w, NFTA_CT_SREG, NFT_REG_1);
    }),
  ];
}

export function putRule(
  w: Writer,
  seq: number,
  table: string,
  chain: string,
  expressions: readonly Expression[],
): void {
  beginMessage(w, type(NFT_MSG_NEWRULE), CREATE | NLM_F_APPEND, seq);
  putNetfilter(w, INET, 0);
  attributeString(w, NFTA_RULE_TABLE, table);
  attributeString(w, NFTA_RULE_CHAIN, chain);
  nest(w, NFTA_RULE_EXPRESSIONS, () => {
    for (const put of expressions) put(w);
  });
  endMessage(w);
}
