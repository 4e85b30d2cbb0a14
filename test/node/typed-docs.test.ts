// What the documents let a reader type: each command of `whp` is one that the program takes, each `uci` command leaves a
// good configuration, each block is shell. And what an owner reads: where a block is typed, the length of sentences, one
// plan of addresses, a command in each row of docs/trouble.md.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readArguments } from '../../agent/src/cli/arguments.ts';
import { buildPolicy } from '../../agent/src/policy/build.ts';
import { LAST_SLOT } from '../../agent/src/policy/marks.ts';
import { parseProfile } from '../../agent/src/profile/parse.ts';
import { parseUci } from '../../agent/src/syntax/uci.ts';
import { blocksOf, commandsOf } from '../lab/package/page.ts';
import { pages, SPAN, sentences, wordsOf } from '../lib/pages.ts';
import { commandsIn, typeUci } from '../lib/typed-uci.ts';

const OWNERS = [
  'README.md',
  'docs/applications.md',
  'docs/install.md',
  'docs/proxy.md',
  'docs/resolvers.md',
  'docs/trouble.md',
  'docs/uci.md',
];
const page = (name: string): string => pages.get(name)!;

interface Typed {
  readonly script: string;
  readonly isSpan: boolean;
}

/** Shell blocks and spans, in the order of the page. */
function typed(name: string): Typed[] {
  const found = page(name).matchAll(/^```(.*)\n([\s\S]*?)^```|`([^`\n]+)`/gm);
  return Array.from(found, ([, language, block, span]) => ({
    script: span ?? (language!.startsWith('sh') ? block! : ''),
    isSpan: span !== undefined,
  })).filter(({ script }) => script !== '');
}

/** Words in capitals stand for something; these signs stand for a choice or for something left out. */
const isPattern = (command: string): boolean =>
  /[[|<…$]|\.\.\./.test(command.replace(/<<\w+$/gm, ''));

/** The problem of a command of `whp`, or null. Running text may name a command without its operand. */
function problemOf(command: string, isSpan = false): string | null {
  const [, ...words] = command.split(/\s+/).map((word) => word.replace(/^['"]|['"]$/g, ''));
  const read = readArguments(words);
  if (read.ok || (isSpan && readArguments([...words, 'NAME']).ok)) return null;
  return read.problems.map(({ where, what }) => `${where} ${what}`).join('; ');
}

test('every command of whp in the documents is one that the program takes', () => {
  let seen = 0;
  const wrong: string[] = [];
  for (const name of pages.keys()) {
    for (const { script, isSpan } of typed(name)) {
      // A message, such as `whp pause: no app is enabled`.
      if (isSpan && script.includes(': ')) continue;
      for (const command of commandsIn(script.replace(/\\\n/g, ' '))) {
        if (!/^whp [a-z-]/.test(command) || isPattern(command)) continue;
        seen += 1;
        const problem = problemOf(command, isSpan);
        if (problem !== null) wrong.push(`${name}: ${command}: ${problem}`);
      }
    }
  }
  assert.ok(seen > 150, `${seen} commands`);
  assert.equal(wrong, []);
});

test('a wrong command would be found', () => {
  for (const one of ['whp pauze skype 60', 'whp pause skype 60 70', 'whp status --jsn', 'whp why'])
    assert.is.not(problemOf(one), null, one);
});

const shipped = readFileSync('agent/uci/whp', 'utf8');
const skype = parseProfile(readFileSync('agent/profiles/skype.json', 'utf8'), 'skype.json');

/** The problems of a configuration, one text each. */
function problemsOf(configuration: string): string[] {
  const uci = parseUci(configuration, 'whp');
  if (!uci.ok || !skype.ok) return ['it cannot be read'];
  const built = buildPolicy({ uci: uci.value, profiles: new Map([['skype', skype.value]]) });
  return built.ok ? [] : built.problems.map(({ where, what }) => `${where}: ${what}`);
}

const scriptsWith = (name: string, holds: string): string =>
  typed(name)
    .map(({ script }) => script)
    .filter((script) => script.includes(holds))
    .join('\n');

/** The home of install.md with the shipped app enabled. */
const home = typeUci(
  shipped,
  `${scriptsWith('docs/install.md', 'set whp.cloud.')}\nset whp.skype.enabled='1'`,
);

test('every uci command in the documents leaves a good configuration', () => {
  assert.equal(problemsOf(home), []);
  let seen = 0;
  for (const name of pages.keys()) {
    let configuration = home;
    for (const { script } of typed(name)) {
      if (!/\b(set|add_list|del_list|delete) whp\./.test(script) || isPattern(script)) continue;
      seen += 1;
      configuration = typeUci(configuration, script);
      assert.equal(problemsOf(configuration), [], `${name}: ${script}`);
    }
  }
  assert.ok(seen > 7, `${seen} scripts`);
});

test('an option that does not exist, and a section that is not there, would be found', () => {
  assert.is.not(problemsOf(typeUci(home, "uci set whp.skype.fallbak='direct'")).length, 0);
  assert.throws(() => typeUci(home, "uci set whp.nobody.enabled='1'"), /no section "nobody"/);
  assert.ok(typeUci(home, 'uci delete whp.skype.fallback').includes("profile 'skype'"));
});

test('every shell block is shell', () => {
  const blocks = [...pages].flatMap(([name, text]) =>
    Array.from(text.matchAll(/^```sh.*\n([\s\S]*?)^```/gm), ([, block]) => ({ name, block })),
  );
  assert.ok(blocks.length > 20, `${blocks.length} blocks`);
  for (const { name, block } of blocks) {
    const run = spawnSync('sh', ['-n'], { input: block!, encoding: 'utf8' });
    assert.is(run.status, 0, `${name}: ${run.stderr}: ${block}`);
  }
});

test('docs/install.md: the line above each block says where it is typed', () => {
  const places = { router: 'the router', proxy: 'the server', pc: 'the PC' };
  const blocks = [...page('docs/install.md').matchAll(/(.*)\n\n```sh (\w+)( after)?\n/g)];
  assert.ok(blocks.length >= 8, `${blocks.length} blocks`);
  for (const [, line, where] of blocks)
    assert.is(line, `**On ${places[where as keyof typeof places]}:**`);
  assert.is(page('docs/install.md').match(/^```sh/gm)!.length, blocks.length);
});

test('docs/install.md: the walkthrough types every block, command by command', () => {
  const blocks = blocksOf(page('docs/install.md'));
  assert.is(blocks.length, page('docs/install.md').match(/^```sh/gm)!.length);
  const order = blocks.map(({ where }) => where).filter((one, at, list) => one !== list[at - 1]);
  assert.equal(order, ['proxy', 'pc', 'router', 'router after', 'router']);
  assert.ok(blocks.at(-1)!.text.startsWith('opkg remove'), 'the last block removes the package');
  for (const command of blocks.flatMap(({ text }) => commandsOf(text)))
    assert.is(spawnSync('sh', ['-n'], { input: command }).status, 0, command);
});

test('docs/install.md: the file that is copied is the one that the package script makes', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  const release = /^PKG_RELEASE:=(\d+)$/m.exec(
    readFileSync('openwrt-package/Makefile', 'utf8'),
  )![1];
  assert.ok(page('docs/install.md').includes(`whp_${version}-r${release}_mips_24kc.ipk`));
});

test('docs/trouble.md: every row ends in a command', () => {
  const rows = page('docs/trouble.md').match(/^\|.*\|$/gm)!;
  const wanted = rows.filter((row) => !/^\| (---|what you see) /.test(row));
  assert.ok(wanted.length > 30, `${wanted.length} rows`);
  assert.equal(
    wanted.filter((row) => !/`[^`]+` \|$/.test(row)),
    [],
  );
});

/** Messages of other programs. */
const FOREIGN = ['cannot satisfy dependencies', 'kmod-...'];
const source = readdirSync('agent/src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(`agent/src/${name}`, 'utf8').replace(/\\(.)/g, '$1'))
  .join('\n');

/** What a text of docs/trouble.md has for something that the program fills in. */
const EXAMPLES = /"?br-l\w+"?|skype|\d+ min/g;

/** Whether the program prints such a text. */
function isPrinted(text: string): boolean {
  const plain = text.replace(/(: )?\.\.\.$/, '').replace(EXAMPLES, '@');
  const escaped = plain
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('@', '"?\\$\\{[^}]*\\}"?');
  return new RegExp(`(?<![a-z])${escaped}(?![a-z])`).test(source);
}

test('docs/trouble.md: what is seen is what the program prints', () => {
  const seen = page('docs/trouble.md').match(/^\| [^|]*(?= \|)/gm)!;
  const texts = seen
    .flatMap((cell) => Array.from(cell.matchAll(SPAN), ([, span]) => span!))
    .filter((text) => !/^whp |^fallback$|^list lan$/.test(text) && !FOREIGN.includes(text));
  assert.ok(texts.length > 20, `${texts.length} texts`);
  assert.equal(
    texts.filter((text) => !isPrinted(text)),
    [],
  );
  assert.not.ok(isPrinted('the moon is not set') || isPrinted('no gard: ...'));
});

test('one plan of addresses: server, home, and both ends of the tunnel', () => {
  const wanted = {
    address: '203.0.113.20',
    key: '5300',
    local: '10.213.0.1',
    remote: '10.213.0.2',
  };
  const cloud = /config proxy 'cloud'\n((?:\t.*\n)*)/.exec(home)![1]!;
  for (const [option, value] of Object.entries(wanted)) {
    assert.ok(cloud.includes(`option ${option} '${value}'`), option);
    assert.ok(shipped.includes(`option ${option} '${value}'`), `agent/uci/whp: ${option}`);
    assert.match(page('docs/uci.md'), new RegExp(`\\| \`${option}\` \\|.*\\| \`${value}\` \\|`));
  }
  const inner = [shipped, ...OWNERS.map(page)].join('\n').match(/\b10\.\d+\.\d+\.\d+/g) ?? [];
  assert.equal(
    inner.filter((one) => !/^10\.213\.[01]\.[12]$/.test(one)),
    [],
  );
});

/** Most words of a sentence. */
const LONGEST: Readonly<Record<string, number>> = { 'SECURITY.md': 30 };
for (const name of [...OWNERS, 'docs/cli.md', 'SECURITY.md']) {
  const most = LONGEST[name] ?? 25;
  test(`no sentence of ${name} has more than ${most} words`, () => {
    assert.equal(
      sentences(page(name)).filter((one) => wordsOf(one) > most),
      [],
    );
  });
}

test('README.md leads to every document', () => {
  const links = [...page('README.md').matchAll(/\]\(([^)#\s]+)/g)].map(([, link]) => link);
  assert.equal(
    [...pages.keys()].filter((name) => name !== 'README.md' && !links.includes(name)),
    [],
  );
});

test('SECURITY.md: limits come first, and the guard is explained before it is named', () => {
  const text = page('SECURITY.md');
  assert.is(/^## (.*)$/m.exec(text)![1], 'Limits');
  assert.is(text.slice(text.indexOf('guard') - 5).slice(0, 14), 'The *guard* is');
});

test('numbers that the pages repeat are those of the program', () => {
  assert.ok(page('docs/uci.md').includes(`at most ${LAST_SLOT} of them`));
  const init = readFileSync('openwrt-package/files/whp.init', 'utf8');
  const held = /config_get seconds globals boot_hold (\d+)\n/.exec(init)![1];
  assert.ok(page('docs/uci.md').includes(`| \`boot_hold\` | option | \`${held}\` |`));
  assert.ok(page('docs/kept.md').includes(`in seconds (${held}; 0: never)`));
  assert.ok(shipped.includes(`option boot_hold '${held}'`));
  assert.ok(page('README.md').includes(`for ${held} seconds at most`));
  assert.ok(page('SECURITY.md').includes(`for ${held} s at most (\`boot_hold\`)`));
});

test('the parts of pages are found', () => {
  assert.is(sentences('A b. C d\ne. `F` g.\n\n- one\n- two (x). Three').length, 6);
  assert.is(wordsOf('see [the long words](a/b.md) here'), 5);
});

test.run();
