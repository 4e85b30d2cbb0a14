// cli/text-test: a line of `whp test` for a terminal of 80 columns, or as an object. Pure.
import type { TestLine } from '../answers/test.ts';

const MARKS = { ok: 'ok ', wrong: '!  ', note: '-  ' } as const;
const INDENT = '    ';
const COLUMNS = 80;

/** `json`: one object. A command to type stands on a line of its own, unbroken. */
export function testLineText(one: TestLine, json: boolean): string {
  if (json) return `${JSON.stringify(one)}\n`;
  const { subject, state, text, fix } = one;
  const rows = [`${MARKS[state]} ${subject}:`];
  for (const word of text.split(' ')) {
    const longer = `${rows.at(-1)} ${word}`;
    if (longer.length <= COLUMNS) rows[rows.length - 1] = longer;
    else rows.push(`${INDENT}${word}`);
  }
  if (fix !== undefined) rows.push(`${INDENT}${fix}`);
  return `${rows.join('\n')}\n`;
}
