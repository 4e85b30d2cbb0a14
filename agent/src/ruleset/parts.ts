// ruleset/parts: the parts of a table as text. The agent keeps those of the loaded table, over a restart in a file; the
// difference of two versions (ruleset/difference) is one transaction that changes nothing else.
import type { Datatype } from './model.ts';

export interface SetParts {
  readonly name: string;
  /** Properties in nft's notation, one each. */
  readonly shape: readonly string[];
  readonly key: readonly Datatype[];
  /** Elements as text; null: a learned set. */
  readonly elements: string | null;
  /** Learned sets: default timeout of an element, milliseconds; null: each element has its own. */
  readonly timeout: number | null;
  readonly size: number;
}

export interface ChainParts {
  readonly name: string;
  /** Hook and policy; '' for a chain without a hook. */
  readonly base: string;
  readonly rules: readonly string[];
}

/**
 * The parts of a table (`standing`: as loaded in the kernel). Chains are in an order in which they can be
 * written: target chains first.
 */
export interface TableParts {
  readonly table: string;
  readonly counters: readonly string[];
  readonly sets: readonly SetParts[];
  readonly chains: readonly ChainParts[];
}

/** A learned element and its remaining lifetime, milliseconds. */
export interface HeldElement {
  readonly key: Uint8Array;
  readonly left: number;
}

/** An element that is added with its set. */
export interface ElementParts {
  /** Network order, each concatenated field padded to four bytes. */
  readonly key: Uint8Array;
  /** Last key of an interval, in a set with a concatenated key. */
  readonly keyEnd?: Uint8Array;
  /** Milliseconds; absent: that of the set. */
  readonly timeout?: number;
  /** Milliseconds left of it; absent: all. */
  readonly left?: number;
  /** This key ends an interval: sets of plain intervals have ends as elements. */
  readonly isEnd?: true;
  /** What nft stores beside it (ruleset/encode/userdata). */
  readonly userdata?: Uint8Array;
}

/** Known elements of the learned sets, by name. */
export type Held = ReadonlyMap<string, readonly HeldElement[]>;

/** Values of the counters, by name. */
export type CounterValues = ReadonlyMap<
  string,
  { readonly packets: number; readonly bytes: number }
>;

export const WIDTH: { readonly [type in Datatype]?: number } = {
  ipv4: 4,
  ipv6: 16,
  raw: 4,
  ether: 6,
  mac32: 4,
  mac16: 2,
};

/** Fields of a concatenated key are padded to 4 bytes. */
export function widthOf(types: readonly Datatype[], type: Datatype): number {
  const width = WIDTH[type] ?? 0;
  return types.length > 1 ? (width + 3) & ~3 : width;
}

/**
 * The held elements of a learned set, longest remaining lifetime first, at most `size`. Keys of another width (from
 * an older version) are left out.
 */
export function heldElements(set: SetParts, held: Held): ElementParts[] {
  const elements = held.get(set.name) ?? [];
  const width = set.key.reduce((sum, type) => sum + widthOf(set.key, type), 0);
  return elements
    .filter(({ key, left }) => key.length === width && left >= 1)
    .sort((a, b) => b.left - a.left)
    .slice(0, set.size)
    .map(({ key, left }) => {
      const whole = Math.floor(left);
      return set.timeout === null
        ? { key, timeout: whole }
        : { key, left: Math.min(whole, set.timeout) };
    });
}
