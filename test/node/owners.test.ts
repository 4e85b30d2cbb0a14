// A mutable property (not readonly in its interface) is assigned only in the file that declares the interface;
// other files call functions of that file. The rooms step and kernel each count as one file. The first test reads
// the text of agent/src, by property name. The second lets the compiler say whose property is assigned: in a copy,
// the setter of each property takes a type that names the owner.
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

/** The properties of one line, as a getter and a setter. */
function withSetters(file: string, text: string): string {
  return text.replace(/^(?:export )?interface \w+[^{]*\{[\s\S]*?^\}/gm, (body) =>
    body.replace(
      /^ {2}(?!readonly )(\w+): (.*);$/gm,
      (_, name, type) =>
        `  get ${name}(): ${type}; set ${name}(value: { readonly owner: '${ownerOf(file)}' });`,
    ),
  );
}

/** "file: owner" for each assignment outside of the owner, as the compiler sees the types. */
function typedStrays(more: Tree = new Map()): string[] {
  const folder = `out/owners-${process.pid}`;
  cpSync('agent', `${folder}/agent`, { recursive: true });
  for (const [file, text] of [...readTree(), ...more])
    writeFileSync(`${folder}/${ROOT}/${file}`, withSetters(file, text));
  const { compilerOptions } = JSON.parse(readFileSync('tsconfig.json', 'utf8'));
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions, include: [ROOT] }));
  const { stdout } = spawnSync('npx', ['tsc', '--noEmit', '--pretty', 'false', '-p', folder], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  rmSync(folder, { recursive: true });
  const seen = stdout.matchAll(
    /^\S+\/src\/(\S+)\(\d+,\d+\): error TS2322: .* '\{ readonly owner: "([^"]+)"; \}'/gm,
  );
  const found = Array.from(seen, ([, file, owner]) => ({ file: file!, owner: owner! }));
  assert.ok(found.length > 100, `${found.length} assignments are seen`);
  return found
    .filter(({ file, owner }) => ownerOf(file) !== owner)
    .map(({ file, owner }) => `${file}: of ${owner}`);
}

test('no state is assigned from another file than that of its interface, by its type', () => {
  assert.equal(typedStrays(), []);
});

test('two files have a property of one name: the compiler sees whose is assigned', () => {
  const lines = ['agent.repair.foreign = 0;', 'agent.repair.foreign += 1;'];
  const text = `import type { Agent } from './agent.ts';
interface Mine { foreign: number }
export function afar(agent: Agent, mine: Mine): void {
  mine.foreign = 1;
  ${lines.join('\n  ')}
}
`;
  const afar = new Map([['runtime/afar.ts', text]]);
  assert.equal(strays(afar), []);
  assert.equal(
    typedStrays(afar),
    lines.map(() => 'runtime/afar.ts: of reconcile/repair.ts'),
  );
});

/** "file: value" of each Object.assign to a value that is neither declared in the file nor of an interface in it. */
function assigns(tree: Tree): string[] {
  return Array.from(tree).flatMap(([file, text]) =>
    Array.from(codeOf(text).matchAll(/Object\.assign\(([^,]+),/g), ([, to]) => to!)
      .filter((to) => {
        const types = Array.from(
          text.matchAll(new RegExp(`\\b${to}: (\\w+)`, 'g')),
          ([, type]) => type,
        );
        const isOwn = new RegExp(
          `^(?:const ${to}|(?:export )?interface (?:${types.join('|')})) `,
          'm',
        );
        return !isOwn.test(text);
      })
      .map((to) => `${file}: ${to}`),
  );
}

test('Object.assign changes only a value of the file, or of an interface in it', () => {
  assert.equal(assigns(readTree()), []);
  const text = 'function f(agent: Agent): void {\n  Object.assign(agent.inForce, {});\n}\n';
  assert.equal(assigns(new Map([['runtime/afar.ts', text]])), ['runtime/afar.ts: agent.inForce']);
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
