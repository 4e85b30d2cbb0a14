// The tables of `npm run scale`, for its output and for docs/benchmarks.md.
import { number } from './number.mjs';
import { table } from './table.mjs';

const count = (value) => value.toLocaleString('en-US');

/** "x2.1 (0.9)": how many times as much, and the bend; bold: faster than n log n. */
function growthText({ ratio, grows, bend, isWorse }) {
  if (!grows) return 'no';
  const text = bend === null ? `x${number(ratio)}` : `x${number(ratio)} (${number(bend)})`;
  return isWorse ? `**${text}**` : text;
}

/** How each figure of the agent grows from a quarter of the home to the full one, in one dimension at a time. */
export function scaleTable({ full, figures }) {
  const dimensions = Object.keys(figures[0].growth);
  const head = [
    'figure',
    'full home',
    'least - most',
    ...dimensions.map((one) => {
      const { points, bound } = figures[0].growth[one];
      return `${count(points[0].size)} to ${count(full[one])} ${one} (n log n: x${number(bound)})`;
    }),
  ];
  const rows = figures.map(({ name, value, unit, least, most, growth }) => [
    name,
    `${number(value)} ${unit}`,
    `${number(least)} - ${number(most)}`,
    ...dimensions.map((one) => growthText(growth[one])),
  ]);
  return table(head, rows);
}

/** What the table costs the kernel. */
export function kernelTable({ kernel }) {
  const rows = kernel.map(({ name, value, unit, least, most, beside }) => [
    name,
    `${count(Math.round(value / 100) * 100)} ${unit}`,
    `${count(Math.round(least / 100) * 100)} - ${count(Math.round(most / 100) * 100)}`,
    beside.map((one) => `${one.what} ${number(one.value)} ${one.unit}`).join('; '),
  ]);
  return table(['', 'median', 'least - most', 'beside no table'], rows);
}
