// ruleset/transaction: the table as text in its parts, which is what a later transaction is measured
// against: the agent keeps the parts of the table that stands and, across a restart, on file. From
// two of them comes the one transaction that touches only what differs. Before: render. After: nft.

import { formatAddress } from '../wire/address.ts';
import { macText } from '../wire/mac.ts';
import type { Datatype } from './model.ts';

export interface StandingSet {
  readonly name: string;
  /** Properties as nft writes them, one each. */
  readonly shape: readonly string[];
  readonly key: readonly Datatype[];
  /** Elements as text; null: they come from packets and from the agent. */
  readonly elements: string | null;
  /** Learned sets: an element's own timeout if it brings none, milliseconds; null: it brings one. */
  readonly timeout: number | null;
  readonly size: number;
}

export interface StandingChain {
  readonly name: string;
  /** Hook and policy; '' for a chain that others go to. */
  readonly base: string;
  readonly rules: readonly string[];
}

/** Chains in an order in which each can be written: those that others go to come first. */
export interface Standing {
  readonly table: string;
  readonly counters: readonly string[];
  readonly sets: readonly StandingSet[];
  readonly chains: readonly StandingChain[];
}

/** A learned element and how long it still holds, milliseconds. */
export interface HeldElement {
  readonly key: Uint8Array;
  readonly left: number;
}

/** What is known of the learned sets, by name. */
export type Held = ReadonlyMap<string, readonly HeldElement[]>;

/** What the counters have counted, by name. */
export type Counts = ReadonlyMap<string, { readonly packets: number; readonly bytes: number }>;

const NOTHING: Held = new Map();
const NONE: Counts = new Map();

/** nft reads `1s500ms`, not fractions. */
export function duration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const rest = Math.floor(milliseconds % 1000);
  return `${seconds > 0 ? `${seconds}s` : ''}${rest > 0 || seconds === 0 ? `${rest}ms` : ''}`;
}

/** The first load: whatever stood under our name is replaced; `held` is in it from the start, and counters
 * go on from `counts`. */
export function loadText(next: Standing, held: Held = NOTHING, counts: Counts = NONE): string {
  const table = `table inet ${next.table}`;
  const body = [
    ...next.counters.map((name) => `counter ${name} { ${countsText(counts, name)}}`),
    ...next.sets.flatMap((set) => setBlock(set, set.elements ?? heldText(set, held))),
    ...next.chains.flatMap(chainBlock),
  ];
  // Adding first makes deleting safe when there is none yet.
  const head = [`add ${table}`, `delete ${table}`, `${table} {`];
  return `${[...head, ...body.map((line) => `  ${line}`), '}'].join('\n')}\n`;
}

function countsText(counts: Counts, name: string): string {
  const counted = counts.get(name);
  return counted === undefined ? '' : `packets ${counted.packets} bytes ${counted.bytes} `;
}

function setBlock(set: StandingSet, elements: string): string[] {
  return [
    `set ${set.name} {`,
    ...set.shape.map((line) => `  ${line}`),
    ...(elements === '' ? [] : ['  elements = {', `    ${elements}`, '  }']),
    '}',
  ];
}

function chainBlock(chain: StandingChain): string[] {
  return [
    `chain ${chain.name} {`,
    ...(chain.base === '' ? [] : [`  ${chain.base}`]),
    ...chain.rules.map((rule) => `  ${rule}`),
    '}',
  ];
}

/**
 * From the table that stands to the next in one transaction that touches only what differs: rules
 * of a chain that reads the same, learned elements and counters stay as they are. A learned set
 * whose shape changes is made anew with what is `held`. '' when nothing differs. A packet sees the
 * old table or the new, never none.
 */
export function reloadText(before: Standing, next: Standing, held: Held = NOTHING): string {
  const table = `inet ${next.table}`;
  const oldSets = new Map(before.sets.map((set) => [set.name, set]));
  const fits = ({ name, shape }: StandingSet) => same(oldSets.get(name)?.shape ?? [], shape);
  const staying = next.sets.filter(fits);
  const names = new Set(staying.map(({ name }) => name));
  const deadSets = before.sets.filter(({ name }) => !names.has(name));
  const freshSets = next.sets.filter(({ name }) => !names.has(name));
  const chains = chainChanges(before, next, deadSets);
  const changedStatics = staying.filter(
    ({ name, elements }) => elements !== null && oldSets.get(name)!.elements !== elements,
  );
  const filled = (set: StandingSet): string[] => {
    const elements = set.elements ?? heldText(set, held);
    return elements === '' ? [] : [`add element ${table} ${set.name} { ${flat(elements)} }`];
  };
  const lines = [
    ...chains.flushed.map((name) => `flush chain ${table} ${name}`),
    ...chains.dead.map((name) => `delete chain ${table} ${name}`),
    ...deadSets.map(({ name }) => `delete set ${table} ${name}`),
    ...without(before.counters, next.counters).map((name) => `delete counter ${table} ${name}`),
    ...without(next.counters, before.counters).map((name) => `add counter ${table} ${name}`),
    ...freshSets.map((set) => `add set ${table} ${set.name} { ${set.shape.join('; ')}; }`),
    ...changedStatics.map(({ name }) => `flush set ${table} ${name}`),
    ...[...changedStatics, ...freshSets].flatMap(filled),
    ...chains.fresh.map(
      ({ name, base }) => `add chain ${table} ${name}${base === '' ? '' : ` { ${base} }`}`,
    ),
    ...chains.written.flatMap(({ name, rules }) =>
      rules.map((rule) => `add rule ${table} ${name} ${rule}`),
    ),
  ];
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** Learned sets of `before` that `next` has in another shape: a reload makes them anew. */
export function reshapedSets(before: Standing, next: Standing): string[] {
  const old = new Map(before.sets.map(({ name, shape }) => [name, shape]));
  return next.sets
    .filter(
      ({ name, elements, shape }) => elements === null && !same(old.get(name) ?? shape, shape),
    )
    .map(({ name }) => name);
}

interface ChainChanges {
  /** Emptied: to be written again, or deleted. */
  readonly flushed: readonly string[];
  readonly dead: readonly string[];
  readonly fresh: readonly StandingChain[];
  readonly written: readonly StandingChain[];
}

/** A rule that names a set or a chain that goes has to go first, even where it reads the same. */
function chainChanges(
  before: Standing,
  next: Standing,
  deadSets: readonly StandingSet[],
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
      .filter(
        // Mostly nothing has died, and there are hundreds of rules.
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

/** `add element` takes one line. */
function flat(elements: string): string {
  return elements.replace(/\s*\n\s*/g, ' ');
}

const WIDTH: { readonly [type in Datatype]?: number } = { ipv4: 4, ipv6: 16, raw: 4, ether: 6 };

/** Every field of a longer key is padded to 4 bytes. */
function widthOf(types: readonly Datatype[], type: Datatype): number {
  const width = WIDTH[type] ?? 0;
  return types.length > 1 ? (width + 3) & ~3 : width;
}

/** The elements held for a learned set as nft reads them, the longest-lived first, at most as many
 * as fit; keys of another width (a set of that name from an older version) are left out. */
function heldText(set: StandingSet, held: Held): string {
  const elements = held.get(set.name) ?? [];
  const width = set.key.reduce((sum, type) => sum + widthOf(set.key, type), 0);
  return elements
    .filter(({ key, left }) => key.length === width && left >= 1)
    .sort((a, b) => b.left - a.left)
    .slice(0, set.size)
    .map(({ key, left }) => `${keyText(set.key, key)} ${lifeText(set, left)}`)
    .join(', ');
}

function lifeText({ timeout }: StandingSet, left: number): string {
  if (timeout === null) return `timeout ${duration(left)}`;
  return `expires ${duration(Math.min(left, timeout))}`;
}

function keyText(types: readonly Datatype[], key: Uint8Array): string {
  let at = 0;
  const parts = types.map((type) => {
    const from = at;
    at += widthOf(types, type);
    if (type === 'ether') return macText(key, from);
    if (type !== 'raw') return formatAddress(key, from, type === 'ipv4' ? 4 : 6);
    return `0x${Array.from(key.subarray(from, at), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  });
  return parts.join(' . ');
}
