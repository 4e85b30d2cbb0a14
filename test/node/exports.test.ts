// Every export of agent/src is imported by another file of the agent or the tests. Exception: a type in the
// signature of an exported function of the same file. An exported type has its name alone.
import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

interface Source {
  readonly file: string;
  readonly text: string;
}

function sourcesUnder(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => join(folder, name))
    .map((file) => ({ file, text: readFileSync(file, 'utf8') }));
}

/** "FILE NAME" of each name imported from a file of the project. */
function importsOf({ file, text }: Source): string[] {
  return Array.from(
    text.matchAll(/^(?:import|export) (?:type )?\{([^}]*)\} from '(\.[^']*)';/gm),
    ([, names, from]) =>
      names!.split(',').map((name) => {
        const [plain] = name
          .trim()
          .replace(/^type /, '')
          .split(' as ');
        return `${normalize(join(file, '..', from!))} ${plain}`;
      }),
  ).flat();
}

/** "FILE NAME" of each export that no other file imports, and of each line whose form is unknown here. */
function deadExports(sources: readonly Source[], users: readonly Source[]): string[] {
  const imported = new Set([...sources, ...users].flatMap(importsOf));
  return sources.flatMap(({ file, text }) =>
    Array.from(text.matchAll(/^export (.*)/gm)).flatMap(([, line]) => {
      const known = /^(?:async )?(function\*?|const|let|class|interface|type) (\w+)/.exec(line!);
      if (known === null) return [`${file} export ${line}`];
      const [, kind, name] = known;
      if (imported.has(`${file} ${name}`)) return [];
      const isType = kind === 'interface' || kind === 'type';
      const named = text.match(new RegExp(`\\b${name}\\b`, 'g'))!.length;
      return isType && named > 1 ? [] : [`${file} ${name}`];
    }),
  );
}

test('nothing is exported that nobody imports', () => {
  assert.equal(deadExports(sourcesUnder('agent/src'), sourcesUnder('test')), []);
});

/** "NAME: FILE, FILE" of each type that several files export. */
function sharedTypes(sources: readonly Source[]): string[] {
  const files = new Map<string, string[]>();
  for (const { file, text } of sources) {
    for (const [, name] of text.matchAll(/^export (?:interface|type|class) (\w+)/gm))
      files.set(name!, [...(files.get(name!) ?? []), file]);
  }
  return Array.from(files)
    .filter(([, all]) => all.length > 1)
    .map(([name, all]) => `${name}: ${all.join(', ')}`);
}

test('no two files export a type of one name', () => {
  assert.equal(sharedTypes(sourcesUnder('agent/src')), []);
  const text = 'export interface Flow {}';
  const two = ['x/a.ts', 'x/b.ts'].map((file) => ({ file, text }));
  assert.equal(sharedTypes(two), ['Flow: x/a.ts, x/b.ts']);
});

test('what nobody imports is found', () => {
  const text = `import { type B, b as c } from './b.ts';
export const used = 1;
export const dead = used;
export async function gone(): Promise<void> {}
export interface Shape {}
export type Alone = number;
export class Kept implements Shape {}
export { c };`;
  const b = {
    file: 'x/b.ts',
    text: 'export interface B {}\nexport const b = 1;\nexport let d = b;',
  };
  const user = { file: 'y/user.ts', text: "import {\n  Kept,\n  used,\n} from '../x/a.ts';\n" };
  assert.equal(deadExports([{ file: 'x/a.ts', text }, b], [user]), [
    'x/a.ts dead',
    'x/a.ts gone',
    'x/a.ts Alone',
    'x/a.ts export { c };',
    'x/b.ts d',
  ]);
});

test.run();
