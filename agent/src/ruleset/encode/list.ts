// ruleset/encode/list: the anonymous sets and verdict maps of a rule.
import {
  NFT_MSG_NEWSET,
  NFT_MSG_NEWSETELEM,
  NFT_SET_ANONYMOUS,
  NFT_SET_CONSTANT,
  NFT_SET_MAP,
  NFTA_LIST_ELEM,
  NFTA_SET_DATA_LEN,
  NFTA_SET_DATA_TYPE,
  NFTA_SET_ELEM_DATA,
  NFTA_SET_ELEM_KEY,
  NFTA_SET_ELEM_LIST_ELEMENTS,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_SET_ID,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_SET_USERDATA,
} from '../../netlink/nft-constants.ts';
import { data, nest } from '../../netlink/nft-expression.ts';
import {
  attributeBe32,
  attributeBytes,
  attributeString,
  endMessage,
} from '../../netlink/writer.ts';
import { datatypeOf } from '../fields.ts';
import type { Constant, Expression, Statement, Verdict } from '../model.ts';
import { beginChange, type Encoder } from './encoder.ts';
import { putSetHead, TYPES } from './set.ts';
import { userdataBytes, userdataOfList, userdataOfMap } from './userdata.ts';
import { constantBytes, shapeOf } from './value.ts';
import { putVerdictData } from './verdict.ts';

/** NFT_DATA_VERDICT: the type of a verdict map's values. */
const VERDICTS = 0xffffff00;

/** The type of an output device by a routing lookup (enum datatypes). */
const STRING = 5;

interface List {
  readonly name: '__set%d' | '__map%d';
  readonly left: Expression;
  readonly keys: readonly Constant[];
  /** One for each key of a map; empty: a set. */
  readonly verdicts: readonly Verdict[];
}

/** Writes the anonymous set of a statement, if it needs one. Returns the numbers of the sets. */
export function putAnonymous(to: Encoder, one: Statement): number[] {
  if (one.kind === 'oneof' && one.right.length > 1)
    return [putList(to, { name: '__set%d', left: one.left, keys: one.right, verdicts: [] })];
  if (one.kind !== 'dispatch') return [];
  const keys = one.entries.map(([key]) => key);
  const verdicts = one.entries.map(([, to]) => to);
  return [putList(to, { name: '__map%d', left: one.left, keys, verdicts })];
}

function putList(to: Encoder, { name, left, keys, verdicts }: List): number {
  const { w } = to;
  const { bytes, isHost } = shapeOf(left);
  const type = datatypeOf(left);
  const isMap = verdicts.length > 0;
  to.sets += 1;
  const kind = NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | (isMap ? NFT_SET_MAP : 0);
  beginChange(to, NFT_MSG_NEWSET);
  putSetHead(to, {
    name,
    flags: kind,
    type: left.kind === 'fib' && left.result === 'oifname' ? STRING : TYPES[type],
    bytes,
    id: to.sets,
    size: keys.length,
  });
  if (isMap) {
    attributeBe32(w, NFTA_SET_DATA_TYPE, VERDICTS);
    attributeBe32(w, NFTA_SET_DATA_LEN, 0);
  }
  const entries = isMap ? userdataOfMap(isHost) : userdataOfList(left, isHost);
  attributeBytes(w, NFTA_SET_USERDATA, userdataBytes(entries, w.little));
  endMessage(w);
  beginChange(to, NFT_MSG_NEWSETELEM);
  attributeString(w, NFTA_SET_ELEM_LIST_TABLE, to.table);
  attributeString(w, NFTA_SET_ELEM_LIST_SET, name);
  attributeBe32(w, NFTA_SET_ELEM_LIST_SET_ID, to.sets);
  nest(w, NFTA_SET_ELEM_LIST_ELEMENTS, () => {
    for (const [i, key] of keys.entries()) {
      nest(w, NFTA_LIST_ELEM, () => {
        data(w, NFTA_SET_ELEM_KEY, constantBytes(type, key, shapeOf(left), w.little));
        if (isMap) nest(w, NFTA_SET_ELEM_DATA, () => putVerdictData(w, verdicts[i]!));
      });
    }
  });
  endMessage(w);
  return to.sets;
}
