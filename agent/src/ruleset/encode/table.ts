// ruleset/encode/table: the table as the messages of nf_tables that make it. Each chain and each set is encoded alone,
// so that the load of a whole table and the change of a loaded one (encode/transaction) are made from the same parts.
import type { ByteOrder } from '../../netlink/endian.ts';
import { resetWriter } from '../../netlink/writer.ts';
import type { Rule, Ruleset } from '../model.ts';
import { word } from '../plain.ts';
import { inOrder } from '../render.ts';
import { putChain } from './chain.ts';
import { createEncoder, type Encoder } from './encoder.ts';
import { putRule } from './rule.ts';
import { elementsOf, putElements, putSet } from './set.ts';

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

/** `order`: of the router, by default of this machine. */
export function encodeTable(ruleset: Ruleset, order?: ByteOrder): EncodedTable {
  const to = createEncoder(word(ruleset.table), order);
  const sets = ruleset.sets.map((set) => ({
    name: word(set.name),
    head: part(to, () => putSet(to, set)),
    elements: part(to, () => {
      if (set.role === 'static') putElements(to, set.name, elementsOf(set, to.w.little));
    }),
  }));
  const chains = inOrder(ruleset.chains).map((chain) => ({
    name: word(chain.name),
    head: part(to, () => putChain(to, chain)),
    rules: part(to, () => putRules(to, chain.name, chain.rules)),
  }));
  return { table: to.table, chains, sets };
}

function putRules(to: Encoder, chain: string, rules: readonly Rule[]): void {
  for (const rule of rules) putRule(to, chain, rule);
}

function part(to: Encoder, put: () => void): Messages {
  resetWriter(to.w);
  put();
  return to.w.bytes.slice(0, to.w.length);
}
