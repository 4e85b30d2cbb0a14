// ruleset/encode/table: the table as the messages of nf_tables that make it. Each chain and each set is encoded alone,
// so that the load of a whole table and the change of a loaded one (encode/transaction) are made from the same parts.
import type { NftMessage } from '../../netlink/nft-tree.ts';
import type { Ruleset } from '../model.ts';
import { word } from '../plain.ts';
import { inOrder } from '../render.ts';
import { chainMessage } from './chain.ts';
import { createEncoder } from './encoder.ts';
import { ruleMessages } from './rule.ts';
import { elementMessages, elementsOf, setMessage } from './set.ts';

/** Messages one after another, without their sequence numbers. */
export type Messages = Uint8Array;

export interface EncodedChain {
  readonly name: string;
  readonly head: Messages;
  readonly rules: Messages;
}

export interface EncodedSet {
  readonly name: string;
  readonly head: Messages;
  /** Of a static set; empty for a learned one. */
  readonly elements: Messages;
}

export interface EncodedTable {
  readonly table: string;
  readonly chains: readonly EncodedChain[];
  readonly sets: readonly EncodedSet[];
}

/** Rules, or sets, between two yields. */
const AT_ONCE = 2;

/** Writes messages as bytes (whp:message). */
export type Pack = (messages: readonly NftMessage[]) => Messages;

/** `isLittle`: the byte order of the router. Yields after a few rules: the whole takes a slow router a second. */
export function* encodeTable(
  ruleset: Ruleset,
  isLittle: boolean,
  pack: Pack,
): Generator<void, EncodedTable> {
  const to = createEncoder(word(ruleset.table), isLittle);
  const { table } = to;
  const sets: EncodedSet[] = [];
  for (const set of ruleset.sets) {
    const name = word(set.name);
    const head = pack([setMessage(to, set)]);
    const elements = pack(elementMessages(table, name, elementsOf(set, isLittle)));
    sets.push({ name, head, elements });
    if (sets.length % AT_ONCE === 0) yield;
  }
  const chains: EncodedChain[] = [];
  for (const chain of inOrder(ruleset.chains)) {
    const head = pack([chainMessage(table, chain)]);
    const parts: Messages[] = [];
    for (let from = 0; from < chain.rules.length; from += AT_ONCE) {
      const rules = chain.rules.slice(from, from + AT_ONCE);
      parts.push(pack(ruleMessages(to, chain.name, rules)));
      yield;
    }
    chains.push({ name: word(chain.name), head, rules: joinedBytes(parts) });
  }
  return { table, chains, sets };
}

export function joinedBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
