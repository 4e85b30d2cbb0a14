// ruleset/encode/table: the table as the messages of nf_tables that make it. Each chain and each set is encoded alone,
// so that the load of a whole table and the change of a loaded one (encode/transaction) are made from the same parts.
import type { Message } from '../../netlink/nft-tree.ts';
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

/** Writes messages as bytes (whp:message). */
export type Pack = (messages: readonly Message[]) => Messages;

/** `isLittle`: the byte order of the router. Yields after each chain: the whole takes a slow router long. */
export function* encodeTable(
  ruleset: Ruleset,
  isLittle: boolean,
  pack: Pack,
): Generator<void, EncodedTable> {
  const to = createEncoder(word(ruleset.table), isLittle);
  const { table } = to;
  const sets = ruleset.sets.map((set) => {
    const name = word(set.name);
    const head = pack([setMessage(to, set)]);
    return { name, head, elements: pack(elementMessages(table, name, elementsOf(set, isLittle))) };
  });
  const chains: EncodedChain[] = [];
  for (const chain of inOrder(ruleset.chains)) {
    const head = pack([chainMessage(table, chain)]);
    const rules = pack(ruleMessages(to, chain.name, chain.rules));
    chains.push({ name: word(chain.name), head, rules });
    yield;
  }
  return { table, chains, sets };
}
