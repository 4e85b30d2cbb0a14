// control/arguments: words in, one command or a problem that names the word.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { helpText, readArguments } from '../../../agent/src/control/arguments.ts';

function problem(...words: string[]): string {
  const read = readArguments(words);
  if (read.ok) throw new Error(`accepted: ${words.join(' ')}`);
  return `${read.problems[0]!.where}: ${read.problems[0]!.what}`;
}

test('a command with its operand and options in any order', () => {
  const read = readArguments(['--json', 'why', '192.0.2.1', '--socket=/tmp/s', '--config', 'f']);
  assert.ok(read.ok);
  if (!read.ok) return;
  assert.is(read.value.name, 'why');
  assert.is(read.value.operand, '192.0.2.1');
  assert.is(read.value.json, true);
  assert.is(read.value.socket, '/tmp/s');
  assert.is(read.value.config, 'f');
});

test('a flow may be several words', () => {
  const read = readArguments(['why', 'udp', '192.168.1.11:13021', '198.51.100.7:443']);
  assert.ok(read.ok && read.value.operand === 'udp 192.168.1.11:13021 198.51.100.7:443');
});

test('nothing at all is help', () => {
  const read = readArguments([]);
  assert.ok(read.ok && read.value.name === 'help');
});

test('wrong words are named', () => {
  assert.is(problem('stat'), 'stat: no such command; did you mean status? whp help lists them');
  assert.is(problem('status', '--jsn'), '--jsn: no such option; whp help lists them');
  assert.is(problem('status', '--config'), '--config: needs a value');
  assert.is(problem('why'), 'whp why: needs ADDRESS|FLOW');
  assert.is(problem('status', 'x'), 'x: whp status takes no operand');
  assert.is(problem('check', 'a', 'b'), 'b: whp check takes one operand');
});

test('help fits a terminal', () => {
  for (const line of helpText().split('\n')) assert.ok(line.length <= 80, line);
});

test.run();
