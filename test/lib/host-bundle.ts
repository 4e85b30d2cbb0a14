// esbuild options for test programs that run in the host: one file; the host provides the modules qjs: and
// whp:.
import type { BuildOptions } from 'esbuild';

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
