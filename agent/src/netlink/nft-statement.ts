// netlink/nft-statement: encodes the expressions of nftables rules that look a register up in a set, or do something
// with the packet, its flow or a set. nft-expression has those that load and compare a register. The register is
// NFT_REG_1 unless a parameter names another.
import {
  NFT_BYTEORDER_HTON,
  NFT_DYNSET_OP_UPDATE,
  NFT_EXTHDR_OP_TCPOPT,
  NFT_LIMIT_F_INV,
  NFT_LOOKUP_F_INV,
  NFT_OBJECT_COUNTER,
  NFT_PAYLOAD_CSUM_INET,
  NFT_PAYLOAD_TRANSPORT_HEADER,
  NFT_QUEUE_FLAG_BYPASS,
  NFT_REG_1,
  NFT_REG_VERDICT,
  NFT_RT_TCPMSS,
  NFTA_BYTEORDER_DREG,
  NFTA_BYTEORDER_LEN,
  NFTA_BYTEORDER_OP,
  NFTA_BYTEORDER_SIZE,
  NFTA_BYTEORDER_SREG,
  NFTA_CT_KEY,
  NFTA_CT_SREG,
  NFTA_DYNSET_EXPR,
  NFTA_DYNSET_OP,
  NFTA_DYNSET_SET_NAME,
  NFTA_DYNSET_SREG_KEY,
  NFTA_DYNSET_TIMEOUT,
  NFTA_EXPR_DATA,
  NFTA_EXPR_NAME,
  NFTA_EXTHDR_LEN,
  NFTA_EXTHDR_OFFSET,
  NFTA_EXTHDR_OP,
  NFTA_EXTHDR_SREG,
  NFTA_EXTHDR_TYPE,
  NFTA_FIB_DREG,
  NFTA_FIB_F_DADDR,
  NFTA_FIB_FLAGS,
  NFTA_FIB_RESULT,
  NFTA_IMMEDIATE_DATA,
  NFTA_IMMEDIATE_DREG,
  NFTA_LIMIT_BURST,
  NFTA_LIMIT_FLAGS,
  NFTA_LIMIT_RATE,
  NFTA_LIMIT_TYPE,
  NFTA_LIMIT_UNIT,
  NFTA_LIST_ELEM,
  NFTA_LOOKUP_DREG,
  NFTA_LOOKUP_FLAGS,
  NFTA_LOOKUP_SET,
  NFTA_LOOKUP_SET_ID,
  NFTA_LOOKUP_SREG,
  NFTA_META_KEY,
  NFTA_META_SREG,
  NFTA_OBJREF_IMM_NAME,
  NFTA_OBJREF_IMM_TYPE,
  NFTA_PAYLOAD_BASE,
  NFTA_PAYLOAD_CSUM_OFFSET,
  NFTA_PAYLOAD_CSUM_TYPE,
  NFTA_PAYLOAD_LEN,
  NFTA_PAYLOAD_OFFSET,
  NFTA_PAYLOAD_SREG,
  NFTA_QUEUE_FLAGS,
  NFTA_QUEUE_NUM,
  NFTA_QUEUE_TOTAL,
  NFTA_REDIR_FLAGS,
  NFTA_REDIR_REG_PROTO_MIN,
  NFTA_REJECT_ICMP_CODE,
  NFTA_REJECT_TYPE,
  NFTA_RT_DREG,
  NFTA_RT_KEY,
} from './nft-constants.ts';
import { data, type Expression, expression, nest } from './nft-expression.ts';
import {
  attributeBe16,
  attributeBe32,
  attributeBe64,
  attributeString,
  attributeU8,
  type Writer,
} from './writer.ts';

/** A set by its name, or in the transaction that creates it by a number of its own. */
export interface SetReference {
  readonly name: string;
  readonly id?: number;
}

/** In the set (`isNot`: not in it), or the verdict that a map has for the key. */
export function lookup({ name, id }: SetReference, isNot: boolean, isMap = false): Expression {
  return expression('lookup', (w) => {
    attributeString(w, NFTA_LOOKUP_SET, name);
    attributeBe32(w, NFTA_LOOKUP_SREG, NFT_REG_1);
    if (isMap) attributeBe32(w, NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
    if (id !== undefined) attributeBe32(w, NFTA_LOOKUP_SET_ID, id);
    if (isNot) attributeBe32(w, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
  });
}

/** Adds the register to the set, or renews it. `timeout`: milliseconds; `inside`: the state of a new element. */
export function update(set: string, timeout?: number, inside?: Stateful): Expression {
  return expression('dynset', (w) => {
    attributeString(w, NFTA_DYNSET_SET_NAME, set);
    attributeBe32(w, NFTA_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
    attributeBe32(w, NFTA_DYNSET_SREG_KEY, NFT_REG_1);
    if (timeout !== undefined) attributeBe64(w, NFTA_DYNSET_TIMEOUT, timeout);
    if (inside === undefined) return;
    nest(w, NFTA_DYNSET_EXPR, () => {
      attributeString(w, NFTA_EXPR_NAME, inside.name);
      nest(w, NFTA_EXPR_DATA, () => inside.put(w));
    });
  });
}

/** An expression with a state of its own in each element of a set. */
export interface Stateful {
  readonly name: string;
  readonly put: (w: Writer) => void;
}

export interface Limit {
  readonly rate: number;
  readonly seconds: number;
  readonly burst: number;
  /** True beyond the rate. */
  readonly over: boolean;
}

export function limit({ rate, seconds, burst, over }: Limit): Stateful {
  return {
    name: 'limit',
    put: (w) => {
      attributeBe64(w, NFTA_LIMIT_RATE, rate);
      attributeBe64(w, NFTA_LIMIT_UNIT, seconds);
      attributeBe32(w, NFTA_LIMIT_BURST, burst);
      // NFT_LIMIT_PKTS
      attributeBe32(w, NFTA_LIMIT_TYPE, 0);
      attributeBe32(w, NFTA_LIMIT_FLAGS, over ? NFT_LIMIT_F_INV : 0);
    },
  };
}

/** Counts with the named counter. */
export function counted(counter: string): Expression {
  return expression('objref', (w) => {
    attributeBe32(w, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
    attributeString(w, NFTA_OBJREF_IMM_NAME, counter);
  });
}

/** Host order to network order, so that a greater number compares as greater. */
export function ordered(bytes: number): Expression {
  return expression('byteorder', (w) => {
    attributeBe32(w, NFTA_BYTEORDER_SREG, NFT_REG_1);
    attributeBe32(w, NFTA_BYTEORDER_DREG, NFT_REG_1);
    attributeBe32(w, NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON);
    attributeBe32(w, NFTA_BYTEORDER_LEN, bytes);
    attributeBe32(w, NFTA_BYTEORDER_SIZE, bytes);
  });
}

/** fib daddr RESULT: NFT_FIB_RESULT_* */
export function fib(result: number): Expression {
  return expression('fib', (w) => {
    attributeBe32(w, NFTA_FIB_DREG, NFT_REG_1);
    attributeBe32(w, NFTA_FIB_RESULT, result);
    attributeBe32(w, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
  });
}

/** Writes the register to meta KEY or ct KEY. */
export function set(target: 'meta' | 'ct', key: number): Expression {
  return expression(target, (w) => {
    attributeBe32(w, target === 'meta' ? NFTA_META_KEY : NFTA_CT_KEY, key);
    attributeBe32(w, target === 'meta' ? NFTA_META_SREG : NFTA_CT_SREG, NFT_REG_1);
  });
}

/** Puts constant bytes into the register. */
export function immediate(bytes: Uint8Array): Expression {
  return expression('immediate', (w) => {
    attributeBe32(w, NFTA_IMMEDIATE_DREG, NFT_REG_1);
    data(w, NFTA_IMMEDIATE_DATA, bytes);
  });
}

/** Writes the register over `length` bytes of the TCP header, and corrects its checksum. */
export function writeTcp(offset: number, length: number): Expression {
  return expression('payload', (w) => {
    attributeBe32(w, NFTA_PAYLOAD_SREG, NFT_REG_1);
    attributeBe32(w, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
    attributeBe32(w, NFTA_PAYLOAD_OFFSET, offset);
    attributeBe32(w, NFTA_PAYLOAD_LEN, length);
    attributeBe32(w, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
    // RFC 9293 section 3.1
    attributeBe32(w, NFTA_PAYLOAD_CSUM_OFFSET, 16);
  });
}

/** TCP option 2, its value of two bytes behind kind and length. */
const MSS = { kind: 2, offset: 2, length: 2 };

/** Lowers the segment size of the packet to the register. */
export function clamp(): Expression {
  return expression('exthdr', (w) => {
    attributeBe32(w, NFTA_EXTHDR_SREG, NFT_REG_1);
    attributeU8(w, NFTA_EXTHDR_TYPE, MSS.kind);
    attributeBe32(w, NFTA_EXTHDR_OFFSET, MSS.offset);
    attributeBe32(w, NFTA_EXTHDR_LEN, MSS.length);
    attributeBe32(w, NFTA_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
  });
}

/** The segment size that fits the route's MTU, in host order. */
export function routeSize(): Expression {
  return expression('rt', (w) => {
    attributeBe32(w, NFTA_RT_DREG, NFT_REG_1);
    attributeBe32(w, NFTA_RT_KEY, NFT_RT_TCPMSS);
  });
}

export function queue(number: number, isBypassed: boolean): Expression {
  return expression('queue', (w) => {
    attributeBe16(w, NFTA_QUEUE_NUM, number);
    attributeBe16(w, NFTA_QUEUE_TOTAL, 1);
    if (isBypassed) attributeBe16(w, NFTA_QUEUE_FLAGS, NFT_QUEUE_FLAG_BYPASS);
  });
}

/** NFT_REJECT_*, with the code of the ICMP message. */
export function reject(type: number, code: number): Expression {
  return expression('reject', (w) => {
    attributeBe32(w, NFTA_REJECT_TYPE, type);
    attributeU8(w, NFTA_REJECT_ICMP_CODE, code);
  });
}

/** NF_NAT_RANGE_PROTO_SPECIFIED (linux/netfilter/nf_nat.h) */
const PORT_GIVEN = 2;

/** To the router's port in the register. */
export function redirect(): Expression {
  return expression('redir', (w) => {
    attributeBe32(w, NFTA_REDIR_REG_PROTO_MIN, NFT_REG_1);
    attributeBe32(w, NFTA_REDIR_FLAGS, PORT_GIVEN);
  });
}

/** Source NAT to the address of the output device. */
export function masquerade(): Expression {
  return expression('masq', () => {});
}

/** The packet begins no flow. */
export function untracked(): Expression {
  return (w) => nest(w, NFTA_LIST_ELEM, () => attributeString(w, NFTA_EXPR_NAME, 'notrack'));
}
