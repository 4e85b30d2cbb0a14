// ruleset/encode/list: the anonymous sets and verdict maps of a rule.
import {
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_SET_ANONYMOUS,
  NFT_SET_CONSTANT,
  NFT_SET_MAP,
  NFTA_DATA_VALUE,
  NFTA_LIST_ELEM,
  NFTA_SET_DATA_LEN,
  NFTA_SET_DATA_TYPE,
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_SET_ID,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_SET_ID,
  NFTA_SET_USERDATA,
} from '../../netlink/nft-constants.ts';
import { lookup } from '../../netlink/nft-statement.ts';
import type { NftMessage, Tree } from '../../netlink/nft-tree.ts';
import { datatypeOf } from '../fields.ts';
import type { Statement } from '../model.ts';
import { statementText } from '../render.ts';
import { CREATE, type Encoder } from './encoder.ts';
import { headTree, TYPES } from './set.ts';
import { userdataBytes, userdataOfList, userdataOfMap } from './userdata.ts';
import { constantBytes, shapeOf } from './value.ts';
import { verdictValue } from './verdict.ts';

/** NFT_DATA_VERDICT: the type of a verdict map's values. */
const VERDICTS = 0xffffff00;

/** The type of an output device by a routing lookup (enum datatypes). */
const STRING = 5;

/** A statement that looks up an anonymous set of several values, or an anonymous map. */
export type List = Extract<Statement, { kind: 'oneof' | 'dispatch' }>;

export function isList(one: Statement): one is List {
  return one.kind === 'dispatch' || (one.kind === 'oneof' && one.right.length > 1);
}

function nameOf({ kind }: List): string {
  return kind === 'oneof' ? '__set%d' : '__map%d';
}

/** Looks the register up in the anonymous set with this number. */
export function listLookup(one: List, id: number): Tree {
  const isMap = one.kind === 'dispatch';
  return lookup(nameOf(one), !isMap && one.not, id, isMap);
}

/** The messages that make the anonymous set of a statement, with the number `id`. */
export function listMessages(to: Encoder, one: List, id: number): NftMessage[] {
  const text = statementText(one);
  let list = to.lists.get(text);
  if (list === undefined) {
    list = { head: headOf(to, one), elements: elementsOf(to, one) };
    to.lists.set(text, list);
  }
  return [
    [NFT_MSG_NEWSET, CREATE, [list.head, NFTA_SET_ID, id]],
    [NFT_MSG_NEWSETELEM, CREATE, [list.elements, NFTA_SET_ELEM_LIST_SET_ID, id]],
  ];
}

function headOf(to: Encoder, one: List): Tree {
  const { left } = one;
  const { bytes, isHost } = shapeOf(left);
  const isMap = one.kind === 'dispatch';
  const isDevice = left.kind === 'fib' && left.result === 'oifname';
  const head = headTree(to, {
    name: nameOf(one),
    flags: NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | (isMap ? NFT_SET_MAP : 0),
    type: isDevice ? STRING : TYPES[datatypeOf(left)],
    bytes,
    size: isMap ? one.entries.length : one.right.length,
    fields: null,
  });
  const entries = isMap ? userdataOfMap(isHost) : userdataOfList(left, isHost);
  return [
    head,
    isMap ? [NFTA_SET_DATA_TYPE, VERDICTS, NFTA_SET_DATA_LEN, 0] : [],
    NFTA_SET_USERDATA,
    userdataBytes(entries, to.isLittle),
  ];
}

function elementsOf(to: Encoder, one: List): Tree {
  const { left } = one;
  const key = (value: string | number): Tree => [
    NFTA_SET_ELEM_KEY,
    [NFTA_DATA_VALUE, constantBytes(datatypeOf(left), value, shapeOf(left), to.isLittle)],
  ];
  const elements =
    one.kind === 'dispatch'
      ? one.entries.map(([value, verdict]) => [
          NFTA_LIST_ELEM,
          [key(value), NFTA_SET_ELEM_DATA, verdictValue(verdict)],
        ])
      : one.right.map((value) => [NFTA_LIST_ELEM, key(value)]);
  return [
    NFTA_SET_ELEM_LIST_TABLE,
    to.table,
    NFTA_SET_ELEM_LIST_SET,
    nameOf(one),
    NFTA_SET_ELEM_LIST_ELEMENTS,
    elements,
  ];
}
