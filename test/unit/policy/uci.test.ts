// policy/uci: the syntax of configuration files, with the line of everything that is wrong.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseUci } from '../../../agent/src/policy/uci.ts';
import { seeded } from '../wire/bytes.ts';

function parsed(text: string) {
  const result = parseUci(text, 'whp');
  if (!result.ok)
    throw new Error(result.problems.map(({ where, what }) => `${where} ${what}`).join('\n'));
  return result.value;
}

function problems(text: string): string[] {
  const result = parseUci(text, 'whp');
  return result.ok ? [] : result.problems.map(({ where, what }) => `${where}: ${what}`);
}

function valuesOf(text: string): string[] {
  return parsed(`config a 'b'\n${text}`)[0]!.sections[0]!.values.map(({ value }) => value);
}

test('packages, sections, options and lists, with their lines', () => {
  const text = `package whp

config proxy 'cloud'
	option address '203.0.113.10'
	list lan 'br-lan'
	list lan "br-guest" # for guests

config app

package network
config interface lan
`;
  assert.equal(parsed(text), [
    {
      name: 'whp',
      file: 'whp',
      sections: [
        {
          type: 'proxy',
          name: 'cloud',
          line: 3,
          values: [
            { keyword: 'option', name: 'address', value: '203.0.113.10', line: 4 },
            { keyword: 'list', name: 'lan', value: 'br-lan', line: 5 },
            { keyword: 'list', name: 'lan', value: 'br-guest', line: 6 },
          ],
        },
        { type: 'app', name: null, line: 8, values: [] },
      ],
    },
    {
      name: 'network',
      file: 'whp',
      sections: [{ type: 'interface', name: 'lan', line: 11, values: [] }],
    },
  ]);
});

test('a file of /etc/config has no package line', () => {
  assert.is(parsed('config globals')[0]!.name, null);
  assert.equal(parsed('# nothing\n\n'), []);
});

test('quotes, escapes and line breaks', () => {
  const cases: [string, string][] = [
    [`option x 'it'\\''s'`, "it's"],
    ['option x "a \\"b\\" \\\\c"', 'a "b" \\c'],
    [`option x 'a\\b'`, 'a\\b'],
    ['option x bare\\ word', 'bare word'],
    [`option x 'two\nlines'`, 'two\nlines'],
    [`option x ''`, ''],
    [`option x a'b c'"d"`, 'ab cd'],
    ["option x 'no # comment'", 'no # comment'],
    ['option x v # comment', 'v'],
    ['option x v#not', 'v#not'],
    ["option x 'v'\r", 'v'],
  ];
  for (const [text, expected] of cases) assert.equal(valuesOf(text), [expected], text);
  assert.equal(valuesOf("option x '1'; option y '2'"), ['1', '2']);
  const lines = parsed("config a\noption x 'a\nb'\noption y 'c'")[0]!.sections[0]!.values;
  assert.equal(
    lines.map(({ line }) => line),
    [2, 4],
  );
});

test('every broken line is reported with its number and the fix', () => {
  const text = `option early '1'
config
config bad! 'x'
config app 'a-b'
config app 'good'
	option
	option two words 'x'
	optoin x 'y'
	option na.me 'x'
package
	list ok 'fine'
	option open 'never closed
`;
  assert.equal(problems(text), [
    'whp:1: "early" stands before the first config line',
    "whp:2: write: config TYPE 'NAME'",
    'whp:3: section type "bad!": use letters, digits, - and _',
    'whp:4: section name "a-b": use letters, digits and _',
    "whp:6: write: option NAME 'VALUE', with quotes around the value",
    "whp:7: write: option NAME 'VALUE', with quotes around the value",
    'whp:8: unknown keyword "optoin"; a line starts with package, config, option or list',
    'whp:9: option name "na.me": use letters, digits, - and _',
    'whp:10: write: package NAME',
    "whp:12: ' is never closed; add the second '",
  ]);
  assert.is(problems('x'.repeat(1048577)).length, 1);
});

test('mutated files never throw', () => {
  const random = seeded(9);
  const seed = `package whp\nconfig a 'b'\n\toption c "d\\"e"\n\tlist f 'g'\\''h' # i\n`;
  const spare = `'"\\#;\n\t p`;
  for (let i = 0; i < 3000; i++) {
    let text = seed;
    for (let n = 1 + random(5); n > 0; n--) {
      const at = random(text.length);
      const rest = text.slice(at + random(2));
      text = text.slice(0, at) + (random(3) > 0 ? spare[random(spare.length)] : '') + rest;
    }
    parseUci(text, 'whp');
  }
});

test.run();
