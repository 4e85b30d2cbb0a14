// Bundles the world's programs for the quickjs host, and copies the shell scripts that use them.
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { HOST_BUNDLE } from '../../lib/host-bundle.ts';

const PROGRAMS = [
  'internet',
  'resolver',
  'device',
  'noise',
  'adversary',
  'ferry',
  'call',
  'probe',
  'flood',
  'arrivals',
  'sleeper',
  'families',
];
const PROXY = 'whp-proxy';
const SCRIPTS = ['topology.sh', 'topology6.sh', 'udhcpc.sh', 'play.sh'];

/** Bundles every program of test/lab/world into `outdir`; resolves to the names of the files there. */
export async function bundleWorld(outdir: string, root = process.cwd()): Promise<string[]> {
  const source = join(root, 'test/lab/world');
  mkdirSync(outdir, { recursive: true });
  await build({
    ...HOST_BUNDLE,
    entryPoints: PROGRAMS.map((name) => join(source, `${name}.ts`)),
    outdir,
  });
  for (const script of SCRIPTS) copyFileSync(join(source, script), join(outdir, script));
  // The world's proxies are set up by the owner's script.
  copyFileSync(join(root, 'cloud-proxy', PROXY), join(outdir, PROXY));
  return [...PROGRAMS.map((name) => `${name}.js`), ...SCRIPTS, PROXY];
}
