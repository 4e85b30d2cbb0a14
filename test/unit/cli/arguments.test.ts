// cli/arguments: parses words to one command, or a problem that names the word.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readArguments } from '../../../agent/src/cli/arguments.ts';

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
  assert.is(problem('status', '--config'), '--config: needs a value: --config FILE');
  assert.is(problem('status', '--json=1'), '--json=1: takes no value');
  assert.is(problem('why'), 'whp why: needs ADDRESS|FLOW|NAME');
  assert.is(problem('status', 'x'), 'x: whp status takes no operand');
  assert.is(problem('check', 'a', 'b'), 'b: whp check takes [FILE]');
});

test('commands with words of their own', () => {
  const read = readArguments(['profile', 'show', 'skype', '--json']);
  assert.ok(read.ok && read.value.json);
  assert.equal(read.ok && read.value.words, ['show', 'skype']);
  assert.is(problem('profile'), 'whp profile: needs list|show|validate|import [..]');
  assert.is(problem('profile', 'shw'), 'shw: whp profile takes list, show, validate, import');
  assert.is(
    problem('profile', 'show'),
    'whp profile show: needs one word more; see whp help profile',
  );
  assert.is(problem('proxy', 'list', 'x'), 'x: whp proxy list takes no operand');
  assert.is(problem('proxy', 'use', 'a', 'b'), 'b: whp proxy takes list | use NAME|auto');
});

test('help on a command, in either order', () => {
  for (const words of [
    ['help', 'pause'],
    ['pause', '--help'],
  ]) {
    const read = readArguments(words);
    assert.ok(read.ok && read.value.name === 'help' && read.value.operand === 'pause');
  }
});

test('behind -- a word may begin with a hyphen', () => {
  const read = readArguments(['check', '--', '--x']);
  assert.ok(read.ok && read.value.operand === '--x');
});

test.run();
