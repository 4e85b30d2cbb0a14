// ruleset/transaction: the table as text in parts, and the transactions made from them. The agent keeps the
// parts of the loaded table, over a restart in a file; the difference of two versions is one transaction that
// changes nothing else.

import { formatAddress } from '../wire/address.ts';
import { bytesIn, hexBytes } from '../wire/hex.ts';
import { macText } from '../wire/mac.ts';
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

/** A table as text in parts. Chains are in an order in which they can be written: target chains first. */
export interface TableParts {
  readonly table: string;
  readonly counters: readonly string[];
  readonly sets: readonly SetParts[];
  readonly chains: readonly ChainParts[];
}

/** A learned element and its remaining lifetime, milliseconds. `key`: one character a byte (wire/hex). */
export interface HeldElement {
  readonly key: string;
  readonly left: number;
}

/** Known elements of the learned sets, by name. */
export type Held = ReadonlyMap<string, readonly HeldElement[]>;

/** Values of the counters, by name. */
export type CounterValues = ReadonlyMap<
  string,
  { readonly packets: number; readonly bytes: number }
>;

const NOTHING: Held = new Map();
const NONE: CounterValues = new Map();

/** nft reads `1s500ms`, not fractions. */
export function duration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const rest = Math.floor(milliseconds % 1000);
  return `${seconds > 0 ? `${seconds}s` : ''}${rest > 0 || seconds === 0 ? `${rest}ms` : ''}`;
}

/**
 * The transaction of a full load: replaces the table, adds `held` to the learned sets and starts counters
 * from `counts`.
 */
export function loadText(
  next: TableParts,
  held: Held = NOTHING,
  counts: CounterValues = NONE,
): string {
  const table = `table inet ${next.table}`;
  // `add` first, so that `delete` succeeds without a table.
  const blocks = [
    `add ${table}\ndelete ${table}\n${table} {`,
    ...next.counters.map((name) => `counter ${name} { ${countsText(counts, name)}}`),
    ...next.sets.map((set) => setBlock(set, set.elements ?? heldText(set, held))),
    ...next.chains.map(chainBlock),
  ];
  return `${blocks.join('\n  ')}\n}\n`;
}

function countsText(counts: CounterValues, name: string): string {
  const counted = counts.get(name);
  return counted === undefined ? '' : `packets ${counted.packets} bytes ${counted.bytes} `;
}

function setBlock({ name, shape }: SetParts, elements: string): string {
  const lines = shape.join('\n    ');
  const list = elements === '' ? '' : `    elements = {\n      ${elements}\n    }\n`;
  return `set ${name} {\n    ${lines}\n${list}  }`;
}

function chainBlock({ name, base, rules }: ChainParts): string {
  const hook = base === '' ? '' : `    ${base}\n`;
  const lines = rules.length === 0 ? '' : `    ${rules.join('\n    ')}\n`;
  return `chain ${name} {\n${hook}${lines}  }`;
}

/**
 * The transaction from the loaded table to the next one; '' if nothing differs. Unchanged chains, learned
 * elements and counters are kept. A learned set with a new shape is recreated with the elements of `held`, which is
 * called if there is such a set. A packet sees the old table or the new one, never none.
 */
export function reloadText(
  before: TableParts,
  next: TableParts,
  held: () => Held = () => NOTHING,
): string {
  const table = `inet ${next.table}`;
  const oldSets = new Map(before.sets.map((set) => [set.name, set]));
  const fits = ({ name, shape }: SetParts) => same(oldSets.get(name)?.shape ?? [], shape);
  const staying = next.sets.filter(fits);
  const names = new Set(staying.map(({ name }) => name));
  const deadSets = before.sets.filter(({ name }) => !names.has(name));
  const freshSets = next.sets.filter(({ name }) => !names.has(name));
  const chains = chainChanges(before, next, deadSets);
  const changedStatics = staying.filter(
    ({ name, elements }) => elements !== null && oldSets.get(name)!.elements !== elements,
  );
  // A set that stays is named with its shape as well: who reads the text knows how to read its elements.
  const changed = [...changedStatics, ...freshSets];
  const isFilled = changed.some(({ elements }) => elements === null);
  const known = isFilled ? held() : NOTHING;
  const filled = (set: SetParts): string[] => {
    const elements = set.elements ?? heldText(set, known);
    return elements === '' ? [] : [`add element ${table} ${set.name} { ${flat(elements)} }`];
  };
  const lines = [
    ...chains.flushed.map((name) => `flush chain ${table} ${name}`),
    ...chains.dead.map((name) => `delete chain ${table} ${name}`),
    ...deadSets.map(({ name }) => `delete set ${table} ${name}`),
    ...without(before.counters, next.counters).map((name) => `delete counter ${table} ${name}`),
    ...without(next.counters, before.counters).map((name) => `add counter ${table} ${name}`),
    ...changed.map((set) => `add set ${table} ${set.name} { ${set.shape.join('; ')}; }`),
    ...changedStatics.map(({ name }) => `flush set ${table} ${name}`),
    ...changed.flatMap(filled),
    ...chains.fresh.map(
      ({ name, base }) => `add chain ${table} ${name}${base === '' ? '' : ` { ${base} }`}`,
    ),
    ...chains.written.flatMap(({ name, rules }) =>
      rules.map((rule) => `add rule ${table} ${name} ${rule}`),
    ),
  ];
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
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

interface ChainChanges {
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
  deadSets: readonly SetParts[],
): ChainChanges {
  const old = new Map(before.chains.map((chain) => [chain.name, chain]));
  const stays = new Set(
    next.chains.filter(({ name, base }) => old.get(name)?.base === base).map(({ name }) => name),
  );
  const dead = before.chains.filter(({ name }) => !stays.has(name)).map(({ name }) => name);
  const names = [
    ...deadSets.map(({ name }) => `@${name}`),
    ...dead.flatMap((name) => [`goto ${name}`, `jump ${name}`]),
  ];
  const kept = new Set(
    next.chains
      .filter(({ name, rules }) => stays.has(name) && same(old.get(name)!.rules, rules))
      .filter(({ rules }) => {
        const text = rules.join('\n');
        // `split` searches the first letter, a rare one; the engine's `includes` compares at each letter.
        return names.every((one) => text.split(one).length === 1);
      })
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

/** Compares texts of one line each. The engine joins hundreds of them in less time than a loop compares them. */
function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.join('\n') === b.join('\n');
}

/** `add element` needs a single line. */
function flat(elements: string): string {
  return elements.replace(/\s*\n\s*/g, ' ');
}

const WIDTH: { readonly [type in Datatype]?: number } = {
  ipv4: 4,
  ipv6: 16,
  raw: 4,
  ether: 6,
  mac32: 4,
  mac16: 2,
};

/** A field of a key: its type, and where its bytes begin and end. */
interface Field {
  readonly type: Datatype;
  readonly from: number;
  readonly end: number;
}

/** The fields of a key, and its length. Fields of a concatenation are padded to 4 bytes. */
function fieldsOf(types: readonly Datatype[]): {
  readonly fields: readonly Field[];
  readonly length: number;
} {
  let at = 0;
  const fields = types.map((type) => {
    const from = at;
    const width = WIDTH[type] ?? 0;
    at += types.length > 1 ? (width + 3) & ~3 : width;
    return { type, from, end: from + width };
  });
  return { fields, length: at };
}

/**
 * The held elements of a learned set as nft text, at most `size`: those with the longest remaining lifetime. Keys of
 * another width (from an older version) are skipped. Loops without functions: a set has thousands of elements.
 */
function heldText(set: SetParts, held: Held): string {
  const known = held.get(set.name) ?? [];
  if (known.length === 0) return '';
  const { fields, length } = fieldsOf(set.key);
  let elements = known.filter(({ key, left }) => key.length === length && left >= 1);
  if (elements.length > set.size) {
    elements = elements.sort((a, b) => b.left - a.left).slice(0, set.size);
  }
  let text = '';
  for (let at = 0; at < elements.length; at++) {
    const { key, left } = elements[at]!;
    text += `${at === 0 ? '' : ', '}${keyText(fields, bytesIn(key))} ${lifeText(set, left)}`;
  }
  return text;
}

function lifeText({ timeout }: SetParts, left: number): string {
  if (timeout === null) return `timeout ${duration(left)}`;
  return `expires ${duration(Math.min(left, timeout))}`;
}

function keyText(fields: readonly Field[], key: Uint8Array): string {
  let text = '';
  for (let at = 0; at < fields.length; at++) {
    const { type, from, end } = fields[at]!;
    if (at > 0) text += ' . ';
    if (type === 'ipv4') text += formatAddress(key, from, 4);
    else if (type === 'ipv6') text += formatAddress(key, from, 6);
    else if (type === 'ether') text += macText(key, from);
    else text += `0x${hexBytes(key.subarray(from, end))}`;
  }
  return text;
}
