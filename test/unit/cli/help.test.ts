// cli/help: every page fits a terminal of 80 columns and 24 lines, and every command is listed.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMAND_NAMES } from '../../../agent/src/cli/commands.ts';
import { helpText } from '../../../agent/src/cli/help.ts';

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

test('the first page is in groups, in the order in which people look for a command', () => {
  const lines = page(null);
  const found = lines.flatMap((line) => (/^ /.test(line) ? line.trim().split(' ')[0]! : line));
  const at = found.indexOf('Looking:');
  assert.equal(found.slice(at, -1), [
    ...['Looking:', 'status', 'flows', 'why', 'learned', 'devices', 'monitor'],
    ...['Acting:', 'pause', 'resume', 'pin', 'unpin', 'forget', 'proxy'],
    ...['Configuring:', 'check', 'reload', 'profile'],
    ...['When something is wrong:', 'test', 'audit', 'diag'],
  ]);
});

test('every command is on one of the two pages, once', () => {
  const said = [...page(null), ...page('more')]
    .filter((line) => /^ {2}[a-z]/.test(line))
    .map((line) => line.trim().split(' ')[0]);
  for (const name of COMMAND_NAMES) assert.is(said.filter((one) => one === name).length, 1, name);
});

test('help on a command lists the options that are its own', () => {
  assert.match(page('flows').join('\n'), /--ended .*\n.*--recent .*\n.*--totals /);
  assert.match(page('check').join('\n'), /--explain /);
  assert.not.match(page('check').join('\n'), /--csv|--limit/);
});

test('help on an old spelling is that of the new one', () => {
  assert.is(helpText('log'), helpText('flows'));
  assert.is(helpText('counters'), helpText('flows'));
});

test('what is no topic is none', () => {
  assert.is(helpText('status2'), null);
  assert.is(helpText('toString'), null);
});

test.run();
