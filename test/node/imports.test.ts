// The import boundary, read from esbuild's metafile: the pure folders of agent/src import each
// other, profiles and npm packages; never the system, the daemon or a module of Node or the host.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const PURE = [
  'policy',
  'ruleset',
  'step',
  'wire',
  'learn',
  'reconcile',
  'tunnel',
  'sync',
  'netlink',
  'account',
  'repair',
  'preflight',
];
const OUTSIDE = ['qjs:*', 'whp:*', 'node:*'];

/** Edges "FILE -> TARGET" that leave the pure folders of `root`. */
async function crossings(root: string): Promise<string[]> {
  const entryPoints = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => join(root, name));
  const { metafile } = await build({
    absWorkingDir: process.cwd(),
    entryPoints,
    outdir: 'out/imports',
    write: false,
    metafile: true,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['import'],
    external: OUTSIDE,
    logLevel: 'warning',
  });
  const pure = PURE.map((folder) => `${root}/${folder}/`);
  const allowed = [...pure, 'agent/profiles/', 'node_modules/'];
  return Object.entries(metafile.inputs)
    .filter(([file]) => pure.some((folder) => file.startsWith(folder)))
    .flatMap(([file, { imports }]) =>
      imports
        .filter(({ path, external }) => external || !allowed.some((one) => path.startsWith(one)))
        .map(({ path }) => `${file} -> ${path}`),
    )
    .sort();
}

test('no pure folder imports the system, the daemon or a host module', async () => {
  assert.equal(await crossings('agent/src'), []);
});

test('an edge that crosses is found', async () => {
  assert.equal(await crossings('test/node/impure'), [
    'test/node/impure/wire/clock.ts -> test/node/impure/system/clock.ts',
    'test/node/impure/wire/clock.ts -> whp:socket',
  ]);
});

test.run();
