// syntax/uci: the syntax of configuration files, and the line of each problem.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseUci } from '../../../agent/src/syntax/uci.ts';
import { seeded } from '../../fixtures/seeded.ts';
import { rounds } from '../../lib/rounds.ts';

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
  return parsed(`config a 'b'\n${text}`).sections[0]!.values.map(({ value }) => value);
}

/** Sections as `type name: option=value` words, lists with their values in brackets. */
function shape(text: string): string[] {
  return parsed(text).sections.map(({ type, name, values }) => {
    const words = values.map(
      (one) => `${one.name}${one.keyword === 'list' ? '+' : ''}=${one.value}`,
    );
    return [type, name ?? '-', ...words].join(' ');
  });
}

test('sections, options and lists, with their lines', () => {
  const text = `package whp

config proxy 'cloud'
	option address '203.0.113.10'
	list lan 'br-lan'
	list lan "br-guest" # for guests

config app
`;
  assert.equal(parsed(text), {
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
    notes: [],
  });
  assert.equal(parsed('# nothing\n\n').sections, []);
});

test('quotes, escapes and line breaks', () => {
  const cases: [string, string][] = [
    [`option x 'it'\\''s'`, "it's"],
    ['option x "a \\"b\\" \\\\c"', 'a "b" \\c'],
    [`option x 'a\\b'`, 'a\\b'],
    ['option x bare\\ word', 'bare word'],
    [`option x 'two\nlines'`, 'two\nlines'],
    ['option x "two\nlines"', 'two\nlines'],
    ['option x "one \\\nline"', 'one line'],
    ['option x "one \\\r\nline"', 'one line'],
    ['option x one\\\nline', 'oneline'],
    ['option x one\\\r\nline', 'oneline'],
    ["option x \\\n'v'", 'v'],
    [`option x a'b c'"d"`, 'ab cd'],
    ["option x 'no # comment'", 'no # comment'],
    ['option x v # comment', 'v'],
    ['option x v#comment', 'v'],
    ["option x 'v'#comment", 'v'],
    ['option x v\\#not', 'v#not'],
    ["option x 'v'\r", 'v'],
    ["option\tx\v\f'v'\f\n", 'v'],
    ["\v\foption x 'v'", 'v'],
    ["o 'x' v", 'v'],
    ['option x v\\', 'v'],
    ["option x 'v' ''", 'v'],
    ["option x 'v';", 'v'],
    ["option x 'v'; # comment", 'v'],
    ["option x 'a\u00a0b'", 'a\u00a0b'],
  ];
  for (const [text, expected] of cases) assert.equal(valuesOf(text), [expected], text);
  const pairs = [
    "option x '1'; option y '2'",
    "option x '1';o y 2",
    'option x 1 ; option y 2',
    "option x 1 '' option y 2",
  ];
  for (const text of pairs) assert.equal(valuesOf(text), ['1', '2'], text);
  const { values } = parsed("config a\noption x 'a\nb'\noption y 'c'").sections[0]!;
  assert.equal(
    values.map(({ line }) => line),
    [2, 4],
  );
});

test('what libuci makes of options without a value, repeated ones and sections in parts', () => {
  const cases: [string, string[]][] = [
    ["config app ''\n", ['app -']],
    ['c app x\no a 1\nl b 2\n', ['app x a=1 b+=2']],
    ["config app x\noption a ''\noption b\noption c '' # d\n", ['app x']],
    ["config app x\noption a 1\noption a ''\noption a\n", ['app x a=1']],
    ['config app x\noption a 1\noption b 2\noption a 3\n', ['app x a=3 b=2']],
    ['config app x\noption a 1\nlist a 2\n', ['app x a+=1 a+=2']],
    ['config app x\nlist a 1\nlist a 2\noption a 3\n', ['app x a=3']],
    ["config app x\nlist a ''\nlist a\n", ['app x a+= a+=']],
    ['config app x\noption a 1\nconfig b y\nconfig app x\noption b 2\n', ['app x a=1 b=2', 'b y']],
    ['config app\noption a 1\nconfig app\noption b 2\n', ['app - a=1', 'app - b=2']],
    // The name that libuci gives to the anonymous section before it.
    ['config app\noption a 1\nconfig app cfg015e66\noption b 2\n', ['app - a=1 b=2']],
    ['package network\nconfig app x\np y\noption a 1\n', ['app x a=1']],
    ["config 'a!b' x\n", ['a!b x']],
    // libuci writes the end of a bare word over the `;`.
    ['config app x\noption a 1; option b 2\noption c 3\n', ['app x a=1 c=3']],
    ['config app x\noption a; option b 2\n', ['app x']],
  ];
  for (const [text, expected] of cases) assert.equal(shape(text), expected, text);
});

test('what has no effect is noted', () => {
  const text =
    'config app x\noption a 1\noption b 2; option c 3\nlist d 4\noption a 5\noption d 6;#\n';
  assert.equal(
    parsed(text).notes.map(({ where, what }) => `${where}: ${what}`),
    [
      'whp:2: "a" has no effect, line 5 sets it again; remove one of the two',
      'whp:3: what stands behind the ";" is not read; put it into a line of its own',
      'whp:4: "d" has no effect, line 6 sets it again; remove one of the two',
    ],
  );
});

test('every broken line is reported with its number and the fix', () => {
  const text = `option early '1'
config
config a\u00e9b 'x'
config app 'a-b'
config app 'good'
	option
	option two words 'x'
	optoin x 'y'
	option na-me 'x'
package
	list ok 'fine'
	option '' 'x'
	option x 'y';
	'option' x 'y'
package a.b
config proxy 'good'
	list ok 'a
b' c
	option na-me 'x
y'
	option open 'never
closed
`;
  assert.equal(problems(text), [
    'whp:1: "early" stands before the first config line',
    "whp:2: write: config TYPE 'NAME'",
    'whp:3: section type "a\u00e9b": use letters, digits, - and _',
    'whp:4: section name "a-b": use letters, digits and _',
    "whp:6: write: option NAME 'VALUE', with quotes around the value",
    "whp:7: write: option NAME 'VALUE', with quotes around the value",
    'whp:8: unknown keyword "optoin"; a line starts with package, config, option or list',
    'whp:9: option name "na-me": use letters, digits and _',
    'whp:10: write: package NAME',
    "whp:12: write: option NAME 'VALUE', with quotes around the value",
    'whp:13: ";" is for another statement in the same line; remove it',
    'whp:14: unknown keyword "\'option\'"; a line starts with package, config, option or list',
    'whp:15: write: package NAME',
    'whp:16: section "good" is of type app in line 5; rename one',
    "whp:17: ' is closed in a later line; add the second '",
    'whp:19: option name "na-me": use letters, digits and _',
    "whp:21: ' is never closed; add the second '",
  ]);
  assert.is(problems('x'.repeat(1048577)).length, 1);
});

test('a quote that is never closed is reported where it was opened, whatever quotes follow', () => {
  const text = `config proxy 'cloud'
	option key '5300
	option local '10.254.1.2'
	option remote '10.254.1.1'
`;
  assert.equal(problems(text), ["whp:2: ' is never closed; add the second '"]);
  const more = `${text}\tlist schedule 'mon-fri 16:00-20:00'\n`;
  assert.equal(problems(more), ["whp:2: ' is never closed; add the second '"]);
  assert.equal(problems('config a\noption b "c\\'), ['whp:2: " is never closed; add the second "']);
});

test('a byte-order mark and a zero byte are named', () => {
  assert.equal(problems('\ufeffconfig app x\n'), [
    'whp:1: the file begins with a byte-order mark; save it without one',
  ]);
  assert.equal(problems('config app x\n\n# \0\n'), [
    'whp:3: holds a zero byte: the file is damaged; write it again',
  ]);
});

test('mutated files never throw', () => {
  const random = seeded(9);
  const seed = `package whp\nconfig a 'b'\n\toption c "d\\"e"\n\tlist f 'g'\\''h' # i\n`;
  const spare = `'"\\#;\n\t p`;
  for (let i = 0; i < rounds(800, 3000); i++) {
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
