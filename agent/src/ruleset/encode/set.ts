// ruleset/encode/set: a named set as the message that creates it, and its elements as those that add them. Elements of
// an interval set are starts and ends: the end is the first key behind the interval.
import {
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_SET_CONCAT,
  NFT_SET_ELEM_INTERVAL_END,
  NFT_SET_EVAL,
  NFT_SET_INTERVAL,
  NFT_SET_TIMEOUT,
  NFTA_DATA_VALUE,
  NFTA_LIST_ELEM,
  NFTA_SET_DESC,
  NFTA_SET_DESC_CONCAT,
  NFTA_SET_DESC_SIZE,
  NFTA_SET_ELEM_EXPIRATION,
  NFTA_SET_ELEM_FLAGS,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_KEY_END,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_SET_ELEM_TIMEOUT,
  NFTA_SET_ELEM_USERDATA,
  NFTA_SET_FIELD_LEN,
  NFTA_SET_FLAGS,
  NFTA_SET_ID,
  NFTA_SET_KEY_LEN,
  NFTA_SET_KEY_TYPE,
  NFTA_SET_NAME,
  NFTA_SET_TABLE,
  NFTA_SET_TIMEOUT,
  NFTA_SET_USERDATA,
} from '../../netlink/nft-constants.ts';
import { be64, type NftMessage, type Tree } from '../../netlink/nft-tree.ts';
import type { Datatype, NamedSet, Span } from '../model.ts';
import type { ElementParts } from '../parts.ts';
import { word } from '../plain.ts';
import { CREATE, type Encoder } from './encoder.ts';
import { OPEN_END, userdataBytes, userdataOfSet } from './userdata.ts';
import { constantBytes, WIDTHS } from './value.ts';

/** Types of nft (enum datatypes), six bits each in a concatenation; the kernel only stores them. */
const INTEGER = 4;
export const TYPES: { readonly [type in Datatype]: number } = {
  family: 2,
  ipv4: 7,
  ipv6: 8,
  ether: 9,
  protocol: 12,
  port: 13,
  mark: 19,
  state: 16,
  direction: 17,
  status: 18,
  addrtype: 38,
  device: 41,
  length: INTEGER,
  number: INTEGER,
  raw: INTEGER,
  mac32: INTEGER,
  mac16: INTEGER,
  flow: INTEGER,
};
const TYPE_BITS = 6;

/** Fields without a name as a type: the key is declared by expressions (render, RAW_FIELDS). */
const BY_EXPRESSION: readonly Datatype[] = ['raw', 'mac32', 'mac16', 'flow'];

export interface SetHead {
  readonly name: string;
  readonly flags: number;
  readonly type: number;
  /** Of the key. */
  readonly bytes: number;
  /** null: no limit. */
  readonly size: number | null;
  /** Bytes of each field of a key of intervals; null: one field, or no intervals. */
  readonly fields: readonly number[] | null;
}

/** The attributes that every set has, except its number. */
export function headTree({ table }: Encoder, head: SetHead): Tree {
  const { name, flags, type, bytes, size, fields } = head;
  const field = (length: number): Tree => [NFTA_LIST_ELEM, [NFTA_SET_FIELD_LEN, length]];
  const limits = [
    size === null ? [] : [NFTA_SET_DESC_SIZE, size],
    fields === null ? [] : [NFTA_SET_DESC_CONCAT, fields.map(field)],
  ];
  return [
    NFTA_SET_TABLE,
    table,
    NFTA_SET_NAME,
    name,
    NFTA_SET_FLAGS,
    flags,
    NFTA_SET_KEY_TYPE,
    type,
    NFTA_SET_KEY_LEN,
    bytes,
    size === null && fields === null ? [] : [NFTA_SET_DESC, limits],
  ];
}

export function setMessage(to: Encoder, set: NamedSet): NftMessage {
  const widths = set.key.map((type) => WIDTHS[type]!);
  const isConcat = set.key.length > 1;
  const isInterval = set.role === 'static' && set.size === undefined;
  const isTypeof = set.key.some((type) => BY_EXPRESSION.includes(type));
  const head = headTree(to, {
    name: word(set.name),
    flags: flagsOf(set),
    type: set.key.reduce((sum, type) => (sum << TYPE_BITS) | TYPES[type], 0),
    bytes: isConcat ? widths.reduce((sum, width) => sum + padded(width), 0) : widths[0]!,
    size: set.size ?? null,
    fields: isConcat && isInterval ? widths : null,
  });
  const timeout = set.role === 'learned' ? set.timeout : null;
  to.sets += 1;
  return [
    NFT_MSG_NEWSET,
    CREATE,
    [
      head,
      NFTA_SET_ID,
      to.sets,
      timeout === null ? [] : [NFTA_SET_TIMEOUT, be64(timeout)],
      NFTA_SET_USERDATA,
      userdataOf(to, set, isTypeof),
    ],
  ];
}

/** Equal for sets with equal keys. */
function userdataOf(to: Encoder, set: NamedSet, isTypeof: boolean): Uint8Array {
  const key = set.key.join();
  let bytes = to.userdata.get(key);
  if (bytes === undefined) {
    bytes = userdataBytes(userdataOfSet(set, isTypeof), to.isLittle);
    to.userdata.set(key, bytes);
  }
  return bytes;
}

function flagsOf(set: NamedSet): number {
  if (set.role === 'learned') return NFT_SET_TIMEOUT | (set.dynamic ? NFT_SET_EVAL : 0);
  if (set.size !== undefined) return 0;
  return NFT_SET_INTERVAL | (set.key.length > 1 ? NFT_SET_CONCAT : 0);
}

function padded(width: number): number {
  return (width + 3) & ~3;
}

/** The elements of a static set; none of a learned one. */
export function elementsOf(set: NamedSet, isLittle: boolean): ElementParts[] {
  if (set.role !== 'static') return [];
  const { key, elements } = set;
  const keyAt = (one: readonly Span[], end: 0 | 1): Uint8Array =>
    keyBytes(
      key,
      one.map((span) => span[end]),
      isLittle,
    );
  if (set.size !== undefined) return elements.map((one) => ({ key: keyAt(one, 0) }));
  const spans = elements.map((one) => ({ key: keyAt(one, 0), keyEnd: keyAt(one, 1) }));
  return key.length > 1 ? spans : startsAndEnds(spans, isLittle);
}

function keyBytes(
  types: readonly Datatype[],
  values: readonly (string | number)[],
  isLittle: boolean,
): Uint8Array {
  const parts = types.map((type, i) =>
    constantBytes(type, values[i]!, { bytes: WIDTHS[type]!, isHost: false }, isLittle),
  );
  if (types.length === 1) return parts[0]!;
  const key = new Uint8Array(parts.reduce((sum, part) => sum + padded(part.length), 0));
  let at = 0;
  for (const part of parts) {
    key.set(part, at);
    at += padded(part.length);
  }
  return key;
}

interface Interval {
  readonly key: Uint8Array;
  readonly keyEnd: Uint8Array;
}

/** The keys of a set of plain intervals, in ascending order. */
function startsAndEnds(spans: readonly Interval[], isLittle: boolean): ElementParts[] {
  const sorted = [...spans].sort((a, b) => compareBytes(a.key, b.key));
  const elements: ElementParts[] = [];
  const [first] = sorted;
  if (first?.key.some((byte) => byte !== 0))
    elements.push({ key: new Uint8Array(first.key.length), isEnd: true });
  for (const { key, keyEnd } of sorted) {
    const end = following(keyEnd);
    if (end === null) elements.push({ key, userdata: userdataBytes(OPEN_END, isLittle) });
    else elements.push({ key }, { key: end, isEnd: true });
  }
  return elements;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

/** The next greater key; null: there is none. */
function following(key: Uint8Array): Uint8Array | null {
  const next = key.slice();
  for (let i = next.length - 1; i >= 0; i--) {
    next[i] = next[i]! + 1;
    if (next[i] !== 0) return next;
  }
  return null;
}

/** Elements in one message: the longest, of 120 bytes, are less than the 64 KiB that a list may have. */
const IN_A_MESSAGE = 400;

/** Adds elements to a set, by as many messages as they need. */
export function elementMessages(
  table: string,
  set: string,
  elements: readonly ElementParts[],
): NftMessage[] {
  const messages: NftMessage[] = [];
  for (let from = 0; from < elements.length; from += IN_A_MESSAGE) {
    const some = elements.slice(from, from + IN_A_MESSAGE).map(elementTree);
    messages.push([
      NFT_MSG_NEWSETELEM,
      CREATE,
      [
        NFTA_SET_ELEM_LIST_TABLE,
        table,
        NFTA_SET_ELEM_LIST_SET,
        set,
        NFTA_SET_ELEM_LIST_ELEMENTS,
        some,
      ],
    ]);
  }
  return messages;
}

function elementTree({ key, keyEnd, timeout, left, isEnd, userdata }: ElementParts): Tree {
  return [
    NFTA_LIST_ELEM,
    [
      isEnd ? [NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END] : [],
      timeout === undefined ? [] : [NFTA_SET_ELEM_TIMEOUT, be64(timeout)],
      left === undefined ? [] : [NFTA_SET_ELEM_EXPIRATION, be64(left)],
      NFTA_SET_ELEM_KEY,
      [NFTA_DATA_VALUE, key],
      keyEnd === undefined ? [] : [NFTA_SET_ELEM_KEY_END, [NFTA_DATA_VALUE, keyEnd]],
      userdata === undefined ? [] : [NFTA_SET_ELEM_USERDATA, userdata],
    ],
  ];
}
