// netlink/nft-tree: messages of nf_tables as nested lists, which the host program writes as bytes (whp:message). A table
// has hundreds of rules: writing their bytes here would take seconds on a router (netlink/writer is for short messages).
// The expressions load a register, compare it and end the rule, in the order in which nft writes them.
import {
  NFT_BYTEORDER_HTON,
  NFT_REG_1,
  NFT_REG_VERDICT,
  NFTA_BITWISE_DREG,
  NFTA_BITWISE_LEN,
  NFTA_BITWISE_MASK,
  NFTA_BITWISE_SREG,
  NFTA_BITWISE_XOR,
  NFTA_BYTEORDER_DREG,
  NFTA_BYTEORDER_LEN,
  NFTA_BYTEORDER_OP,
  NFTA_BYTEORDER_SIZE,
  NFTA_BYTEORDER_SREG,
  NFTA_CMP_DATA,
  NFTA_CMP_OP,
  NFTA_CMP_SREG,
  NFTA_CT_DIRECTION,
  NFTA_CT_DREG,
  NFTA_CT_KEY,
  NFTA_DATA_VALUE,
  NFTA_DATA_VERDICT,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_FIB_DREG,
  NFTA_FIB_F_DADDR,
  NFTA_FIB_FLAGS,
  NFTA_FIB_RESULT,
  NFTA_IMMEDIATE_DATA,
  NFTA_IMMEDIATE_DREG,
  NFTA_LIST_ELEM,
  NFTA_META_DREG,
  NFTA_META_KEY,
  NFTA_PAYLOAD_BASE,
  NFTA_PAYLOAD_DREG,
  NFTA_PAYLOAD_LEN,
  NFTA_PAYLOAD_OFFSET,
  NFTA_VERDICT_CHAIN,
  NFTA_VERDICT_CODE,
} from './nft-constants.ts';

/** Attributes: type and value in turn. A number is 32 bits in network order, a text ends with NUL, a list is nested.
 * A list in place of a type stands for its members. */
export type Tree = readonly (number | string | Uint8Array | Tree)[];

/** NFT_MSG_*, NLM_F_*, attributes. The sequence number is given when it is sent. */
export type NftMessage = readonly [type: number, flags: number, attributes: Tree];

/** 16 bits in network order. */
export function be16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 255);
}

/** 64 bits in network order; `value` is an integer below 2^53. */
export function be64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(value / 0x100000000));
  view.setUint32(4, value >>> 0);
  return bytes;
}

/** One expression of a rule. */
export function expression(name: string, inside: Tree | null): Tree {
  return [
    NFTA_LIST_ELEM,
    inside === null ? [NFTA_EXPR_NAME, name] : [NFTA_EXPR_NAME, name, NFTA_EXPR_DATA, inside],
  ];
}

/** meta KEY: NFT_META_* */
export function meta(key: number, register = NFT_REG_1): Tree {
  return expression('meta', [NFTA_META_DREG, register, NFTA_META_KEY, key]);
}

/** ct KEY: NFT_CT_*; `isOriginal`: of the flow's first direction. */
export function ct(key: number, isOriginal: boolean, register = NFT_REG_1): Tree {
  const direction = isOriginal ? [NFTA_CT_DIRECTION, Uint8Array.of(0)] : [];
  return expression('ct', [NFTA_CT_DREG, register, NFTA_CT_KEY, key, direction]);
}

/** Loads `length` bytes of a header of the packet (base NFT_PAYLOAD_*). */
export function payload(base: number, offset: number, length: number, register = NFT_REG_1): Tree {
  return expression('payload', [
    NFTA_PAYLOAD_DREG,
    register,
    NFTA_PAYLOAD_BASE,
    base,
    NFTA_PAYLOAD_OFFSET,
    offset,
    NFTA_PAYLOAD_LEN,
    length,
  ]);
}

/** fib daddr RESULT: NFT_FIB_RESULT_* */
export function fib(result: number): Tree {
  return expression('fib', [
    NFTA_FIB_DREG,
    NFT_REG_1,
    NFTA_FIB_RESULT,
    result,
    NFTA_FIB_FLAGS,
    NFTA_FIB_F_DADDR,
  ]);
}

/** & MASK ^ FLIPPED, of the first bytes of the register. */
export function bits(mask: Uint8Array, flipped: Uint8Array, register = NFT_REG_1): Tree {
  return expression('bitwise', [
    NFTA_BITWISE_SREG,
    register,
    NFTA_BITWISE_DREG,
    register,
    NFTA_BITWISE_LEN,
    mask.length,
    NFTA_BITWISE_MASK,
    [NFTA_DATA_VALUE, mask],
    NFTA_BITWISE_XOR,
    [NFTA_DATA_VALUE, flipped],
  ]);
}

/** Compares the first bytes of the register: NFT_CMP_* */
export function compare(operator: number, bytes: Uint8Array): Tree {
  return expression('cmp', [
    NFTA_CMP_SREG,
    NFT_REG_1,
    NFTA_CMP_OP,
    operator,
    NFTA_CMP_DATA,
    [NFTA_DATA_VALUE, bytes],
  ]);
}

/** Host order to network order, so that a greater number compares as greater. */
export function ordered(bytes: number): Tree {
  return expression('byteorder', [
    NFTA_BYTEORDER_SREG,
    NFT_REG_1,
    NFTA_BYTEORDER_DREG,
    NFT_REG_1,
    NFTA_BYTEORDER_OP,
    NFT_BYTEORDER_HTON,
    NFTA_BYTEORDER_LEN,
    bytes,
    NFTA_BYTEORDER_SIZE,
    bytes,
  ]);
}

/** Puts constant bytes into the register. */
export function immediate(bytes: Uint8Array): Tree {
  return expression('immediate', [
    NFTA_IMMEDIATE_DREG,
    NFT_REG_1,
    NFTA_IMMEDIATE_DATA,
    [NFTA_DATA_VALUE, bytes],
  ]);
}

/** NF_ACCEPT, NF_DROP, or a jump to `chain`. */
export function verdict(code: number, chain: string | null): Tree {
  return expression('immediate', [
    NFTA_IMMEDIATE_DREG,
    NFT_REG_VERDICT,
    NFTA_IMMEDIATE_DATA,
    verdictData(code, chain),
  ]);
}

/** The verdict of an immediate, or of an element of a verdict map. */
export function verdictData(code: number, chain: string | null): Tree {
  const to = chain === null ? [] : [NFTA_VERDICT_CHAIN, chain];
  return [NFTA_DATA_VERDICT, [NFTA_VERDICT_CODE, code, to]];
}
