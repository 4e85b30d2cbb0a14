// ruleset/encode/userdata: what nft stores beside a set, an element or a rule to list them as they were written: the
// byte order and the fields of a key, the open end of an interval, the comment. The kernel does not read it.
// The numbers are of libnftnl and nftables (libnftnl/udata.h, expression.h and proto.h of nftables).
import {
  NFT_CT_ID,
  NFT_FIB_RESULT_ADDRTYPE,
  NFT_FIB_RESULT_OIFNAME,
  NFT_META_L4PROTO,
  NFTA_FIB_F_DADDR,
} from '../../netlink/nft-constants.ts';
import type { Datatype, Expression, NamedSet } from '../model.ts';
import { META_KEYS } from './meta.ts';
import { numberBytes } from './value.ts';

/** An entry has a type (one byte), a length (one byte) and a value: a number, or entries. */
type Entry = readonly [type: number, value: number | Entries];
type Entries = readonly Entry[];

/** Types of a set's user data, and byte orders. */
const KEY_ORDER = 0;
const DATA_ORDER = 1;
const KEY_FIELDS = 3;
const DATA_FIELDS = 4;
const DATA_INTERVAL = 6;
const NO_ORDER = 0;
const HOST_ORDER = 1;
const NETWORK_ORDER = 2;

/** Kinds of expressions (enum expr_types). */
const VERDICT = 1;
const PAYLOAD = 7;
const META = 9;
const CT = 12;
const CONCAT = 13;
const FIB = 26;

/** Headers (enum proto_desc_id) and their fields. */
const TRANSPORT = 11;
const IP = 12;
const IP6 = 13;
const ETHERNET = 17;
const FIELD_IDS: { readonly [name: string]: readonly [header: number, field: number] } = {
  'th sport': [TRANSPORT, 1],
  'th dport': [TRANSPORT, 2],
  'ip saddr': [IP, 11],
  'ip daddr': [IP, 12],
  'ip6 saddr': [IP6, 8],
  'ip6 daddr': [IP6, 9],
};
/** Bases of raw payload (enum proto_bases). */
const BASE = { link: 1, transport: 3 };

/** Of a named set. `isTypeof`: its key is declared by expressions. */
export function userdataOfSet({ key }: NamedSet, isTypeof: boolean): Entries {
  const isConcat = key.length > 1;
  const fields = isTypeof ? key.map(fieldOf) : [];
  const order = isConcat || key[0] === 'family' ? NO_ORDER : NETWORK_ORDER;
  if (isConcat) {
    const parts = fields.map((field, i): Entry => [i, field]);
    return [
      [KEY_ORDER, order],
      [KEY_FIELDS, typed(CONCAT, parts)],
    ];
  }
  return [[KEY_ORDER, order], ...fields.map((field): Entry => [KEY_FIELDS, field])];
}

/** Of an anonymous set of values of `left`. */
export function userdataOfList(left: Expression, isHost: boolean): Entries {
  const fields = expressionOf(left);
  const order: Entry = [KEY_ORDER, isHost ? HOST_ORDER : NETWORK_ORDER];
  return fields === null ? [order] : [order, [KEY_FIELDS, fields]];
}

/** Of an anonymous verdict map. */
export function userdataOfMap(isHost: boolean): Entries {
  return [
    [KEY_ORDER, isHost ? HOST_ORDER : NETWORK_ORDER],
    [DATA_ORDER, NO_ORDER],
    [DATA_FIELDS, typed(VERDICT, [])],
    [DATA_INTERVAL, 0],
  ];
}

/** Of the first element of an interval that ends with the last possible value. */
export const OPEN_END: Entries = [[1, 1]];

/** Of a rule: an entry of type 0 with a text that ends with NUL. As text, which ends with NUL as well: its length is
 * below 128, so each character is a byte. */
export function userdataOfRule(comment: string): string {
  return `\0${String.fromCharCode(comment.length + 1)}${comment}`;
}

export function userdataBytes(entries: Entries, isLittle: boolean): Uint8Array {
  return Uint8Array.from(flat(entries, isLittle));
}

function flat(entries: Entries, isLittle: boolean): number[] {
  return entries.flatMap(([type, value]) => {
    const bytes =
      typeof value === 'number'
        ? Array.from(numberBytes(value, { bytes: 4, isHost: true }, isLittle))
        : flat(value, isLittle);
    return [type, bytes.length, ...bytes];
  });
}

function expressionOf(one: Expression): Entries | null {
  switch (one.kind) {
    case 'meta':
      return typed(META, [[0, META_KEYS[one.key]]]);
    case 'fib': {
      const result = one.result === 'type' ? NFT_FIB_RESULT_ADDRTYPE : NFT_FIB_RESULT_OIFNAME;
      return typed(FIB, numbered(result, NFTA_FIB_F_DADDR));
    }
    case 'field': {
      const ids = FIELD_IDS[one.name];
      return ids === undefined ? null : typed(PAYLOAD, numbered(...ids));
    }
    case 'raw':
      return raw(BASE.transport, one.offset, one.bits);
    default:
      return null;
  }
}

/** A field of a named set, by the expression that gives it its type (render, SET_FIELDS). */
function fieldOf(type: Datatype): Entries {
  switch (type) {
    case 'ipv4':
      return typed(PAYLOAD, numbered(...FIELD_IDS['ip saddr']!));
    case 'ipv6':
      return typed(PAYLOAD, numbered(...FIELD_IDS['ip6 saddr']!));
    case 'ether':
      return typed(PAYLOAD, numbered(ETHERNET, 2));
    case 'protocol':
      return typed(META, [[0, NFT_META_L4PROTO]]);
    case 'mac32':
      return raw(BASE.link, 48, 32);
    case 'mac16':
      return raw(BASE.link, 80, 16);
    case 'flow':
      // Of no direction.
      return typed(CT, numbered(NFT_CT_ID, 0xffffffff));
    default:
      return raw(BASE.transport, 96, 32);
  }
}

function raw(base: number, offset: number, bits: number): Entries {
  return typed(PAYLOAD, numbered(0, 0, base, offset, bits));
}

function typed(kind: number, inside: Entries): Entries {
  return [
    [0, kind],
    [1, inside],
  ];
}

function numbered(...values: number[]): Entries {
  return values.map((value, i): Entry => [i, value]);
}
