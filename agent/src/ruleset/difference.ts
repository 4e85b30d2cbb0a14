// ruleset/difference: what one transaction has to change to make the next table of the loaded one. Unchanged chains,
// learned elements and counters are kept; a packet sees the old table or the new one, never none.
import type { ChainParts, SetParts, TableParts } from './parts.ts';

/** In the order in which it is done. The sets are those of the next table. */
export interface Difference {
  readonly chains: ChainChanges;
  readonly deadSets: readonly string[];
  readonly deadCounters: readonly string[];
  readonly freshCounters: readonly string[];
  /** Made, with their elements or with what is held of them: a learned set with a new shape is made anew. */
  readonly freshSets: readonly SetParts[];
  /** Static sets with other elements. */
  readonly changedSets: readonly SetParts[];
}

export function differenceOf(before: TableParts, next: TableParts): Difference {
  const oldSets = new Map(before.sets.map((set) => [set.name, set]));
  const fits = ({ name, shape }: SetParts) => same(oldSets.get(name)?.shape ?? [], shape);
  const staying = next.sets.filter(fits);
  const names = new Set(staying.map(({ name }) => name));
  const deadSets = before.sets.map(({ name }) => name).filter((name) => !names.has(name));
  return {
    chains: chainChanges(before, next, deadSets),
    deadSets,
    deadCounters: without(before.counters, next.counters),
    freshCounters: without(next.counters, before.counters),
    freshSets: next.sets.filter(({ name }) => !names.has(name)),
    changedSets: staying.filter(
      ({ name, elements }) => elements !== null && oldSets.get(name)!.elements !== elements,
    ),
  };
}

export function isNothing({ chains, ...rest }: Difference): boolean {
  return [...Object.values(chains), ...Object.values(rest)].every((list) => list.length === 0);
}

/** Learned sets with different shapes in `before` and `next`: a reload recreates them. */
export function reshapedSets(before: TableParts, next: TableParts): string[] {
  const old = new Map(before.sets.map(({ name, shape }) => [name, shape]));
  return next.sets
    .filter(
      ({ name, elements, shape }) => elements === null && !same(old.get(name) ?? shape, shape),
    )
    .map(({ name }) => name);
}

export interface ChainChanges {
  /** Flushed, to be written again or deleted. */
  readonly flushed: readonly string[];
  readonly dead: readonly string[];
  readonly fresh: readonly ChainParts[];
  readonly written: readonly ChainParts[];
}

/**
 * Rules that refer to a deleted set or chain must be deleted first, so their chain is flushed even if its
 * text is unchanged.
 */
function chainChanges(
  before: TableParts,
  next: TableParts,
  deadSets: readonly string[],
): ChainChanges {
  const old = new Map(before.chains.map((chain) => [chain.name, chain]));
  const stays = new Set(
    next.chains.filter(({ name, base }) => old.get(name)?.base === base).map(({ name }) => name),
  );
  const dead = before.chains.filter(({ name }) => !stays.has(name)).map(({ name }) => name);
  const names = [
    ...deadSets.map((name) => `@${name}`),
    ...dead.flatMap((name) => [`goto ${name}`, `jump ${name}`]),
  ];
  const kept = new Set(
    next.chains
      .filter(({ name, rules }) => stays.has(name) && same(old.get(name)!.rules, rules))
      .filter(
        // Usually nothing is deleted, and there are hundreds of rules.
        ({ rules }) =>
          names.length === 0 || !rules.some((rule) => names.some((one) => rule.includes(one))),
      )
      .map(({ name }) => name),
  );
  return {
    flushed: before.chains.map(({ name }) => name).filter((name) => !kept.has(name)),
    dead,
    fresh: next.chains.filter(({ name }) => !stays.has(name)),
    written: next.chains.filter(({ name }) => !kept.has(name)),
  };
}

function without(names: readonly string[], others: readonly string[]): string[] {
  return names.filter((name) => !others.includes(name));
}

function same(a: readonly string[], b: readonly string[]): boolean {
  let at = a.length === b.length ? 0 : -1;
  while (at >= 0 && at < a.length && a[at] === b[at]) at += 1;
  return at === a.length;
}
