// Runs the unit tests: bundles test/unit/**/*.test.ts and runs them in Node or in the quickjs host, half of the
// files in a process of its own where there are two processors; the same test files, unchanged.
// `unit.mjs COMMAND... [FILE.test.ts...]`: `unit.mjs node`,
// `unit.mjs qemu-mips out/host/mips/whp-host test/unit/x.test.ts`.
// `unit.mjs --long COMMAND...`: repeats what repeats itself as often as test/lib/rounds.ts says.
// `unit.mjs --bundle FILE [FILE.test.ts...]`: writes the bundle for the host and runs nothing.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { AGENT } from './lib/agent.mjs';
import { needPath, readWords } from './lib/usage.mjs';
import { countTests, report, showFailure } from './lib/uvu.mjs';

const started = performance.now();
const words = readWords(import.meta.url, { options: ['--long', '--bundle'], more: true });
const long = words[0] === '--long' && words.shift() !== undefined;
const wanted = words[0] === '--bundle' ? words.splice(0, 2)[1] : undefined;
const named = words.filter((word) => word.endsWith('.test.ts'));
const command = words.filter((word) => !word.endsWith('.test.ts'));
if (command.length === 0 && wanted === undefined) command.push('node');
process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
for (const file of named) needPath(file);
const inNode = command[0] === 'node';
const sources = named.length > 0 ? named : testsUnder('test/unit');

function testsUnder(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
    .sort();
}

/** Number of processes; a few named files need only one. */
const parts = wanted === undefined && named.length === 0 ? Math.min(2, availableParallelism()) : 1;

// uvu keeps one queue per file when UVU_DEFER is set, and runs them all when asked. Bundled
// modules run in the order of their imports, so a small module before each test file opens its
// queue, and the last lines of the entry run everything.
const shim = inNode ? [] : ["import './test/lib/process-shim.ts';"];
const entryOf = (files) =>
  [
    ...shim,
    ...files.flatMap((source, index) => [
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

const queuesOf = (files) => ({
  name: 'queues',
  setup(bundler) {
    bundler.onResolve({ filter: /^queue:/ }, ({ path }) => ({ path, namespace: 'queue' }));
    bundler.onLoad({ filter: /.*/, namespace: 'queue' }, ({ path }) => {
      const index = Number(path.slice('queue:'.length));
      return {
        contents: `globalThis.UVU_DEFER = 1;
          globalThis.UVU_INDEX = ${index};
          (globalThis.UVU_QUEUE ??= [])[${index}] = [${JSON.stringify(files[index])}];`,
      };
    });
  },
});

// Tests read no files: the crashers are a generated module.
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
/** The caller's settings for the host. */
const ours = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => /^(WHP|ASAN|UBSAN)_/.test(name)),
);

async function bundle(files, outfile) {
  mkdirSync(dirname(outfile), { recursive: true });
  await build({
    ...AGENT,
    absWorkingDir: process.cwd(),
    stdin: { contents: entryOf(files), resolveDir: process.cwd(), sourcefile: 'all.ts' },
    outfile,
    define: { LONG: String(long) },
    sourcemap: inNode ? 'inline' : false,
    plugins: [...AGENT.plugins, queuesOf(files), crashers],
  });
}

if (wanted !== undefined) {
  await bundle(sources, wanted);
  process.exit(0);
}

/** Runs one bundle; resolves to a result like that of spawnSync. */
function run(file) {
  const words = [...(inNode ? ['--enable-source-maps'] : command.slice(1)), file];
  // An emulated processor needs more time for one turn of the event loop than the watchdog allows on a router.
  // The host gets only ujail's environment.
  const env = inNode ? { NO_COLOR: '1', ...process.env } : { ...BARE, ...ours };
  const child = spawn(command[0], words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'])
    child[stream].setEncoding('utf8').on('data', (text) => {
      printed[stream] += text;
    });
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ ...printed, status: null, signal: null, error }));
    child.on('close', (status, signal) => resolve({ ...printed, status, signal }));
  });
}

const folder = `out/unit/${process.pid}`;
const total = { passed: 0, failed: 0, skipped: 0 };
await Promise.all(
  Array.from({ length: parts }, async (_, part) => {
    const file = join(folder, `${part}.mjs`);
    await bundle(
      sources.filter((_source, index) => index % parts === part),
      file,
    );
    const ended = await run(file);
    const counts = countTests(ended);
    if (!ended.stdout.includes('all files ran\n') && counts.failed === 0) counts.failed = 1;
    if (counts.failed > 0) showFailure(ended);
    for (const name of Object.keys(total)) total[name] += counts[name];
  }),
);
rmSync(folder, { recursive: true, force: true });

report(`unit in ${command.join(' ')}`, total, started);
process.exit(total.failed === 0 ? 0 : 1);
