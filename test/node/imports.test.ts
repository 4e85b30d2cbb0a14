// The import boundary, read from esbuild's metafile: the pure folders of agent/src import each
// other, profiles and npm packages; never the system, the daemon or a module of Node or the host.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type PluginBuild } from 'esbuild';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/** Folders, and files that stand beside them. */
const PURE = [
  'policy/',
  'ruleset/',
  'step/',
  'step/step.ts',
  'step/state.ts',
  'wire/',
  'learn/',
  'reconcile/',
  'tunnel/',
  'netlink/',
  'account/',
  'repair/',
  'replay/',
  'preflight/',
];
/** Every other one has effects: a folder that is in neither list is an error. */
const EFFECTS = ['system', 'control'];
const OUTSIDE = ['qjs:*', 'whp:*', 'node:*'];

/** Edges "FILE -> TARGET" that leave the pure folders of `root`. */
async function crossings(root: string): Promise<string[]> {
  const entryPoints = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => join(root, name));
  // Types too: what is only a type today is a call tomorrow. Without them esbuild would drop the line.
  const typesToo = {
    name: 'types-too',
    setup(build: PluginBuild): void {
      build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const text = readFileSync(path, 'utf8');
        const imports = Array.from(
          text.matchAll(/^(?:import|export) (?:type )?[^;]*? from ('[^']+');/gm),
          ([, target]) => `import ${target};`,
        );
        return { contents: imports.join('\n'), loader: 'js' };
      });
    },
  };
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
    // dns-packet's own import of it; one of ours would be a crossing.
    external: [...OUTSIDE, 'buffer'],
    plugins: [typesToo],
    logLevel: 'warning',
  });
  const pure = PURE.map((one) => `${root}/${one}`);
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

test('every folder is on one side', () => {
  const folders = readdirSync('agent/src', { withFileTypes: true })
    .filter((one) => one.isDirectory())
    .map(({ name }) => name);
  const listed = [
    ...PURE.filter((one) => one.endsWith('/')).map((one) => one.slice(0, -1)),
    ...EFFECTS,
  ];
  assert.equal(folders.sort(), listed.sort());
});

test('an edge that crosses is found', async () => {
  assert.equal(await crossings('test/node/impure'), [
    'test/node/impure/wire/clock.ts -> test/node/impure/system/clock.ts',
    'test/node/impure/wire/clock.ts -> whp:socket',
    'test/node/impure/wire/shape.ts -> test/node/impure/system/clock.ts',
  ]);
});

test.run();
