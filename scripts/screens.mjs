// Writes docs/screens: screenshots of the pages in LuCI, light and dark, from the running pages on an agent in namespaces.
// It needs root and Chromium, and takes two minutes. `screens.mjs --png FOLDER` writes PNG files to a folder too.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { needPath, readWords, refuse } from './lib/usage.mjs';

const words = readWords(import.meta.url, { options: ['--png'], more: true });
if (words.length > 0 && (words[0] !== '--png' || words.length !== 2)) refuse('--png FOLDER');
if (words[1] !== undefined) needPath(words[1]);
process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));

const pages = spawnSync('node', ['scripts/luci.mjs'], { stdio: 'inherit' });
if (pages.status !== 0) process.exit(1);
const folder = `out/screens/${process.pid}`;
mkdirSync(folder, { recursive: true });
const outfile = join(folder, 'take.mjs');
await build({
  entryPoints: ['scripts/screens/take.ts'],
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
  packages: 'external',
  target: 'node20',
  logLevel: 'warning',
});
const { status } = spawnSync('node', [outfile, ...words], { stdio: 'inherit' });
rmSync(folder, { recursive: true, force: true });
process.exit(status ?? 1);
