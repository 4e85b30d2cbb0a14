// Prints the table of docs/replay.md: the real captures in ../shared/captures through `whp replay`,
// beside what nDPI says of them. Needs out/whp and out/host/x86_64; installs libndpi-bin as root.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { readWords } from './lib/usage.mjs';

readWords(import.meta.url);
process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
if (existsSync('../shared/captures')) {
  const need = '. scripts/lib/packages.sh && need ndpiReader=libndpi-bin';
  spawnSync('bash', ['-c', need], { stdio: ['ignore', 'ignore', 'inherit'] });
}
const outfile = `out/captures-${process.pid}.mjs`;
await build({
  absWorkingDir: process.cwd(),
  entryPoints: ['test/captures/table.ts'],
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
});
const run = spawnSync('node', [outfile], { stdio: 'inherit' });
rmSync(outfile);
process.exit(run.status ?? 1);
