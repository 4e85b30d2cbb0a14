// ruleset/transaction: the transactions of ruleset/parts and ruleset/difference as nft text, for `whp ruleset`.

import { formatAddress } from '../wire/address.ts';
import { macText } from '../wire/mac.ts';
import { differenceOf } from './difference.ts';
import type { Datatype } from './model.ts';
import {
  type ChainParts,
  type CounterValues,
  type Held,
  heldElements,
  type SetParts,
  type TableParts,
  WIDTH,
  widthOf,
} from './parts.ts';

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
  const body = [
    ...next.counters.map((name) => `counter ${name} { ${countsText(counts, name)}}`),
    ...next.sets.flatMap((set) => setBlock(set, set.elements ?? heldText(set, held))),
    ...next.chains.flatMap(chainBlock),
  ];
  // `add` first, so that `delete` succeeds without a table.
  const head = [`add ${table}`, `delete ${table}`, `${table} {`];
  return `${[...head, ...body.map((line) => `  ${line}`), '}'].join('\n')}\n`;
}

function countsText(counts: CounterValues, name: string): string {
  const counted = counts.get(name);
  return counted === undefined ? '' : `packets ${counted.packets} bytes ${counted.bytes} `;
}

function setBlock(set: SetParts, elements: string): string[] {
  return [
    `set ${set.name} {`,
    ...set.shape.map((line) => `  ${line}`),
    ...(elements === '' ? [] : ['  elements = {', `    ${elements}`, '  }']),
    '}',
  ];
}

function chainBlock(chain: ChainParts): string[] {
  return [
    `chain ${chain.name} {`,
    ...(chain.base === '' ? [] : [`  ${chain.base}`]),
    ...chain.rules.map((rule) => `  ${rule}`),
    '}',
  ];
}

/** The transaction from the loaded table to the next one; '' if nothing differs. */
export function reloadText(before: TableParts, next: TableParts, held: Held = NOTHING): string {
  const table = `inet ${next.table}`;
  const { chains, deadSets, deadCounters, freshCounters, freshSets, changedSets } = differenceOf(
    before,
    next,
  );
  const filled = (set: SetParts): string[] => {
    const elements = set.elements ?? heldText(set, held);
    return elements === '' ? [] : [`add element ${table} ${set.name} { ${flat(elements)} }`];
  };
  const lines = [
    ...chains.flushed.map((name) => `flush chain ${table} ${name}`),
    ...chains.dead.map((name) => `delete chain ${table} ${name}`),
    ...deadSets.map((name) => `delete set ${table} ${name}`),
    ...deadCounters.map((name) => `delete counter ${table} ${name}`),
    ...freshCounters.map((name) => `add counter ${table} ${name}`),
    ...freshSets.map((set) => `add set ${table} ${set.name} { ${set.shape.join('; ')}; }`),
    ...changedSets.map(({ name }) => `flush set ${table} ${name}`),
    ...[...changedSets, ...freshSets].flatMap(filled),
    ...chains.fresh.map(
      ({ name, base }) => `add chain ${table} ${name}${base === '' ? '' : ` { ${base} }`}`,
    ),
    ...chains.written.flatMap(({ name, rules }) =>
      rules.map((rule) => `add rule ${table} ${name} ${rule}`),
    ),
  ];
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** `add element` needs a single line. */
function flat(elements: string): string {
  return elements.replace(/\s*\n\s*/g, ' ');
}

/** The same as nft text. */
function heldText(set: SetParts, held: Held): string {
  return heldElements(set, held)
    .map(({ key, timeout, left }) => {
      const life =
        timeout === undefined ? `expires ${duration(left!)}` : `timeout ${duration(timeout)}`;
      return `${keyText(set.key, key)} ${life}`;
    })
    .join(', ');
}

function keyText(types: readonly Datatype[], key: Uint8Array): string {
  let at = 0;
  const parts = types.map((type) => {
    const from = at;
    at += widthOf(types, type);
    if (type === 'ether') return macText(key, from);
    if (type === 'ipv4' || type === 'ipv6')
      return formatAddress(key, from, type === 'ipv4' ? 4 : 6);
    const bytes = key.subarray(from, from + WIDTH[type]!);
    return `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  });
  return parts.join(' . ');
}
