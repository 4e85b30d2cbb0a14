// Makes a table, sets, chains and rules by netlink messages: the big-endian router has no nft.

import {
  NFNL_SUBSYS_NFTABLES,
  NLM_F_CREATE,
  NLM_F_REQUEST,
} from '../../agent/src/netlink/constants.ts';
import {
  NFT_MSG_NEWTABLE,
  NFTA_LIST_ELEM,
  NFTA_TABLE_NAME,
} from '../../agent/src/netlink/nft-constants.ts';
import {
  attributeBe16,
  attributeBe32,
  attributeString,
  beginMessage,
  endMessage,
  putNetfilter,
  type Writer,
} from '../../agent/src/netlink/writer.ts';
import {
  NFT_CT_MARK,
  NFT_META_L4PROTO,
  NFT_MSG_DELTABLE,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFT_PAYLOAD_NETWORK_HEADER,
  NFT_PAYLOAD_TRANSPORT_HEADER,
  NFT_REG_1,
  NFT_REG32_00,
  NFT_REG32_01,
  NFT_SET_CONCAT,
  NFT_SET_INTERVAL,
  NFT_SET_TIMEOUT,
  NFTA_CT_KEY,
  NFTA_CT_SREG,
  NFTA_IMMEDIATE_DATA,
  NFTA_IMMEDIATE_DREG,
  NFTA_LOOKUP_SET,
  NFTA_LOOKUP_SREG,
  NFTA_QUEUE_NUM,
  NFTA_SET_DESC,
  NFTA_SET_DESC_CONCAT,
  NFTA_SET_FIELD_LEN,
  NFTA_SET_FLAGS,
  NFTA_SET_ID,
  NFTA_SET_KEY_LEN,
  NFTA_SET_KEY_TYPE,
  NFTA_SET_NAME,
  NFTA_SET_TABLE,
  NLM_F_APPEND,
} from './nft-constants.ts';
import {
  data,
  equals,
  expression,
  hostBytes,
  meta,
  nest,
  type PutExpression,
  payload,
} from './nft-expression.ts';
import { putBaseChain, putRuleIn } from './nft-rule.ts';

const type = (message: number): number => (NFNL_SUBSYS_NFTABLES << 8) | message;
const CREATE = NLM_F_REQUEST | NLM_F_CREATE;
const INET = 1;

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
  putBaseChain(w, { table, name, hook, priority });
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

/** udp dport PORT */
export function udpTo(port: number): PutExpression[] {
  return [
    meta(NFT_META_L4PROTO),
    equals(Uint8Array.of(17)),
    payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2),
    equals(Uint8Array.of(port >> 8, port & 0xff)),
  ];
}

/** ip saddr . ip daddr @SET */
export function pairIn(set: string): PutExpression[] {
  return [
    payload(NFT_PAYLOAD_NETWORK_HEADER, 12, 4, NFT_REG32_00),
    payload(NFT_PAYLOAD_NETWORK_HEADER, 16, 4, NFT_REG32_01),
    expression('lookup', (w) => {
      attributeString(w, NFTA_LOOKUP_SET, set);
      attributeBe32(w, NFTA_LOOKUP_SREG, NFT_REG32_00);
    }),
  ];
}

/** queue num NUMBER (no bypass: without a listener the packet is dropped) */
export function queueTo(number: number): PutExpression {
  return expression('queue', (w) => attributeBe16(w, NFTA_QUEUE_NUM, number));
}

/** ct mark set MARK */
export function ctMark(mark: number): PutExpression[] {
  return [
    expression('immediate', (w) => {
      attributeBe32(w, NFTA_IMMEDIATE_DREG, NFT_REG_1);
      data(w, NFTA_IMMEDIATE_DATA, hostBytes(w, mark));
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
  expressions: readonly PutExpression[],
): void {
  beginMessage(w, type(NFT_MSG_NEWRULE), CREATE | NLM_F_APPEND, seq);
  putNetfilter(w, INET, 0);
  putRuleIn(w, table, chain, expressions);
  endMessage(w);
}
