// What a command that asks the agent needs of the program: a few small modules, none of them the
// agent's. The engine reads them at each call, and a router reads slowly.
import { build } from 'esbuild';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const CLIENT = ['arguments', 'ask', 'help'];
const BUDGET_BYTES = 20 * 1024;

test('asking the agent takes no part of the agent', async () => {
  const contents = CLIENT.map((name) => `export * from './agent/src/control/${name}.ts';`).join(
    '\n',
  );
  const { metafile, outputFiles } = await build({
    absWorkingDir: process.cwd(),
    stdin: { contents, resolveDir: process.cwd(), sourcefile: 'client.ts' },
    outfile: 'out/client.js',
    write: false,
    metafile: true,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    external: ['qjs:*', 'whp:*'],
  });
  const taken = Object.values(metafile.outputs)[0]!.inputs;
  const files = Object.keys(taken).filter((path) => taken[path]!.bytesInOutput > 0);
  const agent = files.filter((path) =>
    /^node_modules|src\/(ruleset|reconcile|tunnel|replay)\/|src\/(daemon|step)|build|profile/.test(
      path,
    ),
  );
  assert.equal(agent, []);
  const bytes = outputFiles[0]!.contents.length;
  assert.ok(bytes <= BUDGET_BYTES, `${bytes} bytes`);
});

test.run();
