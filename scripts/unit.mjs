// Runs the unit tests: bundles every test/unit/**/*.test.ts once and runs each bundle in Node or
// in the quickjs host. The same files, unchanged, in both: `unit.mjs node`, or `unit.mjs HOST...`
// where HOST is the command that runs a bundle (`qemu-mips out/host/mips/whp-host`).
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const [runner = 'node', ...rest] = process.argv.slice(2);
const only = rest.at(-1)?.endsWith('.test.ts') ? [rest.pop()] : undefined;
const sources =
  only ??
  readdirSync('test/unit', { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join('test/unit', name))
    .sort();
const outdir = `out/unit/${process.pid}`;
mkdirSync(outdir, { recursive: true });
await build({
  entryPoints: sources,
  outdir,
  outbase: 'test/unit',
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  conditions: ['import'],
  target: 'es2022',
  outExtension: { '.js': '.mjs' },
  external: ['qjs:*', 'whp:*'],
  inject: runner === 'node' ? [] : ['test/lib/process-shim.ts'],
  logLevel: 'warning',
});
let passed = 0;
let failed = 0;
for (const source of sources) {
  const bundle = join(outdir, source.replace(/^test\/unit\//, '').replace(/\.ts$/, '.mjs'));
  const run = spawnSync(runner, [...rest, bundle], { encoding: 'utf8' });
  const good = Number(/Passed:\s+(\d+)/.exec(run.stdout)?.[1] ?? 0);
  const total = Number(/Total:\s+(\d+)/.exec(run.stdout)?.[1] ?? 0);
  passed += good;
  failed += Math.max(total - good, run.status === 0 ? 0 : 1);
  if (run.status !== 0 || total === 0) {
    process.stdout.write(`${source}\n${run.stdout}${run.stderr}\n`);
    if (total === 0 && run.status === 0) failed += 1;
  }
}
rmSync(outdir, { recursive: true, force: true });
console.log(`unit (${[runner, ...rest].join(' ')}): ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
