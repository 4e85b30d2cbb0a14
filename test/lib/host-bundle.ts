// esbuild options for test programs that run in the host: one file; the host provides the modules qjs: and
// whp:.
import { mkdirSync } from 'node:fs';
import { basename } from 'node:path';
import { type BuildOptions, buildSync } from 'esbuild';

/** dns-packet imports `buffer`; no test program calls the functions that need it. */
export const HOST_BUNDLE = {
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  target: 'es2022',
  external: ['qjs:*', 'whp:*'],
  alias: { buffer: './agent/src/wire/message-bytes.ts' },
  logLevel: 'warning',
} satisfies BuildOptions;

const FOLDER = 'out/netns';

/** Bundles a program; answers the path of the bundle. */
export function bundleForHost(source: string): string {
  mkdirSync(FOLDER, { recursive: true });
  const outfile = `${FOLDER}/${basename(source, '.ts')}.mjs`;
  buildSync({ ...HOST_BUNDLE, entryPoints: [source], outfile });
  return outfile;
}
