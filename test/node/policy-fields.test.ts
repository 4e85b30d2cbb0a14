// Every field of a policy is read by code outside the readers of options: an option whose value nobody reads does
// nothing. The fields are taken out of a copy of the agent, and the compiler names each place that misses one.
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const POLICY = 'agent/src/policy/policy.ts';
const INTERFACES: readonly (readonly [name: string, file: string])[] = [
  ['Globals', POLICY],
  ['Proxy', POLICY],
  ['App', POLICY],
  ['ResolverBypass', 'agent/src/policy/resolver-bypass.ts'],
];
const isReader = (file: string): boolean => /policy\/(build[\w-]*|resolver-bypass)\.ts$/.test(file);

const bodyOf = (name: string): RegExp =>
  new RegExp(`^export interface ${name} \\{\\n([^]*?)^\\}`, 'm');

/** "INTERFACE.FIELD" of each. */
const fields = INTERFACES.flatMap(([name, file]) => {
  const body = bodyOf(name).exec(readFileSync(file, 'utf8'))![1]!;
  return Array.from(body.matchAll(/^ {2}readonly (\w+)\??:/gm), ([, field]) => `${name}.${field}`);
});

/** "INTERFACE.FIELD" of each that the files read. */
function fieldsRead(): Set<string> {
  const folder = `out/policy-fields-${process.pid}`;
  cpSync('agent', `${folder}/agent`, { recursive: true });
  const { compilerOptions } = JSON.parse(readFileSync('tsconfig.json', 'utf8'));
  writeFileSync(
    `${folder}/tsconfig.json`,
    JSON.stringify({ compilerOptions, include: ['agent/src'] }),
  );
  for (const [name, file] of INTERFACES) {
    const text = readFileSync(`${folder}/${file}`, 'utf8');
    writeFileSync(`${folder}/${file}`, text.replace(bodyOf(name), `export interface ${name} {}`));
  }
  const { stdout } = spawnSync('npx', ['tsc', '--noEmit', '--pretty', 'false', '-p', folder], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  rmSync(folder, { recursive: true });
  const missed = stdout.matchAll(
    /^(\S+)\(\d+,\d+\): error TS2339: Property '(\w+)' does not exist on type '(\w+)'/gm,
  );
  const outside = Array.from(missed).filter(([, file]) => !isReader(file!));
  return new Set(outside.map(([, , field, name]) => `${name}.${field}`));
}

test('each field of globals, proxies, apps and the dns options is read outside the readers', () => {
  assert.ok(fields.length > 30, `${fields.length} fields`);
  const read = fieldsRead();
  assert.equal(
    fields.filter((field) => !read.has(field)),
    [],
  );
});

test.run();
