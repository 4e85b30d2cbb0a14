// docs/cli.md against the command table: exactly its commands and options, with their arguments and purposes;
// and the program accepts every command of the table.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  COMMAND_NAMES,
  COMMANDS,
  EXITS,
  GROUPS,
  OLD_SPELLINGS,
  OPTIONS,
} from '../../agent/src/cli/commands.ts';
import type { EvidenceKind } from '../../agent/src/learn/evidence.ts';

const text = readFileSync('docs/cli.md', 'utf8');
const headings = [...text.matchAll(/^### `whp ([^`]+)`$/gm)].map(([, words]) => words!);

/** The text below a heading on one line. */
function under(heading: string): string {
  const from = text.indexOf(`### \`whp ${heading}\`\n`);
  const rest = text.slice(from).split('\n').slice(1).join('\n');
  return rest.split(/^##/m)[0]!.replace(/\s+/g, ' ');
}

test('all commands, each with its operands, and no other', () => {
  const wanted = COMMAND_NAMES.map((name) => `${name} ${COMMANDS[name].operand}`.trim());
  assert.equal([...headings].sort(), wanted.sort());
});

test('the commands are in the groups of the help page, in the same order', () => {
  const sections = text.split(/^## /m).map((section) => {
    const names = [...section.matchAll(/^### `whp ([a-z]+)/gm)].map(([, name]) => name);
    return [section.split('\n')[0]!, ...names];
  });
  const wanted = GROUPS.map((group) => [
    group,
    ...COMMAND_NAMES.filter((name) => COMMANDS[name].group === group),
  ]);
  assert.equal(
    sections.filter(([title]) => (GROUPS as readonly (string | undefined)[]).includes(title)),
    wanted,
  );
});

test('every old spelling is there with the new one', () => {
  for (const [old, now] of Object.entries(OLD_SPELLINGS))
    assert.match(text, new RegExp(`^\\| \`${old}\`.* \\| \`whp ${now}\``, 'm'));
});

/** The compiler knows whether one is missing. */
const KINDS: Readonly<Record<EvidenceKind | 'unknown', true>> = {
  range: true,
  addr: true,
  hello: true,
  port: true,
  peer: true,
  window: true,
  mapping: true,
  request: true,
  late: true,
  inbound: true,
  unknown: true,
};

test('every kind of evidence that is printed is explained', () => {
  const rows = under(`flows ${COMMANDS.flows.operand}`);
  for (const kind of Object.keys(KINDS)) assert.match(rows, `| \`${kind}\` |`);
});

for (const name of COMMAND_NAMES) {
  test(`${name}: says what its help says`, () => {
    const { operand, says } = COMMANDS[name];
    const said = under(`${name} ${operand}`.trim()).toLowerCase();
    assert.ok(said.includes(says.toLowerCase()), `"${says}" is not in: ${said}`);
  });
}

test('all options and exit statuses, and no other', () => {
  const rows = [...text.matchAll(/^\| `--([^`]+)` \| (.*) \|$/gm)].map(([, flag, says]) => [
    flag,
    says,
  ]);
  assert.equal(
    rows,
    OPTIONS.map(({ name, value, says }) => [`${name} ${value}`.trim(), says]),
  );
  const exits = [...text.matchAll(/^\| (\d) \| (.*) \|$/gm)].map(([, status, says]) => [
    Number(status),
    says,
  ]);
  assert.equal(
    exits,
    EXITS.map(([status, says]) => [status, says]),
  );
});

test.run();
