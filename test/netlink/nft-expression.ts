// nft-expression: encodes expressions of nftables rules in the order in which nft writes them: load a
// register, compare it, end the rule with a verdict. The register is NFT_REG_1 unless a parameter names another.

import { NFPROTO_IPV4, NFPROTO_IPV6, NLA_F_NESTED } from '../../agent/src/netlink/constants.ts';
import { NFTA_DATA_VALUE, NFTA_LIST_ELEM } from '../../agent/src/netlink/nft-constants.ts';
import {
  attributeBe16,
  attributeBe32,
  attributeBe64,
  attributeBytes,
  attributeString,
  beginAttribute,
  endAttribute,
  type Writer,
} from '../../agent/src/netlink/writer.ts';
import { parseAddress } from '../../agent/src/wire/address.ts';
import {
  NFT_CMP_EQ,
  NFT_META_NFPROTO,
  NFT_PAYLOAD_NETWORK_HEADER,
  NFT_REG_1,
  NFT_REG_VERDICT,
  NFTA_BITWISE_DREG,
  NFTA_BITWISE_LEN,
  NFTA_BITWISE_MASK,
  NFTA_BITWISE_SREG,
  NFTA_BITWISE_XOR,
  NFTA_CMP_DATA,
  NFTA_CMP_OP,
  NFTA_CMP_SREG,
  NFTA_CT_DREG,
  NFTA_CT_KEY,
  NFTA_DATA_VERDICT,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_IMMEDIATE_DATA,
  NFTA_IMMEDIATE_DREG,
  NFTA_LIMIT_RATE,
  NFTA_LIMIT_UNIT,
  NFTA_LOG_GROUP,
  NFTA_LOG_PREFIX,
  NFTA_LOG_SNAPLEN,
  NFTA_META_DREG,
  NFTA_META_KEY,
  NFTA_PAYLOAD_BASE,
  NFTA_PAYLOAD_DREG,
  NFTA_PAYLOAD_LEN,
  NFTA_PAYLOAD_OFFSET,
  NFTA_VERDICT_CODE,
} from './nft-constants.ts';

/** IFNAMSIZ: names are compared with their padding. */
export const NAME_BYTES = 16;
/** Offset of the source address: RFC 791, RFC 8200. */
const SOURCE_4 = 12;
const SOURCE_6 = 8;

/** One expression of a rule. */
export type PutExpression = (w: Writer) => void;

export function nest(w: Writer, attribute: number, inside: () => void): void {
  const at = beginAttribute(w, NLA_F_NESTED | attribute);
  inside();
  endAttribute(w, at);
}

export function expression(name: string, inside: PutExpression): PutExpression {
  return (w) =>
    nest(w, NFTA_LIST_ELEM, () => {
      attributeString(w, NFTA_EXPR_NAME, name);
      nest(w, NFTA_EXPR_DATA, () => inside(w));
    });
}

/** A number as a register holds it, in host order. Bytes loaded from a packet stay in network order. */
export function hostBytes(w: Writer, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, w.little);
  return bytes;
}

/** NFTA_DATA_VALUE nested in `attribute`. */
export function data(w: Writer, attribute: number, bytes: Uint8Array): void {
  nest(w, attribute, () => attributeBytes(w, NFTA_DATA_VALUE, bytes));
}

/** meta KEY: NFT_META_* */
export function meta(key: number): PutExpression {
  return expression('meta', (w) => {
    attributeBe32(w, NFTA_META_DREG, NFT_REG_1);
    attributeBe32(w, NFTA_META_KEY, key);
  });
}

/** ct KEY: NFT_CT_* */
export function ct(key: number): PutExpression {
  return expression('ct', (w) => {
    attributeBe32(w, NFTA_CT_DREG, NFT_REG_1);
    attributeBe32(w, NFTA_CT_KEY, key);
  });
}

/** & MASK, of the mark in the register. */
export function masked(mask: number): PutExpression {
  return expression('bitwise', (w) => {
    attributeBe32(w, NFTA_BITWISE_SREG, NFT_REG_1);
    attributeBe32(w, NFTA_BITWISE_DREG, NFT_REG_1);
    attributeBe32(w, NFTA_BITWISE_LEN, 4);
    data(w, NFTA_BITWISE_MASK, hostBytes(w, mask));
    data(w, NFTA_BITWISE_XOR, hostBytes(w, 0));
  });
}

function compare(operator: number, bytes: (w: Writer) => Uint8Array): PutExpression {
  return expression('cmp', (w) => {
    attributeBe32(w, NFTA_CMP_SREG, NFT_REG_1);
    attributeBe32(w, NFTA_CMP_OP, operator);
    data(w, NFTA_CMP_DATA, bytes(w));
  });
}

/** Compares the mark in the register with `value`: NFT_CMP_EQ or NFT_CMP_NEQ. */
export function number(operator: number, value: number): PutExpression {
  return compare(operator, (w) => hostBytes(w, value));
}

/** meta KEY equals the first `length` bytes of `name`; fewer than NAME_BYTES compare a prefix. */
export function named(key: number, name: string, length: number): PutExpression[] {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < name.length && i < length; i++) bytes[i] = name.charCodeAt(i);
  return [meta(key), equals(bytes)];
}

/** limit rate N/second */
export function atMost(aSecond: number): PutExpression {
  return expression('limit', (w) => {
    attributeBe64(w, NFTA_LIMIT_RATE, aSecond);
    attributeBe64(w, NFTA_LIMIT_UNIT, 1);
  });
}

/** Loads `length` bytes of a header of the packet (base NFT_PAYLOAD_*) into a register. */
export function payload(
  base: number,
  offset: number,
  length: number,
  register = NFT_REG_1,
): PutExpression {
  return expression('payload', (w) => {
    attributeBe32(w, NFTA_PAYLOAD_DREG, register);
    attributeBe32(w, NFTA_PAYLOAD_BASE, base);
    attributeBe32(w, NFTA_PAYLOAD_OFFSET, offset);
    attributeBe32(w, NFTA_PAYLOAD_LEN, length);
  });
}

/** The register equals these bytes, in network order. */
export function equals(bytes: Uint8Array): PutExpression {
  return compare(NFT_CMP_EQ, () => bytes);
}

/** ip saddr ADDRESS or ip6 saddr ADDRESS, after a check of the family: the offset of the source address depends on
 * it. */
export function from(address: string): PutExpression[] {
  const bytes = parseAddress(address)!;
  const four = bytes.length === 4;
  return [
    meta(NFT_META_NFPROTO),
    equals(Uint8Array.of(four ? NFPROTO_IPV4 : NFPROTO_IPV6)),
    payload(NFT_PAYLOAD_NETWORK_HEADER, four ? SOURCE_4 : SOURCE_6, bytes.length),
    equals(bytes),
  ];
}

/** log prefix PREFIX group GROUP snaplen SNAPLEN; without SNAPLEN the whole packet. */
export function log(group: number, prefix: string, snaplen?: number): PutExpression {
  return expression('log', (w) => {
    attributeBe16(w, NFTA_LOG_GROUP, group);
    attributeString(w, NFTA_LOG_PREFIX, prefix);
    if (snaplen !== undefined) attributeBe32(w, NFTA_LOG_SNAPLEN, snaplen);
  });
}

/** NF_ACCEPT, NF_DROP */
export function verdict(code: number): PutExpression {
  return expression('immediate', (w) => {
    attributeBe32(w, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    nest(w, NFTA_IMMEDIATE_DATA, () => {
      nest(w, NFTA_DATA_VERDICT, () => attributeBe32(w, NFTA_VERDICT_CODE, code));
    });
  });
}
