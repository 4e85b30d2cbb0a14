// How a program of the tests is bundled for the host: one file, whose imports of qjs: and whp: the host answers.
import type { BuildOptions } from 'esbuild';

/** dns-packet imports `buffer`; no program calls what would need it. */
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
