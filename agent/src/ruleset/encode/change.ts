// ruleset/encode/change: what one transaction does to our tables, and the parts of that transaction. A table is replaced as a whole, or
// changed in what differs.
import { NLM_F_REQUEST } from '../../netlink/constants.ts';
import {
  NFT_MSG_DELCHAIN,
  NFT_MSG_DELOBJ,
  NFT_MSG_DELRULE,
  NFT_MSG_DELSET,
  NFT_MSG_DELSETELEM,
  NFT_MSG_DELTABLE,
  NFT_MSG_NEWOBJ,
  NFT_MSG_NEWTABLE,
  NFT_OBJECT_COUNTER,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_TABLE,
  NFTA_COUNTER_BYTES,
  NFTA_COUNTER_PACKETS,
  NFTA_OBJ_DATA,
  NFTA_OBJ_NAME,
  NFTA_OBJ_TABLE,
  NFTA_OBJ_TYPE,
  NFTA_RULE_CHAIN,
  NFTA_RULE_TABLE,
  NFTA_SET_ELEM_LIST_SET,
  NFTA_SET_ELEM_LIST_TABLE,
  NFTA_SET_NAME,
  NFTA_SET_TABLE,
  NFTA_TABLE_NAME,
} from '../../netlink/nft-constants.ts';
import { be64, type NftMessage, type Tree } from '../../netlink/nft-tree.ts';
import { differenceOf } from '../difference.ts';
import { type CounterValues, type Held, heldElements, type TableParts } from '../parts.ts';
import { CREATE } from './encoder.ts';
import { elementMessages } from './set.ts';
import type { EncodedTable, Messages } from './table.ts';

export interface TableChange {
  /** Tables that are deleted, if they exist. */
  readonly without: readonly string[];
  /** null: none is made. */
  readonly made: Made | null;
}

export interface Made {
  /** The parts of the table as text, and as messages. */
  readonly standing: TableParts;
  readonly encoded: EncodedTable;
  /** As loaded; only what differs is changed. null: the table is replaced. */
  readonly before: TableParts | null;
  /** Known elements of the learned sets that are made. */
  readonly held: Held;
  /** Values from which counters of a replaced table go on. */
  readonly counts: CounterValues;
}

/** Messages of a change, in order: new ones, and those of an encoded table. */
export type Parts = readonly (NftMessage | Messages)[];

export function partsOf({ without, made }: TableChange): Parts {
  return [...(made === null ? [] : madeParts(made)), ...without.flatMap(withoutTable)];
}

function madeParts(made: Made): Parts {
  return made.before === null ? wholeParts(made) : differenceParts(made, made.before);
}

/** The table is added first, so that there is one to delete. */
function withoutTable(table: string): NftMessage[] {
  return [newTable(table), [NFT_MSG_DELTABLE, NLM_F_REQUEST, [NFTA_TABLE_NAME, table]]];
}

function newTable(table: string): NftMessage {
  return [NFT_MSG_NEWTABLE, CREATE, [NFTA_TABLE_NAME, table]];
}

function wholeParts({ standing, encoded, held, counts }: Made): Parts {
  const { table, chains, sets } = encoded;
  return [
    ...withoutTable(table),
    newTable(table),
    ...chains.map(({ head }) => head),
    ...standing.counters.map((name) => newCounter(table, name, counts)),
    ...sets.flatMap(({ name, head, elements }, i) => [
      head,
      elements,
      ...elementMessages(table, name, heldElements(standing.sets[i]!, held)),
    ]),
    ...chains.map(({ rules }) => rules),
  ];
}

function differenceParts({ standing, encoded, held }: Made, before: TableParts): Parts {
  const { table } = encoded;
  const chainOf = new Map(encoded.chains.map((chain) => [chain.name, chain]));
  const setOf = new Map(encoded.sets.map((set) => [set.name, set]));
  const { chains, deadSets, deadCounters, freshCounters, freshSets, changedSets } = differenceOf(
    before,
    standing,
  );
  return [
    newTable(table),
    ...chains.flushed.map((name) => flushChain(table, name)),
    ...chains.dead.map((name) => deleteChain(table, name)),
    ...deadSets.map((name) => deleteSet(table, name)),
    ...deadCounters.map((name) => deleteCounter(table, name)),
    ...freshCounters.map((name) => newCounter(table, name, new Map())),
    ...freshSets.map(({ name }) => setOf.get(name)!.head),
    ...changedSets.map(({ name }) => flushSet(table, name)),
    ...[...changedSets, ...freshSets].flatMap((set) => [
      setOf.get(set.name)!.elements,
      ...elementMessages(table, set.name, heldElements(set, held)),
    ]),
    ...chains.fresh.map(({ name }) => chainOf.get(name)!.head),
    ...chains.written.map(({ name }) => chainOf.get(name)!.rules),
  ];
}

function flushChain(table: string, name: string): NftMessage {
  return [NFT_MSG_DELRULE, NLM_F_REQUEST, [NFTA_RULE_TABLE, table, NFTA_RULE_CHAIN, name]];
}

function deleteChain(table: string, name: string): NftMessage {
  return [NFT_MSG_DELCHAIN, NLM_F_REQUEST, [NFTA_CHAIN_TABLE, table, NFTA_CHAIN_NAME, name]];
}

function deleteSet(table: string, name: string): NftMessage {
  return [NFT_MSG_DELSET, NLM_F_REQUEST, [NFTA_SET_TABLE, table, NFTA_SET_NAME, name]];
}

function flushSet(table: string, name: string): NftMessage {
  const names = [NFTA_SET_ELEM_LIST_TABLE, table, NFTA_SET_ELEM_LIST_SET, name];
  return [NFT_MSG_DELSETELEM, NLM_F_REQUEST, names];
}

function deleteCounter(table: string, name: string): NftMessage {
  return [NFT_MSG_DELOBJ, NLM_F_REQUEST, counterTree(table, name)];
}

function newCounter(table: string, name: string, counts: CounterValues): NftMessage {
  const { packets, bytes } = counts.get(name) ?? { packets: 0, bytes: 0 };
  const from = [NFTA_COUNTER_BYTES, be64(bytes), NFTA_COUNTER_PACKETS, be64(packets)];
  return [NFT_MSG_NEWOBJ, CREATE, [counterTree(table, name), NFTA_OBJ_DATA, from]];
}

function counterTree(table: string, name: string): Tree {
  return [NFTA_OBJ_TABLE, table, NFTA_OBJ_NAME, name, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER];
}
