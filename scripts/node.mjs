// Runs tests that need Node (files, child processes, namespaces): `node.mjs FOLDER` or `node.mjs
// FILE.test.ts...`. Each file is bundled and runs in its own process, one after the other, in the project's
// root.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { needPath, readWords, refuse } from './lib/usage.mjs';
import { countTests, report, showFailure } from './lib/uvu.mjs';

const words = readWords(import.meta.url, { more: true });
if (words.length === 0) refuse('no FOLDER and no FILE.test.ts');
process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
for (const word of words) needPath(word);
const sources = words
  .flatMap((word) =>
    word.endsWith('.test.ts')
      ? [word]
      : readdirSync(word, { recursive: true })
          .filter((name) => name.endsWith('.test.ts'))
          .map((name) => join(word, name)),
  )
  .sort();
const folder = `out/node/${process.pid}`;
mkdirSync(folder, { recursive: true });
let failed = false;
for (const source of sources) {
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
  const run = spawnSync('node', ['--enable-source-maps', bundle], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    env: { NO_COLOR: '1', ...process.env },
  });
  const counts = countTests(run);
  if (counts.failed > 0) {
    failed = true;
    showFailure(run);
  }
  report(source.replace(/^test\//, '').replace(/\.test\.ts$/, ''), counts, started);
}
rmSync(folder, { recursive: true, force: true });
process.exit(failed ? 1 : 0);
