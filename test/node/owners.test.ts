// A mutable property (not readonly in its interface) is assigned only in the file that declares the interface;
// other files call functions of that file. The rooms step and kernel each count as one file. Reads the text of
// agent/src, by property name.
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const ROOT = 'agent/src';
/** Rooms with records that live as long as the agent. */
const ROOMS = [
  'account',
  'config',
  'daemon',
  'kernel',
  'learn',
  'reconcile',
  'runtime',
  'step',
  'tunnel',
];

type Tree = ReadonlyMap<string, string>;

function readTree(): Tree {
  const files = ROOMS.flatMap((room) =>
    readdirSync(`${ROOT}/${room}`)
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${room}/${name}`),
  );
  return new Map(files.map((file) => [file, readFileSync(`${ROOT}/${file}`, 'utf8')]));
}

/** Without comments and string literals. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').replace(/'(?:[^'\\\n]|\\.)*'/g, "''");
}

/** Mutable properties of the interfaces in a file. */
function declared(code: string): Set<string> {
  const found = new Set<string>();
  for (const [, body = ''] of code.matchAll(/^(?:export )?interface \w+[^{]*\{([\s\S]*?)^\}/gm)) {
    for (const [, name = ''] of body.matchAll(/^ {2}(?!readonly )(\w+)\??: /gm)) found.add(name);
  }
  return found;
}

/** Properties that a file assigns: `a.b = `, `a.b += `, `a.b++`. */
function assigned(code: string): Set<string> {
  const pattern = /\.(\w+)(?: (?:[-+*|&]|\?\?|\|\||&&)?= |\+\+|--)/g;
  return new Set(Array.from(code.matchAll(pattern), ([, name = '']) => name));
}

/** Rooms that count as one file. */
const WHOLE = ['step', 'kernel'];

function ownerOf(file: string): string {
  const [room = ''] = file.split('/');
  return WHOLE.includes(room) ? room : file;
}

/** "file: property" for each assignment outside of the owners. */
function strays(tree: Tree): string[] {
  const code = new Map(Array.from(tree, ([file, text]) => [file, codeOf(text)]));
  const owners = new Map<string, Set<string>>();
  for (const [file, text] of code) {
    for (const name of declared(text)) {
      owners.set(name, (owners.get(name) ?? new Set()).add(ownerOf(file)));
    }
  }
  return Array.from(code).flatMap(([file, text]) =>
    Array.from(assigned(text))
      .filter((name) => owners.has(name) && !owners.get(name)!.has(ownerOf(file)))
      .map((name) => `${file}: ${name} of ${Array.from(owners.get(name)!).join(', ')}`),
  );
}

test('no state is assigned from another file than that of its interface', () => {
  assert.equal(strays(readTree()), []);
});

test('the reading sees an assignment from afar, and leaves those of the owner alone', () => {
  const owner = `export interface A {\n  readonly kept: number;\n  count: number;\n}\nfunction f(a: A): void {\n  a.count += 1;\n}\n`;
  const afar = (line: string): Tree =>
    new Map([
      ['x/a.ts', owner],
      ['x/b.ts', line],
    ]);
  for (const line of ['a.count = 1;', 'a.count += 1;', 'a.count++;', 'agent.a.count ??= 2;']) {
    assert.equal(strays(afar(line)), ['x/b.ts: count of x/a.ts'], line);
  }
  for (const line of [
    '// a.count = 1;',
    "const t = 'a.count = 1';",
    'a.count === 1;',
    'a.kept = 1;',
  ]) {
    assert.equal(strays(afar(line)), [], line);
  }
});

test.run();
