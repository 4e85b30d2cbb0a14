// Builds the agent: agent/src/main.ts and all its imports -> out/whp, one executable file whose first line
// names the host program. Prints its size and fails above the budget.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { AGENT } from './lib/agent.mjs';
import { readWords } from './lib/usage.mjs';

// The engine compiles the whole file once a boot, some 2 ms a KB on a 24K router, and keeps its bytecode in
// RAM. scripts/package.sh bounds the package, of which this file is a third. See docs/decisions.md, "The bundle
// has a budget"; out/whp.meta.json has the bytes of each file.
const BUDGET_BYTES = 528 * 1024;

readWords(import.meta.url);
process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
mkdirSync('out', { recursive: true });
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const { metafile, outputFiles } = await build({
  ...AGENT,
  absWorkingDir: process.cwd(),
  entryPoints: ['agent/src/main.ts'],
  outfile: 'out/whp',
  write: false,
  metafile: true,
  minify: true,
  define: { process: 'undefined', WHP_VERSION: JSON.stringify(version) },
  banner: { js: '#!/usr/lib/whp/whp-host' },
  legalComments: 'none',
});
const [bundle] = outputFiles;
writeFileSync('out/whp', bundle.contents);
chmodSync('out/whp', 0o755);
writeFileSync('out/whp.meta.json', JSON.stringify(metafile));

const bytes = bundle.contents.length;
const xz = spawnSync('xz', ['-9e', '-c'], { input: readFileSync('out/whp') });
const packed = xz.status === 0 ? `, ${xz.stdout.length} xz` : '';
console.log(
  `out/whp: ${bytes} bytes, ${gzipSync(bundle.contents, { level: 9 }).length} gz${packed}`,
);
if (bytes > BUDGET_BYTES) {
  const heaviest = Object.entries(metafile.outputs['out/whp'].inputs)
    .sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput)
    .slice(0, 5)
    .map(([path, { bytesInOutput }]) => `  ${bytesInOutput} ${path}`);
  console.error(`out/whp is over its budget of ${BUDGET_BYTES} bytes. Heaviest:`);
  console.error(heaviest.join('\n'));
  process.exit(1);
}
