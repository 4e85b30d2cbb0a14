// ruleset/encode/set: a named set as the message that creates it, and its elements as those that add them. Elements of
// an interval set are starts and ends: the end is the first key behind the interval.
import { NLA_F_NESTED } from '../../netlink/constants.ts';
import {
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_SET_CONCAT,
  NFT_SET_EVAL,
  NFT_SET_INTERVAL,
  NFT_SET_TIMEOUT,
  NFTA_LIST_ELEM,
  NFTA_SET_DESC,
  NFTA_SET_DESC_CONCAT,
  NFTA_SET_DESC_SIZE,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_TABLE,
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
import { nest } from '../../netlink/nft-expression.ts';
import { putElement, type SetElement } from '../../netlink/nft-set.ts';
import {
  attributeBe32,
  attributeBe64,
  attributeBytes,
  attributeString,
  beginAttribute,
  endAttribute,
  endMessage,
} from '../../netlink/writer.ts';
import type { Datatype, NamedSet, Span, StaticSet } from '../model.ts';
import { word } from '../plain.ts';
import { beginChange, type Encoder } from './encoder.ts';
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
  readonly id: number;
  /** null: no limit. */
  readonly size: number | null;
  /** Bytes of each field of a key of intervals; absent: one field, or no intervals. */
  readonly fields?: readonly number[];
}

/** The attributes that every set has. */
export function putSetHead({ w, table }: Encoder, head: SetHead): void {
  attributeString(w, NFTA_SET_TABLE, table);
  attributeString(w, NFTA_SET_NAME, head.name);
  attributeBe32(w, NFTA_SET_FLAGS, head.flags);
  attributeBe32(w, NFTA_SET_KEY_TYPE, head.type);
  attributeBe32(w, NFTA_SET_KEY_LEN, head.bytes);
  attributeBe32(w, NFTA_SET_ID, head.id);
  if (head.size === null && head.fields === undefined) return;
  nest(w, NFTA_SET_DESC, () => {
    if (head.size !== null) attributeBe32(w, NFTA_SET_DESC_SIZE, head.size);
    if (head.fields === undefined) return;
    nest(w, NFTA_SET_DESC_CONCAT, () => {
      for (const field of head.fields!)
        nest(w, NFTA_LIST_ELEM, () => attributeBe32(w, NFTA_SET_FIELD_LEN, field));
    });
  });
}

export function putSet(to: Encoder, set: NamedSet): void {
  const { w } = to;
  const widths = set.key.map((type) => WIDTHS[type]!);
  const isConcat = set.key.length > 1;
  const isInterval = set.role === 'static' && set.size === undefined;
  beginChange(to, NFT_MSG_NEWSET);
  to.sets += 1;
  putSetHead(to, {
    name: word(set.name),
    flags: flagsOf(set),
    type: set.key.reduce((sum, type) => (sum << TYPE_BITS) | TYPES[type], 0),
    bytes: isConcat ? widths.reduce((sum, width) => sum + padded(width), 0) : widths[0]!,
    id: to.sets,
    size: set.size ?? null,
    ...(isConcat && isInterval ? { fields: widths } : {}),
  });
  if (set.role === 'learned' && set.timeout !== null)
    attributeBe64(w, NFTA_SET_TIMEOUT, set.timeout);
  const isTypeof = set.key.some((type) => BY_EXPRESSION.includes(type));
  attributeBytes(w, NFTA_SET_USERDATA, userdataBytes(userdataOfSet(set, isTypeof), w.little));
  endMessage(w);
}

function flagsOf(set: NamedSet): number {
  if (set.role === 'learned') return NFT_SET_TIMEOUT | (set.dynamic ? NFT_SET_EVAL : 0);
  if (set.size !== undefined) return 0;
  return NFT_SET_INTERVAL | (set.key.length > 1 ? NFT_SET_CONCAT : 0);
}

function padded(width: number): number {
  return (width + 3) & ~3;
}

/** The elements of a static set. */
export function elementsOf(set: StaticSet, isLittle: boolean): SetElement[] {
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
function startsAndEnds(spans: readonly Interval[], isLittle: boolean): SetElement[] {
  const sorted = [...spans].sort((a, b) => compareBytes(a.key, b.key));
  const elements: SetElement[] = [];
  const [first] = sorted;
  if (first?.key.some((byte) => byte !== 0))
    elements.push({ key: new Uint8Array(first.key.length), intervalEnd: true });
  for (const { key, keyEnd } of sorted) {
    const end = following(keyEnd);
    if (end === null) elements.push({ key, userdata: userdataBytes(OPEN_END, isLittle) });
    else elements.push({ key }, { key: end, intervalEnd: true });
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

/** Longest list of elements in one message, bytes: half of the range of the length field. */
const LIST_LIMIT = 0x8000;

/** Adds elements to a set, by as many messages as they need. */
export function putElements(
  { w, table }: Pick<Encoder, 'w' | 'table'>,
  set: string,
  elements: readonly SetElement[],
): void {
  for (let i = 0; i < elements.length; ) {
    beginChange({ w }, NFT_MSG_NEWSETELEM);
    attributeString(w, NFTA_SET_ELEM_LIST_TABLE, table);
    attributeString(w, NFTA_SET_ELEM_LIST_SET, word(set));
    const list = beginAttribute(w, NLA_F_NESTED | NFTA_SET_ELEM_LIST_ELEMENTS);
    do {
      putElement(w, elements[i]!, true);
      i += 1;
    } while (i < elements.length && w.length - list < LIST_LIMIT);
    endAttribute(w, list);
    endMessage(w);
  }
}
