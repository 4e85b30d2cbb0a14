// cli/help: every page fits a terminal of 80 columns and 24 lines, and every command is listed.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMAND_NAMES } from '../../../agent/src/cli/commands.ts';
import { completionText, helpText } from '../../../agent/src/cli/help.ts';

function page(topic: string | null): string[] {
  return (helpText(topic) ?? assert.unreachable(`no page ${topic}`) ?? '').trimEnd().split('\n');
}

for (const topic of [null, 'more', ...COMMAND_NAMES]) {
  test(`help ${topic ?? ''} fits a terminal`, () => {
    const lines = page(topic);
    assert.ok(lines.length <= 24, `${lines.length} lines`);
    for (const line of lines) assert.ok(line.length <= 80, `${line.length}: ${line}`);
  });
}

test('every command is on one of the two pages', () => {
  const said = [...page(null), ...page('more')].map((line) => line.trim().split(' ')[0]);
  for (const name of COMMAND_NAMES) assert.ok(said.includes(name), name);
});

test('what is no topic is none', () => {
  assert.is(helpText('status2'), null);
  assert.is(helpText('toString'), null);
});

test('completion knows every command and the words of those that have some', () => {
  const text = completionText();
  for (const name of COMMAND_NAMES) assert.ok(text.includes(name), name);
  assert.ok(text.includes(`profile) words="${['list', 'show', 'validate', 'import'].join(' ')}"`));
});

test.run();
