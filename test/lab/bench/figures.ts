// The figures of the benchmark: one reading a run, merged into the median with the least and the greatest, each with
// its limit, and beside it what the same costs another way. Pure.
import { number } from '../../../scripts/lib/number.mjs';

/** What else was measured in the same run: without the agent, or what a user would take in its place. */
export interface Beside {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
}

export interface Limit {
  readonly limit: number;
  readonly kind: 'most' | 'least';
}

/** One figure of one run. */
export interface Reading {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The promised limit; null: for comparison only. */
  readonly budget: Limit | null;
  readonly beside: readonly Beside[];
  /** How the value was measured, in a few words. */
  readonly note: string;
  /** The question of an owner that it answers, for README; null: it is for engineers. */
  readonly question: string | null;
}

/** All runs: the value is the median. */
export interface Figure extends Reading {
  readonly least: number;
  readonly most: number;
  readonly runs: number;
  /** Whether the median is within its budget; null: there is no budget. */
  readonly kept: boolean | null;
}

interface More {
  readonly atMost?: number;
  readonly atLeast?: number;
  readonly beside?: readonly Beside[];
  readonly note?: string;
  readonly question?: string;
}

export function reading(name: string, value: number, unit: string, more: More = {}): Reading {
  const { atMost, atLeast, beside = [], note = '', question = null } = more;
  const budget: Limit | null =
    atMost !== undefined
      ? { limit: atMost, kind: 'most' }
      : atLeast !== undefined
        ? { limit: atLeast, kind: 'least' }
        : null;
  return { name, value, unit, budget, beside, note, question };
}

export function beside(what: string, value: number, unit: string): Beside {
  return { what, value, unit };
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The readings of all runs, by name in order of appearance. The note is that of the run nearest to the median. */
export function merge(runs: readonly (readonly Reading[])[]): Figure[] {
  const byName = new Map<string, Reading[]>();
  for (const one of runs.flat()) {
    byName.set(one.name, [...(byName.get(one.name) ?? []), one]);
  }
  return [...byName.values()].map((readings) => {
    const values = readings.map(({ value }) => value);
    const value = median(values);
    const distance = (one: Reading): number => Math.abs(one.value - value);
    const nearest = readings.reduce((a, b) => (distance(b) < distance(a) ? b : a));
    const others = nearest.beside.map((one, at) => ({
      ...one,
      value: median(readings.map((each) => each.beside[at]?.value ?? Number.NaN)),
    }));
    return {
      ...nearest,
      value,
      beside: others,
      least: Math.min(...values),
      most: Math.max(...values),
      runs: values.length,
      kept: isKept(value, nearest.budget),
    };
  });
}

function isKept(value: number, budget: Limit | null): boolean | null {
  if (budget === null) return null;
  return budget.kind === 'most' ? value <= budget.limit : value >= budget.limit;
}

/** The printed table, which is also valid Markdown. */
export function tableText(figures: readonly Figure[]): string {
  const head = ['figure', 'median', 'least - most', 'limit', '', 'beside it'];
  const rows = figures.map(({ name, value, unit, least, most, budget, kept, ...rest }) => {
    const sign = budget?.kind === 'most' ? '<=' : '>=';
    const limit = budget === null ? '' : `${sign} ${budget.limit} ${unit}`;
    const verdict = { true: 'kept', false: 'OVER', null: '' }[String(kept) as 'true'];
    const others = rest.beside.map((one) => `${one.what} ${number(one.value)} ${one.unit}`);
    return [
      name,
      `${number(value)} ${unit}`,
      `${number(least)} - ${number(most)}`,
      limit,
      verdict,
      [...others, rest.note].filter((text) => text !== '').join('; '),
    ];
  });
  const widths = head.map((cell, at) => Math.max(cell.length, ...rows.map((r) => r[at]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
