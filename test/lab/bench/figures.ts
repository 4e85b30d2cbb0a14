// The figures of the benchmark's table from the measurements, each with its budget and whether it is kept.
import type { Forwarding } from './forward.ts';

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The promised limit; null: for comparison only. */
  readonly budget: { readonly limit: number; readonly kind: 'most' | 'least' } | null;
  /** How the value was measured, in a few words. */
  readonly note: string;
}

export function figure(name: string, value: number, unit: string, note = ''): Figure {
  return { name, value, unit, budget: null, note };
}

type Budgeted = (limit: number, name: string, value: number, unit: string, note?: string) => Figure;

const budgeted =
  (kind: 'most' | 'least'): Budgeted =>
  (limit, name, value, unit, note = '') => ({ name, value, unit, budget: { limit, kind }, note });

export const atMost = budgeted('most');
export const atLeast = budgeted('least');

/** Whether the value is within its budget; null: there is no budget. */
export function kept({ value, budget }: Figure): boolean | null {
  if (budget === null) return null;
  return budget.kind === 'most' ? value <= budget.limit : value >= budget.limit;
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Forwarding in percent of that without the agent: the median of the pairs, with the least and the
 * greatest. */
export function forwardingFigure({ path, load, pairs, idle }: Forwarding): Figure {
  const ratios = pairs.map((pair) => (100 * pair.with) / pair.without);
  const unit = load === 'tcp' ? 'Mbit/s' : 'packets/s';
  const typical = (side: 'with' | 'without'): string =>
    median(pairs.map((pair) => pair[side])).toFixed(0);
  const spread = `${Math.min(...ratios).toFixed(1)} to ${Math.max(...ratios).toFixed(1)}`;
  const note = `${spread} in ${pairs.length} pairs; ${typical('with')} beside ${typical('without')} ${unit}; router idle ${(idle * 100).toFixed(0)} %`;
  const how = load === 'tcp' ? 'TCP' : 'UDP 64 B';
  const where = path === 'direct' ? 'direct' : 'in the tunnel, beside plain GRE';
  return atLeast(97, `forwarding with the table: ${how} ${where}`, median(ratios), '%', note);
}

function number(value: number): string {
  if (!Number.isFinite(value)) return 'none';
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

/** The printed table, which is also valid Markdown. */
export function tableText(figures: readonly Figure[]): string {
  const head = ['figure', 'value', 'budget', '', 'note'];
  const rows = figures.map((one) => {
    const sign = one.budget?.kind === 'most' ? '<=' : '>=';
    const budget = one.budget === null ? '' : `${sign} ${one.budget.limit} ${one.unit}`;
    const verdict = { true: 'ok', false: 'OVER', null: '' }[String(kept(one)) as 'true'];
    return [one.name, `${number(one.value)} ${one.unit}`, budget, verdict, one.note];
  });
  const widths = head.map((cell, at) => Math.max(cell.length, ...rows.map((r) => r[at]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
