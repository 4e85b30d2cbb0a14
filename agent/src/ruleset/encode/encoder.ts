// ruleset/encode/encoder: the state of encoding a table. The rules of a table have a few hundred different steps, and
// most of them many times: each is encoded once.
import { NLM_F_CREATE, NLM_F_REQUEST } from '../../netlink/constants.ts';
import type { Tree } from '../../netlink/nft-tree.ts';

/** What is known of the packet at a place of a rule. */
export interface Known {
  readonly family: 0 | 4 | 6;
  readonly isEthernet: boolean;
  /** 0: unknown. */
  readonly protocol: number;
  /** The same as text. */
  readonly key: string;
}

export interface Step {
  readonly tree: Tree;
  /** Known behind it; null: what was known before. */
  readonly known: Known | null;
}

export interface Encoder {
  readonly table: string;
  /** Byte order of the router. */
  readonly isLittle: boolean;
  readonly steps: Map<string, Step>;
  /** Anonymous sets, by the text of their statement. */
  readonly lists: Map<string, { readonly head: Tree; readonly elements: Tree }>;
  /** User data of sets, by the types of their keys. */
  readonly userdata: Map<string, Uint8Array>;
  /** Number of the last set: unique in a transaction. */
  sets: number;
}

export function createEncoder(table: string, isLittle: boolean): Encoder {
  return { table, isLittle, steps: new Map(), lists: new Map(), userdata: new Map(), sets: 0 };
}

/** Flags of a message that makes something. */
export const CREATE = NLM_F_REQUEST | NLM_F_CREATE;
