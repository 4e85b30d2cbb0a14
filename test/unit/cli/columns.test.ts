// cli/columns: sentences and rows in 80 columns; what is copied stays whole.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandLines, table, tied, wrapped } from '../../../agent/src/cli/columns.ts';

const words = (count: number, word = 'address'): string => Array(count).fill(word).join(' ');

test('a text is broken at blanks, and goes on indented', () => {
  const lines = wrapped(words(30));
  assert.ok(lines.every((line) => line.length <= 80));
  assert.is(lines.join(' ').replace(/ +/g, ' '), words(30));
  assert.ok(lines.slice(1).every((line) => line.startsWith('  a')));
  assert.equal(wrapped('indented', '  '), ['  indented']);
  assert.equal(wrapped(''), ['']);
});

test('a word that is longer than a line is cut, but for one that is copied', () => {
  const long = 'x'.repeat(200);
  assert.ok(wrapped(`a ${long} b`).every((line) => line.length <= 80));
  assert.is(
    wrapped(long)
      .map((line) => line.trim())
      .join(''),
    long,
  );
  const flow = `udp ${'1'.repeat(60)} ${'2'.repeat(60)}`;
  const path = `/${'x'.repeat(90)}`;
  assert.equal(wrapped(`of ${path}`), ['of', `  ${path}`]);
  assert.equal(wrapped(`of ${tied(flow)} it`), ['of', `  ${flow}`, '  it']);
});

test('commands stand alone, each unbroken', () => {
  assert.equal(commandLines('whp check'), ['  whp check']);
  const sets = "uci set whp.globals.dns_reject_dot='1'";
  assert.equal(commandLines(`${sets}; ${sets}; uci commit whp; whp reload`), [
    `  ${sets};`,
    `  ${sets}; uci commit whp; whp reload`,
  ]);
});

test('the last column is wrapped beside the others, or stands below', () => {
  assert.is(
    table([
      ['a', 'b'],
      ['long', 'c'],
    ]),
    'a     b\nlong  c',
  );
  const beside = table([['app', words(20)]]).split('\n');
  assert.ok(beside.length > 1 && beside.every((line) => line.length <= 80));
  assert.ok(beside.slice(1).every((line) => line.startsWith('     address')));
  const below = table([['x'.repeat(40), 'y'.repeat(20), words(20)]]).split('\n');
  assert.is(below[0], `${'x'.repeat(40)}  ${'y'.repeat(20)}`);
  assert.ok(below.length > 2 && below.slice(1).every((line) => /^ {2,4}address/.test(line)));
  assert.is(table([['a', 1, ['one', 'two']]]), 'a  1\n  one\n  two');
});

test('a first cell of any length does not widen its column', () => {
  const six = `tcp [${'2001:db8:'.repeat(4)}1]:50000 [2603::1]:443`;
  const lines = table([
    ['flow', 'by', ['why']],
    [six, 'cloud', ['range']],
    ['udp a b', 'cloud', ['port']],
  ]).split('\n');
  assert.equal(lines.slice(2), [six, '         cloud', '  range', 'udp a b  cloud', '  port']);
});

test.run();
