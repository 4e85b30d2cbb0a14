// cli/text-test: a line of `whp test` for a terminal of 80 columns, or as an object. Pure.
import type { TestLine } from '../answers/test.ts';
import { commandLines, wrapped } from './columns.ts';

const MARKS = { ok: 'ok ', wrong: '!  ', note: '-  ' } as const;
const INDENT = '    ';

/** `json`: one object. A command to type stands on a line of its own, unbroken. */
export function testLineText(one: TestLine, json: boolean): string {
  if (json) return `${JSON.stringify(one)}\n`;
  const { subject, state, text, fix } = one;
  const rows = wrapped(`${subject}: ${text}`, `${MARKS[state]} `, INDENT);
  if (fix !== undefined) rows.push(...commandLines(fix, INDENT));
  return `${rows.join('\n')}\n`;
}
