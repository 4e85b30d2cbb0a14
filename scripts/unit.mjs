// Runs the unit tests: bundles every test/unit/**/*.test.ts into one file and runs it, in Node or
// in the quickjs host; the same test files, unchanged. `unit.mjs COMMAND... [FILE.test.ts...]`:
// `unit.mjs node`, `unit.mjs qemu-mips out/host/mips/whp-host test/unit/x.test.ts`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { AGENT } from './lib/agent.mjs';
import { countTests, report, showFailure } from './lib/uvu.mjs';

const started = performance.now();
const words = process.argv.slice(2);
const wanted = words[0] === '--bundle' ? words.splice(0, 2)[1] : undefined;
const named = words.filter((word) => word.endsWith('.test.ts'));
const command = words.filter((word) => !word.endsWith('.test.ts'));
if (command.length === 0 && wanted === undefined) command.push('node');
process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
const inNode = command[0] === 'node';
const sources = named.length > 0 ? named : testsUnder('test/unit');

function testsUnder(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
    .sort();
}

// uvu keeps one queue per file when UVU_DEFER is set, and runs them all when asked. Bundled
// modules run in the order of their imports, so a small module before each test file opens its
// queue, and the last lines of the entry run everything.
const shim = inNode ? [] : ["import './test/lib/process-shim.ts';"];
const entry = [
  ...shim,
  ...sources.flatMap((source, index) => [
    `import 'queue:${index}';`,
    `import ${JSON.stringify(`./${source}`)};`,
  ]),
  "import { exec } from 'uvu';",
  'const silent = UVU_QUEUE.filter((queue) => queue.length < 2);',
  'if (silent.length > 0) throw new Error("no test.run() in " + silent.join(", "));',
  'await exec();',
  'process.stdout.write("all files ran\\n");',
  'process.exit(process.exitCode);',
].join('\n');

const queues = {
  name: 'queues',
  setup(bundler) {
    bundler.onResolve({ filter: /^queue:/ }, ({ path }) => ({ path, namespace: 'queue' }));
    bundler.onLoad({ filter: /.*/, namespace: 'queue' }, ({ path }) => {
      const index = Number(path.slice('queue:'.length));
      return {
        contents: `globalThis.UVU_DEFER = 1;
          globalThis.UVU_INDEX = ${index};
          (globalThis.UVU_QUEUE ??= [])[${index}] = [${JSON.stringify(sources[index])}];`,
      };
    });
  },
};

// Tests read no files: what the fuzzer has found comes as a module.
const crashers = {
  name: 'crashers',
  setup(bundler) {
    bundler.onResolve({ filter: /^fuzz:crashers$/ }, ({ path }) => ({ path, namespace: 'fuzz' }));
    bundler.onLoad({ filter: /.*/, namespace: 'fuzz' }, () => {
      const files = readdirSync('test/fuzz/crashers').filter((name) => name.endsWith('.hex'));
      const list = files
        .sort()
        .map((name) => [name.slice(0, -4), readFileSync(`test/fuzz/crashers/${name}`, 'utf8')]);
      return { contents: `export default ${JSON.stringify(list)};` };
    });
  },
};

const BARE = {
  container: 'ujail',
  NO_COLOR: '1',
  WHP_WATCHDOG_SECONDS: '600',
  WHP_MEMORY_MB: '256',
};
/** What the caller sets for the host itself. */
const ours = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => /^(WHP|ASAN|UBSAN)_/.test(name)),
);

const folder = `out/unit/${process.pid}`;
const bundle = wanted ?? join(folder, 'all.mjs');
mkdirSync(dirname(bundle), { recursive: true });
await build({
  ...AGENT,
  absWorkingDir: process.cwd(),
  stdin: { contents: entry, resolveDir: process.cwd(), sourcefile: 'all.ts' },
  outfile: bundle,
  sourcemap: inNode ? 'inline' : false,
  plugins: [...AGENT.plugins, queues, crashers],
});

if (wanted !== undefined) process.exit(0);
const run = spawnSync(
  command[0],
  [...(inNode ? ['--enable-source-maps'] : command.slice(1)), bundle],
  {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    // An emulated processor needs longer for a round than the agent on a router ever may. The host has
    // no more of an environment than ujail leaves it.
    env: inNode ? { NO_COLOR: '1', ...process.env } : { ...BARE, ...ours },
  },
);
rmSync(folder, { recursive: true, force: true });

const counts = countTests(run);
const ended = run.stdout?.includes('all files ran\n') ?? false;
if (!ended && counts.failed === 0) counts.failed = 1;
if (counts.failed > 0) showFailure(run);
report(`unit in ${command.join(' ')}`, counts, started);
process.exit(counts.failed === 0 ? 0 : 1);
