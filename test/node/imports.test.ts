// Imports of agent/src, including types: each leads to the same room or a lower one (test/lib/rooms), there is
// no circle, and a pure room imports no engine module. ARCHITECTURE.md has the same list.
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { build } from 'esbuild';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FLOORS, type Room } from '../lib/rooms.ts';

/** The text of each file by its path below agent/src. */
type Tree = ReadonlyMap<string, string>;

const ROOT = 'agent/src';
const MAIN = 'main.ts';
/** Data, no source: the schema of profiles. */
const DATA = '../profiles/';
const HOST = /^(qjs|whp):/;
/** What follows `from` is an import or an export. */
const FROM = /\bfrom\s*(['"])(.*?)\1/g;
const BARE = /^\s*import\s*(['"])(.*?)\1/gm;
const CALL = /\bimport\s*\(\s*(?:(['"`])(.*?)\1)?/g;
const REFERENCE = /^\s*\/\/\/\s*<reference\b/m;

function readTree(root: string): Tree {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' });
  return new Map(
    names
      .filter((name) => name.endsWith('.ts'))
      .sort()
      .map((name) => [name, readFileSync(`${root}/${name}`, 'utf8')]),
  );
}

/** The imports of a file: relative ones as paths below agent/src, others unchanged. */
function importsOf(file: string, text: string): string[] {
  return [FROM, BARE, CALL]
    .flatMap((pattern) => Array.from(text.matchAll(pattern), ([, , target]) => target ?? '?'))
    .map((target) => (target.startsWith('.') ? posix.join(posix.dirname(file), target) : target));
}

function roomOf(file: string): string {
  return file.split('/')[0]!;
}

/** The violations in `tree`. */
function refused(tree: Tree, floors: readonly Room[] = FLOORS): string[] {
  const rank = new Map([...floors.map(({ name }) => name), MAIN].map((name, at) => [name, at]));
  const isPure = new Map(floors.map(({ name, pure }) => [name, pure]));
  const found: string[] = [];
  for (const { name } of floors) {
    if (!Array.from(tree.keys()).some((file) => roomOf(file) === name && file !== name))
      found.push(`${name}/: listed, and not there`);
  }
  for (const [file, text] of tree) {
    const room = roomOf(file);
    if (!rank.has(room)) {
      found.push(file === room ? `${file}: beside ${MAIN}` : `${file}: ${room}/ is not listed`);
      continue;
    }
    if (REFERENCE.test(text)) found.push(`${file}: a reference instead of an import`);
    for (const target of importsOf(file, text)) {
      const to = rank.get(roomOf(target));
      const edge = `${file} -> ${target}`;
      if (tree.has(target)) {
        if (to !== undefined && to > rank.get(room)!) found.push(`${edge}: upward`);
      } else if (target.startsWith('.')) {
        if (!target.startsWith(DATA)) found.push(`${edge}: outside`);
      } else if (target === '?' || to !== undefined) {
        found.push(`${edge}: nothing is there`);
      } else if (target.startsWith('node:') || (HOST.test(target) && isPure.get(room))) {
        found.push(`${edge}: not from here`);
      }
    }
  }
  return [...found, ...circles(tree)];
}

/** Each circle of imports once: files without imports or importers are removed until none is left. */
function circles(tree: Tree): string[] {
  const left = new Map(
    Array.from(tree, ([file, text]): [string, string[]] => [
      file,
      importsOf(file, text).filter((target) => tree.has(target)),
    ]),
  );
  for (let before = -1; before !== left.size; ) {
    before = left.size;
    const wanted = new Set(Array.from(left.values()).flat());
    for (const [file, targets] of left) {
      const more = targets.filter((target) => left.has(target));
      if (more.length === 0 || !wanted.has(file)) left.delete(file);
      else left.set(file, more);
    }
  }
  return left.size === 0 ? [] : [`in a circle: ${Array.from(left.keys()).join(', ')}`];
}

const tree = readTree(ROOT);

test('every import leads to the same room or to an earlier one', () => {
  assert.equal(refused(tree), []);
});

test('the rooms that do without the engine are the lower ones', () => {
  const first = FLOORS.findIndex(({ pure }) => !pure);
  assert.equal(
    FLOORS.slice(first).filter(({ pure }) => pure),
    [],
  );
});

test('what is read of the imports has all that the bundler sees', async () => {
  const { metafile } = await build({
    absWorkingDir: process.cwd(),
    entryPoints: Array.from(tree.keys(), (name) => `${ROOT}/${name}`).filter(
      (path) => !path.endsWith('.d.ts'),
    ),
    outdir: 'out/imports',
    write: false,
    metafile: true,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    // dns-packet's import: in the bundle it is wire/message-bytes.
    external: ['qjs:*', 'whp:*', 'buffer'],
    logLevel: 'warning',
  });
  const edges = Object.entries(metafile.inputs).flatMap(([path, { imports }]) => {
    const file = path.slice(ROOT.length + 1);
    if (!tree.has(file)) return [];
    const read = importsOf(file, tree.get(file)!);
    return imports
      .filter(({ path: to }) => !to.startsWith('node_modules/'))
      .map(({ path: to, external }) => (external ? to : posix.relative(ROOT, to)))
      .map((target) => ({ edge: `${file} -> ${target}`, isRead: read.includes(target) }));
  });
  assert.ok(edges.length > 500, `${edges.length} edges`);
  assert.equal(
    edges.filter(({ isRead }) => !isRead),
    [],
  );
});

// A valid tree of three rooms, and the violation of each wrong line added to it.
const THREE: readonly Room[] = [
  { name: 'low', pure: true, job: '' },
  { name: 'middle', pure: true, job: '' },
  { name: 'high', pure: false, job: '' },
];
const GOOD: readonly (readonly [string, string])[] = [
  ['low/a.ts', "import schema from '../../profiles/profile.schema.json';\nimport 'dns-packet';"],
  ['low/deep/b.ts', "import {\n  type A, // not 'c'\n} from '../a.ts';"],
  ['middle/c.ts', "import type { A } from '../low/a.ts';\nexport * from '../low/deep/b.ts';"],
  ['high/d.ts', "import * as os from 'qjs:os';\nimport { c } from '../middle/c.ts';"],
  ['main.ts', "import { d } from './high/d.ts';"],
];

test('a small tree in order passes', () => {
  assert.equal(refused(new Map(GOOD), THREE), []);
});

for (const [file, line, why] of [
  ['low/a.ts', "import type { C } from '../middle/c.ts';", 'low/a.ts -> middle/c.ts: upward'],
  ['low/a.ts', "import {\n  type C,\n} from '../middle/c.ts';", 'low/a.ts -> middle/c.ts: upward'],
  ['low/a.ts', "export { c } from '../middle/c.ts';", 'low/a.ts -> middle/c.ts: upward'],
  ['low/a.ts', "export type * from '../middle/c.ts';", 'low/a.ts -> middle/c.ts: upward'],
  ['low/a.ts', "import '../middle/c.ts';", 'low/a.ts -> middle/c.ts: upward'],
  ['low/a.ts', "type C = import('../middle/c.ts').C;", 'low/a.ts -> middle/c.ts: upward'],
  ['low/a.ts', 'import { c } from "../middle/c.ts";', 'low/a.ts -> middle/c.ts: upward'],
  ['low/deep/b.ts', "import type { C } from '../../middle/c.ts';", 'low/deep/b.ts -> middle/c.ts'],
  ['middle/c.ts', "import type { D } from '../high/d.ts';", 'middle/c.ts -> high/d.ts: upward'],
  ['high/d.ts', "import type { M } from '../main.ts';", 'high/d.ts -> main.ts: upward'],
  ['low/a.ts', "import type { B } from './deep/b.ts';", 'in a circle: low/a.ts, low/deep/b.ts'],
  ['low/a.ts', "import type { A } from './a.ts';", 'in a circle: low/a.ts'],
  ['middle/c.ts', "import type { Stat } from 'qjs:os';", 'middle/c.ts -> qjs:os: not from here'],
  [
    'middle/c.ts',
    "import { connect } from 'whp:socket';",
    'middle/c.ts -> whp:socket: not from here',
  ],
  ['high/d.ts', "import { readFileSync } from 'node:fs';", 'high/d.ts -> node:fs: not from here'],
  ['high/d.ts', "import { x } from '../../../test/x.ts';", 'high/d.ts -> ../../test/x.ts: outside'],
  ['high/d.ts', "import { x } from '../low/x.ts';", 'high/d.ts -> low/x.ts: nothing is there'],
  ['high/d.ts', 'const x = await import(name);', 'high/d.ts -> ?: nothing is there'],
  ['high/d.ts', '/// <reference path="../low/a.ts" />', 'high/d.ts: a reference'],
  ['e.ts', 'export {};', 'e.ts: beside main.ts'],
  ['other/e.ts', 'export {};', 'other/e.ts: other/ is not listed'],
] as const) {
  test(`refused: ${file}: ${line.replaceAll('\n', ' ')}`, () => {
    const wrong = new Map(GOOD);
    wrong.set(file, `${wrong.get(file) ?? ''}\n${line}\n`);
    const found = refused(wrong, THREE);
    assert.ok(found.length > 0, 'nothing is refused');
    assert.ok(found[0]!.startsWith(why) || found.includes(why), found.join('\n'));
  });
}

test('a room of the list that is not there is said', () => {
  const without = new Map(GOOD.filter(([file]) => file !== 'high/d.ts'));
  without.set('main.ts', '');
  assert.equal(refused(without, THREE), ['high/: listed, and not there']);
});

test('a type from above in the lowest room is found in the real tree', () => {
  const file = 'wire/address.ts';
  const line = "import type { Effects } from '../runtime/effects.ts';";
  const wrong = new Map(tree).set(file, `${line}\n${tree.get(file)}`);
  assert.ok(refused(wrong).includes(`${file} -> runtime/effects.ts: upward`));
});

test('ARCHITECTURE.md has the list', () => {
  const text = readFileSync('ARCHITECTURE.md', 'utf8');
  const [, after = ''] = text.split('<!-- rooms -->\n');
  const rows = FLOORS.map(
    ({ name, pure, job }) => `| \`${name}\` | ${job} | ${pure ? 'pure' : 'effects'} |`,
  );
  const table = ['| room | what | |', '| --- | --- | --- |', ...rows, ''].join('\n');
  assert.is(after.slice(0, table.length), table);
  assert.is(after[table.length], '\n');
});

test.run();
