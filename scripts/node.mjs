// Runs tests that need Node (files, child processes, namespaces): `node.mjs FOLDER` or `node.mjs
// FILE.test.ts...`. Each file is bundled and runs in its own process, one after the other, in the project's
// root. `node.mjs --beside FILE.test.ts FOLDER`: this file, which mostly waits, runs beside the others.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { needPath, readWords, refuse } from './lib/usage.mjs';
import { countTests, report, showFailure } from './lib/uvu.mjs';

const words = readWords(import.meta.url, { options: ['--beside'], more: true });
const beside = words[0] === '--beside' ? words.splice(0, 2).slice(1) : [];
if (words.length === 0) refuse('no FOLDER and no FILE.test.ts');
process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
for (const word of [...beside, ...words]) needPath(word);
const sources = words
  .flatMap((word) =>
    word.endsWith('.test.ts')
      ? [word]
      : readdirSync(word, { recursive: true })
          .filter((name) => name.endsWith('.test.ts'))
          .map((name) => join(word, name)),
  )
  .filter((source) => !beside.includes(source))
  .sort();
const folder = `out/node/${process.pid}`;
mkdirSync(folder, { recursive: true });
let failed = false;
await Promise.all([runAll(beside), runAll(sources)]);
rmSync(folder, { recursive: true, force: true });
process.exit(failed ? 1 : 0);

async function runAll(files) {
  for (const source of files) {
    const started = performance.now();
    const bundle = join(folder, `${basename(source, '.ts')}.mjs`);
    await build({
      absWorkingDir: process.cwd(),
      entryPoints: [source],
      outfile: bundle,
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
      target: 'node20',
      sourcemap: 'inline',
      logLevel: 'warning',
    });
    const run = await ended(['--enable-source-maps', bundle]);
    const counts = countTests(run);
    if (counts.failed > 0) {
      failed = true;
      showFailure(run);
    }
    report(source.replace(/^test\//, '').replace(/\.test\.ts$/, ''), counts, started);
  }
}

/** The result of a run of Node, as spawnSync gives it. */
async function ended(parameters) {
  const child = spawn(process.execPath, parameters, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { NO_COLOR: '1', ...process.env },
  });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      texts[name] += text;
    });
  }
  const [status, signal] = await once(child, 'close');
  return { ...texts, status, signal };
}
