// netlink/nft-statement: the expressions of nftables rules that look a register up in a set, or do something with the
// packet, its flow or a set. nft-tree has those that load and compare a register. The register is NFT_REG_1.
import {
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
  NFTA_LIMIT_BURST,
  NFTA_LIMIT_FLAGS,
  NFTA_LIMIT_RATE,
  NFTA_LIMIT_TYPE,
  NFTA_LIMIT_UNIT,
  NFTA_LOG_GROUP,
  NFTA_LOG_PREFIX,
  NFTA_LOG_SNAPLEN,
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
import { be16, be64, expression, type Tree } from './nft-tree.ts';

/** In the set (`isNot`: not in it), or the verdict that a map has for the key. `id`: the number of an anonymous one. */
export function lookup(set: string, isNot: boolean, id: number | null, isMap = false): Tree {
  return expression('lookup', [
    NFTA_LOOKUP_SET,
    set,
    NFTA_LOOKUP_SREG,
    NFT_REG_1,
    isMap ? [NFTA_LOOKUP_DREG, NFT_REG_VERDICT] : [],
    id === null ? [] : [NFTA_LOOKUP_SET_ID, id],
    isNot ? [NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV] : [],
  ]);
}

/** Adds the register to the set, or renews it. `timeout`: milliseconds; `inside`: the state of a new element. */
export function update(set: string, timeout?: number, inside?: Tree): Tree {
  return expression('dynset', [
    NFTA_DYNSET_SET_NAME,
    set,
    NFTA_DYNSET_OP,
    NFT_DYNSET_OP_UPDATE,
    NFTA_DYNSET_SREG_KEY,
    NFT_REG_1,
    timeout === undefined ? [] : [NFTA_DYNSET_TIMEOUT, be64(timeout)],
    inside === undefined ? [] : [NFTA_DYNSET_EXPR, inside],
  ]);
}

export interface Limit {
  readonly rate: number;
  readonly seconds: number;
  readonly burst: number;
  /** True beyond the rate. */
  readonly over: boolean;
}

/** A rate of packets in each element of a set. */
export function limit({ rate, seconds, burst, over }: Limit): Tree {
  return [
    NFTA_EXPR_NAME,
    'limit',
    NFTA_EXPR_DATA,
    [
      NFTA_LIMIT_RATE,
      be64(rate),
      NFTA_LIMIT_UNIT,
      be64(seconds),
      NFTA_LIMIT_BURST,
      burst,
      // NFT_LIMIT_PKTS
      NFTA_LIMIT_TYPE,
      0,
      NFTA_LIMIT_FLAGS,
      over ? NFT_LIMIT_F_INV : 0,
    ],
  ];
}

/** Counts with the named counter. */
export function counted(counter: string): Tree {
  return expression('objref', [
    NFTA_OBJREF_IMM_TYPE,
    NFT_OBJECT_COUNTER,
    NFTA_OBJREF_IMM_NAME,
    counter,
  ]);
}

/** Writes the register to meta KEY or ct KEY. */
export function set(target: 'meta' | 'ct', key: number): Tree {
  return target === 'meta'
    ? expression('meta', [NFTA_META_KEY, key, NFTA_META_SREG, NFT_REG_1])
    : expression('ct', [NFTA_CT_KEY, key, NFTA_CT_SREG, NFT_REG_1]);
}

/** Writes the register over `length` bytes of the TCP header, and corrects its checksum. */
export function writeTcp(offset: number, length: number): Tree {
  return expression('payload', [
    NFTA_PAYLOAD_SREG,
    NFT_REG_1,
    NFTA_PAYLOAD_BASE,
    NFT_PAYLOAD_TRANSPORT_HEADER,
    NFTA_PAYLOAD_OFFSET,
    offset,
    NFTA_PAYLOAD_LEN,
    length,
    NFTA_PAYLOAD_CSUM_TYPE,
    NFT_PAYLOAD_CSUM_INET,
    // RFC 9293 section 3.1
    NFTA_PAYLOAD_CSUM_OFFSET,
    16,
  ]);
}

/** TCP option 2, its value of two bytes behind kind and length. */
const MSS = { kind: 2, offset: 2, length: 2 };

/** Lowers the segment size of the packet to the register. */
export function clamp(): Tree {
  return expression('exthdr', [
    NFTA_EXTHDR_SREG,
    NFT_REG_1,
    NFTA_EXTHDR_TYPE,
    Uint8Array.of(MSS.kind),
    NFTA_EXTHDR_OFFSET,
    MSS.offset,
    NFTA_EXTHDR_LEN,
    MSS.length,
    NFTA_EXTHDR_OP,
    NFT_EXTHDR_OP_TCPOPT,
  ]);
}

/** The segment size that fits the route's MTU, in host order. */
export function routeSize(): Tree {
  return expression('rt', [NFTA_RT_DREG, NFT_REG_1, NFTA_RT_KEY, NFT_RT_TCPMSS]);
}

/** log prefix PREFIX group GROUP snaplen SNAPLEN; null: the whole packet. */
export function log(group: number, prefix: string, snaplen: number | null): Tree {
  return expression('log', [
    NFTA_LOG_GROUP,
    be16(group),
    NFTA_LOG_PREFIX,
    prefix,
    snaplen === null ? [] : [NFTA_LOG_SNAPLEN, snaplen],
  ]);
}

export function queue(number: number, isBypassed: boolean): Tree {
  return expression('queue', [
    NFTA_QUEUE_NUM,
    be16(number),
    NFTA_QUEUE_TOTAL,
    be16(1),
    isBypassed ? [NFTA_QUEUE_FLAGS, be16(NFT_QUEUE_FLAG_BYPASS)] : [],
  ]);
}

/** NFT_REJECT_*, with the code of the ICMP message. */
export function reject(type: number, code: number): Tree {
  return expression('reject', [NFTA_REJECT_TYPE, type, NFTA_REJECT_ICMP_CODE, Uint8Array.of(code)]);
}

/** NF_NAT_RANGE_PROTO_SPECIFIED (linux/netfilter/nf_nat.h) */
const PORT_GIVEN = 2;

/** To the router's port in the register. */
export function redirect(): Tree {
  return expression('redir', [NFTA_REDIR_REG_PROTO_MIN, NFT_REG_1, NFTA_REDIR_FLAGS, PORT_GIVEN]);
}

/** Source NAT to the address of the output device. */
export function masquerade(): Tree {
  return expression('masq', []);
}

/** The packet begins no flow. */
export function untracked(): Tree {
  return expression('notrack', null);
}
