// cli/columns: text for a terminal of 80 columns: sentences in lines, rows in columns. Pure.

import { splitFix } from '../syntax/fix.ts';
import type { Problem } from '../syntax/result.ts';

const COLUMNS = 80;
const INDENT = '  ';
/** Two blanks are between columns. */
const GAP = '  ';
/** A longer first cell, such as a flow of two long IPv6 addresses, has a line of its own. */
const LONGEST_FIRST = 47;
/** The last column stands beside the others if it has this room. */
const LEAST_LAST = 30;
/** A blank at which no line is broken. */
const TIED = '\u00a0';

/** `text` as one word: a flow or a command, which is copied as a whole. */
export function tied(text: string): string {
  return text.replaceAll(' ', TIED);
}

/** The lines of a text, which begin with `first`, then with `others`. A word longer than a line is cut, but for a tied
 * one or a path. */
export function wrapped(text: string, first = '', others = INDENT, width = COLUMNS): string[] {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.split(' ')) {
    const longer = isEmpty ? `${line}${word}` : `${line} ${word}`;
    if (longer.length <= width || isEmpty) line = longer;
    else {
      lines.push(line);
      line = `${others}${word}`;
    }
    isEmpty = false;
    const isWhole = word.includes(TIED) || word.startsWith('/');
    while (line.length > width && !isWhole) {
      lines.push(line.slice(0, width));
      line = `${others}${line.slice(width)}`;
    }
  }
  lines.push(line);
  return lines.map((one) => one.replaceAll(TIED, ' ').trimEnd());
}

/** Commands with "; " between them, each unbroken; as many on a line as fit. */
export function commandLines(fix: string, indent = INDENT): string[] {
  const commands = fix.split('; ');
  const parts = commands.map((one, at) => tied(at < commands.length - 1 ? `${one};` : one));
  return wrapped(parts.join(' '), indent, indent);
}

/** A problem of a file, a router or a command line: place and text, then the commands that end it. */
export function problemLines({ where, what, fix }: Problem, before = ''): string[] {
  const told = fix === undefined ? splitFix(what) : { what, fix };
  const place = where === '' ? '' : `${where}: `;
  const commands = told.fix === undefined ? [] : commandLines(told.fix);
  return [...wrapped(`${before}${place}${told.what}`), ...commands];
}

/** Cells of a row. The last is a text of any length, or lines of their own under the row. */
export type Row = readonly [
  ...cells: (string | number)[],
  last: string | number | readonly string[],
];

/** Rows in columns as wide as their widest cell, without the end of the last line. The last column is wrapped, or
 * stands under the row if there is no room beside it. */
export function table(rows: readonly Row[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    cellsOf(row).forEach((cell, at) => {
      if (at === 0 && cell.length > LONGEST_FIRST) return;
      widths[at] = Math.max(widths[at] ?? 0, cell.length);
    });
  }
  const start = widths.reduce((sum, width) => sum + width + GAP.length, 0);
  const isBeside = rows.every((row) => {
    const last = row[row.length - 1]!;
    return typeof last !== 'object' && fitsBeside(String(last), COLUMNS - start);
  });
  return rows.flatMap((row) => rowLines(row, widths, isBeside ? start : null)).join('\n');
}

/** In `room` columns, in several lines only if there is a good deal of room and no word has to be cut. */
function fitsBeside(text: string, room: number): boolean {
  if (text.length <= room) return true;
  return room >= LEAST_LAST && text.split(' ').every((word) => word.length <= room);
}

function cellsOf(row: Row): string[] {
  return row.slice(0, -1).map(String);
}

/** The cells in one line, or where they are too wide in several. */
function brokenCells(cells: readonly string[]): string[] {
  const lines = [cells[0] ?? ''];
  for (const cell of cells.slice(1)) {
    const longer = `${lines[lines.length - 1]}${GAP}${cell}`;
    if (longer.length <= COLUMNS) lines[lines.length - 1] = longer;
    else lines.push(...wrapped(cell.trimEnd(), INDENT));
  }
  return lines.map((one) => one.trimEnd());
}

/** `start`: where the last column begins; null: under the row. */
function rowLines(row: Row, widths: readonly number[], start: number | null): string[] {
  const cells = cellsOf(row);
  const last = row[row.length - 1]!;
  const isLong = (cells[0] ?? '').length > LONGEST_FIRST;
  const head = cells.map((cell, at) => (isLong && at === 0 ? '' : cell).padEnd(widths[at] ?? 0));
  const above = isLong ? [cells[0]!] : [];
  if (start === null || start > COLUMNS) above.push(...brokenCells(head));
  const line = start === null ? (above.pop() ?? '') : head.join(GAP);
  if (start === null) {
    const texts = typeof last === 'object' ? last : [String(last)];
    const under = texts.flatMap((text) => wrapped(text, INDENT, `${INDENT}${INDENT}`));
    return [...above, line.trimEnd(), ...under].filter((one) => one !== '');
  }
  const margin = ' '.repeat(start);
  const [first = '', ...more] = wrapped(String(last), '', '', COLUMNS - start);
  const beside = [line, first].filter((_, at) => at === 1 || cells.length > 0).join(GAP);
  return [...above, beside.trimEnd(), ...more.map((text) => `${margin}${text}`)];
}
