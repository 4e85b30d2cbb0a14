// ruleset/encode/expression: loads the value of an expression of the model into the registers. nft adds conditions to a
// rule for which a header has to be there (`ip saddr` only in IPv4); here they are added in the same places.
import { NFPROTO_IPV4, NFPROTO_IPV6 } from '../../netlink/constants.ts';
import {
  NFT_CMP_EQ,
  NFT_CT_PKTS,
  NFT_CT_PROTO_DST,
  NFT_CT_SRC_IP,
  NFT_CT_SRC_IP6,
  NFT_FIB_RESULT_ADDRTYPE,
  NFT_FIB_RESULT_OIFNAME,
  NFT_META_IIFTYPE,
  NFT_META_L4PROTO,
  NFT_META_NFPROTO,
  NFT_PAYLOAD_INNER_HEADER,
  NFT_PAYLOAD_LL_HEADER,
  NFT_PAYLOAD_NETWORK_HEADER,
  NFT_PAYLOAD_TRANSPORT_HEADER,
} from '../../netlink/nft-constants.ts';
import { be16, bits, compare, ct, fib, meta, payload, type Tree } from '../../netlink/nft-tree.ts';
import { FIELDS } from '../fields.ts';
import type { Expression } from '../model.ts';
import type { Encoder, Known } from './encoder.ts';
import { CT_KEYS, META_KEYS } from './meta.ts';
import { numberBytes, shapeOf } from './value.ts';

/** ETH_P_IP, ETH_P_IPV6 (linux/if_ether.h), at byte 12 of an Ethernet header; the source MAC is at byte 6. */
const ETHERTYPE = { at: 12, 4: 0x0800, 6: 0x86dd };
const SOURCE_MAC = 6;
/** ARPHRD_ETHER (linux/if_arp.h) */
const ETHER = 1;

export const NOTHING_KNOWN: Known = { family: 0, isEthernet: false, protocol: 0, key: '' };

/** Expressions in order, and what they have shown of the packet. */
export interface RulePlace {
  readonly trees: Tree[];
  family: 0 | 4 | 6;
  isEthernet: boolean;
  protocol: number;
}

/** Loads a value, or the fields of a concatenation each at a multiple of four bytes. */
export function load(to: Encoder, one: Expression, place: RulePlace): void {
  const parts = one.kind === 'concat' ? one.parts : [one];
  for (const part of parts) need(to, part, place);
  let word = 0;
  for (const part of parts) {
    loadPart(to, part, registerAt(word), place);
    word += Math.ceil(shapeOf(part).bytes / 4);
  }
}

/** NFT_REG_1 to NFT_REG_4 of 16 bytes each, or NFT_REG32_00 to NFT_REG32_15 for the words inside them. */
function registerAt(word: number): number {
  return word % 4 === 0 ? 1 + word / 4 : 8 + word;
}

/** Adds the condition for which the value is there. */
function need(to: Encoder, one: Expression, place: RulePlace): void {
  if (one.kind === 'masked') need(to, one.of, place);
  else if (one.kind === 'ether') needEthernet(to, place);
  else if (one.kind === 'field') {
    const { family, protocol } = FIELDS[one.name];
    if (family !== undefined) needFamily(family, place);
    if (protocol !== undefined) needProtocol(protocol, place);
  }
}

function needEthernet({ isLittle }: Encoder, place: RulePlace): void {
  if (place.isEthernet) return;
  place.isEthernet = true;
  equal(place, NFT_META_IIFTYPE, numberBytes(ETHER, { bytes: 2, isHost: true }, isLittle));
}

function needFamily(family: 4 | 6, place: RulePlace): void {
  if (place.family === family) return;
  place.family = family;
  if (place.isEthernet) {
    const type = be16(ETHERTYPE[family]);
    place.trees.push(payload(NFT_PAYLOAD_LL_HEADER, ETHERTYPE.at, 2), compare(NFT_CMP_EQ, type));
  } else equal(place, NFT_META_NFPROTO, Uint8Array.of(family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6));
}

export function needProtocol(protocol: number, place: RulePlace): void {
  if (place.protocol === protocol) return;
  place.protocol = protocol;
  equal(place, NFT_META_L4PROTO, Uint8Array.of(protocol));
}

function equal({ trees }: RulePlace, key: number, value: Uint8Array): void {
  trees.push(meta(key), compare(NFT_CMP_EQ, value));
}

function loadPart(to: Encoder, one: Expression, register: number, place: RulePlace): void {
  if (one.kind !== 'masked') {
    place.trees.push(loaded(one, register));
    return;
  }
  const shape = shapeOf(one.of);
  const mask = numberBytes(one.mask, shape, to.isLittle);
  place.trees.push(loaded(one.of, register), bits(mask, new Uint8Array(shape.bytes), register));
}

function loaded(one: Expression, register: number): Tree {
  switch (one.kind) {
    case 'meta':
      return meta(META_KEYS[one.key], register);
    case 'ct':
      return ct(CT_KEYS[one.key], false, register);
    case 'sent':
      return ct(NFT_CT_PKTS, true, register);
    case 'original':
      return ct(one.family === 4 ? NFT_CT_SRC_IP : NFT_CT_SRC_IP6, true, register);
    case 'originalPort':
      return ct(NFT_CT_PROTO_DST, true, register);
    case 'fib':
      return fib(one.result === 'type' ? NFT_FIB_RESULT_ADDRTYPE : NFT_FIB_RESULT_OIFNAME);
    case 'ether':
      return payload(NFT_PAYLOAD_LL_HEADER, SOURCE_MAC, 6, register);
    case 'mac':
      return one.part === 'mac32'
        ? payload(NFT_PAYLOAD_LL_HEADER, SOURCE_MAC, 4, register)
        : payload(NFT_PAYLOAD_LL_HEADER, SOURCE_MAC + 4, 2, register);
    default: {
      const header = headerOf(one)!;
      return payload(header.base, header.offset, header.bytes, register);
    }
  }
}

/** Bytes of a header. */
export interface Header {
  readonly base: number;
  readonly offset: number;
  readonly bytes: number;
}

/** Where a field is in the packet; null: it is no bytes of a packet's network, transport or inner header. */
export function headerOf(one: Expression): Header | null {
  switch (one.kind) {
    case 'field': {
      const { base, offset, bytes } = FIELDS[one.name];
      const isNetwork = base === 'network';
      return {
        base: isNetwork ? NFT_PAYLOAD_NETWORK_HEADER : NFT_PAYLOAD_TRANSPORT_HEADER,
        offset,
        bytes,
      };
    }
    case 'raw':
      return { base: NFT_PAYLOAD_TRANSPORT_HEADER, offset: one.offset / 8, bytes: one.bits / 8 };
    case 'payload':
      return { base: NFT_PAYLOAD_INNER_HEADER, offset: one.offset / 8, bytes: one.bits / 8 };
    default:
      return null;
  }
}
