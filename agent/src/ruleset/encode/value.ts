// ruleset/encode/value: how the kernel holds the value of an expression in a register (width, byte order), and the
// bytes of a constant in that form. Values of packets are in network order, those of the kernel in host order.
import { parseAddress } from '../../wire/address.ts';
import { macBytes } from '../../wire/mac.ts';
import { datatypeOf, FIELDS } from '../fields.ts';
import type { Constant, Datatype, Expression } from '../model.ts';
import { deviceText } from '../plain.ts';

export interface Shape {
  readonly bytes: number;
  readonly isHost: boolean;
}

const NAME: Shape = { bytes: 16, isHost: true };
const WORD: Shape = { bytes: 4, isHost: true };
const BYTE: Shape = { bytes: 1, isHost: true };

const META: { readonly [key: string]: Shape } = {
  mark: WORD,
  l4proto: BYTE,
  nfproto: BYTE,
  iiftype: { bytes: 2, isHost: true },
  iifname: NAME,
  oifname: NAME,
  length: WORD,
};

/** Bytes of one value of a set's key. */
export const WIDTHS: { readonly [type in Datatype]?: number } = {
  protocol: 1,
  family: 1,
  ipv4: 4,
  ipv6: 16,
  port: 2,
  ether: 6,
  mac32: 4,
  mac16: 2,
  raw: 4,
  flow: 4,
};

/** Of a single value; a concatenation has none. */
export function shapeOf(one: Expression): Shape {
  const wire = (bytes: number): Shape => ({ bytes, isHost: false });
  switch (one.kind) {
    case 'meta':
      return META[one.key]!;
    case 'ct':
      // The id is the one value of a flow that nft takes for network order.
      return one.key === 'id' ? wire(4) : one.key === 'direction' ? BYTE : WORD;
    case 'sent':
      return { bytes: 8, isHost: true };
    case 'fib':
      return one.result === 'type' ? WORD : NAME;
    case 'masked':
      return shapeOf(one.of);
    case 'field':
      return wire(FIELDS[one.name].bytes);
    case 'raw':
    case 'payload':
      return wire(one.bits / 8);
    case 'original':
      return wire(one.family === 4 ? 4 : 16);
    case 'concat':
      return wire(0);
    default:
      return wire(WIDTHS[datatypeOf(one)]!);
  }
}

/** Names of values: linux/rtnetlink.h (RTN_*), nf_conntrack_common.h (IPS_*, the bit of a state, IP_CT_DIR_*). */
const NAMES = new Map([
  ['original', 0],
  ['reply', 1],
  ['invalid', 1],
  ['established', 2],
  ['related', 4],
  ['new', 8],
  ['untracked', 64],
  ['confirmed', 8],
  ['unicast', 1],
  ['local', 2],
  ['broadcast', 3],
  ['anycast', 4],
  ['multicast', 5],
]);

/** A number in host order (`isLittle`: of the router), or in network order. */
export function numberBytes(
  value: number,
  { bytes, isHost }: Shape,
  isLittle: boolean,
): Uint8Array {
  const all = new Uint8Array(bytes);
  for (let i = 0, rest = value; i < bytes; i++, rest = Math.floor(rest / 256)) {
    all[isHost && isLittle ? i : bytes - 1 - i] = rest % 256;
  }
  return all;
}

/** Empty, which the kernel refuses: the text is no value of the type. */
const NONE = new Uint8Array(0);

export function constantBytes(
  type: Datatype,
  value: Constant,
  shape: Shape,
  isLittle: boolean,
): Uint8Array {
  const text = String(value);
  switch (type) {
    case 'ipv4':
    case 'ipv6':
      return parseAddress(text) ?? NONE;
    case 'ether':
      return macBytes(text);
    case 'device': {
      const name = new Uint8Array(shape.bytes);
      for (const [i, letter] of Array.from(deviceText(text)).entries())
        name[i] = letter.charCodeAt(0);
      return name;
    }
    default: {
      const number = NAMES.get(text) ?? Number(value);
      return Number.isNaN(number) ? NONE : numberBytes(number, shape, isLittle);
    }
  }
}
