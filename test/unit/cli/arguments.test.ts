// cli/arguments: parses words to one command, or a problem that names the word.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readArguments } from '../../../agent/src/cli/arguments.ts';
import { COMMAND_NAMES, COMMANDS } from '../../../agent/src/cli/commands.ts';
import { requestOf } from '../../../agent/src/cli/print.ts';

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
  assert.is(problem('status', '--jsn'), '--jsn: no such option; did you mean --json?');
  assert.is(problem('status', '--config'), '--config: needs a value: --config FILE');
  assert.is(problem('status', '--json=1'), '--json=1: takes no value');
  assert.is(problem('why'), 'whp why: needs ADDRESS|FLOW|NAME');
  assert.is(problem('status', '--colour'), '--colour: no such option; whp help lists them');
  assert.is(problem('status', 'x'), 'x: whp status takes no operand');
  assert.is(problem('check', 'a', 'b'), 'b: whp check takes [FILE]');
});

test('commands with words of their own', () => {
  const read = readArguments(['profile', 'show', 'skype', '--json']);
  assert.ok(read.ok && read.value.json);
  assert.equal(read.ok && read.value.words, ['show', 'skype']);
  assert.is(problem('profile', 'shw'), 'shw: whp profile takes list, show, validate, import');
  assert.is(
    problem('profile', 'show'),
    'whp profile show: needs one word more; see whp help profile',
  );
  assert.is(problem('proxy', 'list', 'x'), 'x: whp proxy list takes no operand');
  assert.is(problem('proxy', 'use', 'a', 'b'), 'b: whp proxy takes [list|use NAME|auto]');
  assert.is(problem('pin', 'list', 'x'), 'x: whp pin list takes no operand');
});

test('without a word, what has lists is listed', () => {
  for (const name of ['pin', 'proxy']) assert.equal(request(name), request(name, 'list'), name);
  // cli/profile lists for any word that is none of the others.
  assert.ok(readArguments(['profile']).ok);
});

function request(...words: string[]): unknown {
  const read = readArguments(words);
  return read.ok ? requestOf(read.value) : problem(...words);
}

test('one command shows flows: open, ended, of the last hour, and their totals', () => {
  assert.equal(request('flows'), { method: 'flows', limit: 100 });
  assert.equal(request('flows', '--ended'), { method: 'log', limit: 100 });
  assert.equal(request('flows', '--ended', '--csv'), { method: 'log', operand: 'csv', limit: 100 });
  assert.equal(request('--recent', 'flows'), { method: 'evidence', limit: 100 });
  assert.equal(request('flows', '--totals'), { method: 'counters', limit: 100 });
  assert.equal(request('flows', '--totals', 'app', 'skype', 'week'), {
    method: 'counters',
    limit: 100,
    operand: 'app skype week',
  });
  assert.is(
    problem('flows', '--ended', '--totals'),
    '--totals: whp flows takes one of --ended, --recent, --totals',
  );
  assert.is(problem('flows', 'skype'), 'skype: whp flows takes an operand with --totals only');
  assert.is(problem('flows', '--ended', 'x'), 'x: whp flows takes an operand with --totals only');
  assert.is(
    problem('flows', '--totals', 'ap'),
    'ap: a subject is app NAME, device ADDRESS or proxy NAME',
  );
  assert.is(
    problem('flows', '--totals', 'app'),
    'app: a subject is app NAME, device ADDRESS or proxy NAME',
  );
  assert.is(
    problem('flows', '--totals', 'app', 'skype', 'decade'),
    'decade: a range is hour, day, week, month, year',
  );
});

test('an old spelling is read as the new one, and says so', () => {
  for (const [old, now] of [
    ['log', 'flows --ended'],
    ['log --csv --json', 'flows --ended --csv --json'],
    ['log --limit 7', 'flows --ended --limit 7'],
    ['evidence', 'flows --recent'],
    ['counters', 'flows --totals'],
    ['--json counters device 192.168.1.11 day', 'flows --totals device 192.168.1.11 day --json'],
  ] as const) {
    const [before, after] = [readArguments(old.split(' ')), readArguments(now.split(' '))];
    assert.ok(before.ok && after.ok, old);
    if (!before.ok || !after.ok) continue;
    assert.is(after.value.hint, null);
    const said = now.split(' ').slice(0, 2).join(' ');
    assert.match(before.value.hint ?? '', `is whp ${said} now`);
    assert.equal({ ...before.value, hint: null }, after.value);
  }
});

test('an option that means nothing to a command is refused, and its own command named', () => {
  assert.is(problem('status', '--csv'), '--csv: whp status takes no --csv; whp flows --ended does');
  assert.is(problem('flows', '--csv'), '--csv: whp flows takes no --csv; whp flows --ended does');
  assert.is(
    problem('log', '--explain'),
    '--explain: whp flows --ended takes no --explain; whp check does',
  );
  assert.is(
    problem('check', '--lan', '10.0.0.0/8'),
    '--lan: whp check takes no --lan; whp replay does',
  );
  assert.is(
    problem('why', '192.0.2.1', '--quiet'),
    '--quiet: whp why takes no --quiet; whp status does',
  );
  assert.is(problem('devices', '--ended'), '--ended: whp devices takes no --ended; whp flows does');
  assert.is(
    problem('flows', '--totals', '--limit', '5'),
    '--limit: whp flows --totals takes no --limit; whp flows, flows --ended, flows --recent, learned do',
  );
  assert.is(problem('profile', '--sources'), '--sources: belongs to whp profile show NAME');
  const show = readArguments(['profile', 'show', 'skype', '--sources']);
  assert.ok(show.ok && show.value.sources);
  assert.match(problem('daemon', '--json'), /^--json: whp daemon takes no --json/);
  // Which installation is meant can be said to every command.
  for (const name of COMMAND_NAMES) {
    const { least } = COMMANDS[name];
    const operands = name === 'why' ? ['192.0.2.1'] : Array(least).fill('x');
    const read = readArguments([name, ...operands, '--config', 'f', '--socket', 's']);
    assert.ok(read.ok, name);
  }
});

test('an option beside a request for help is not judged', () => {
  const read = readArguments(['status', '--csv', '--help']);
  assert.ok(read.ok && read.value.name === 'help' && read.value.operand === 'status');
});

test('-v is --version', () => {
  for (const word of ['-v', '--version']) {
    const read = readArguments([word]);
    assert.ok(read.ok && read.value.name === 'version', word);
  }
});

test('words of other programs are answered with the right ones', () => {
  for (const word of ['start', 'stop', 'restart', 'enable', 'disable'])
    assert.is(problem(word), `${word}: no such command; the service: /etc/init.d/whp ${word}`);
  assert.is(problem('config'), 'config: no such command; whp help lists them');
  assert.is(problem('flow'), 'flow: no such command; did you mean flows? whp help lists them');
  // An old spelling is not proposed.
  assert.is(problem('lgo'), 'lgo: no such command; whp help lists them');
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
