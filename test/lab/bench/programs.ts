// The benchmark's programs as single files for the quickjs host, ready for a machine's files.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { ProjectFile } from '../machine/image.ts';
import { projectRoot } from '../machine/paths.ts';

/** Bundles each source (path below the project) to `directory`/NAME.mjs. */
export async function bundle(
  sources: Readonly<Record<string, string>>,
  directory: string,
): Promise<Map<string, ProjectFile>> {
  const root = projectRoot();
  const outdir = mkdtempSync(join(tmpdir(), 'whp-bench-'));
  try {
    await build({
      absWorkingDir: root,
      entryPoints: Object.entries(sources).map(([out, source]) => ({ out, in: source })),
      outdir,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      format: 'esm',
      platform: 'neutral',
      mainFields: ['module', 'main'],
      target: 'es2022',
      external: ['qjs:*', 'whp:*'],
      // dns-packet asks for it; what is measured calls nothing of it.
      alias: { buffer: './agent/src/wire/message-bytes.ts' },
      define: { process: 'undefined' },
      logLevel: 'warning',
    });
    return new Map(
      Object.keys(sources).map((name): [string, ProjectFile] => {
        const bytes = readFileSync(join(outdir, `${name}.mjs`));
        return [`${directory}/${name}.mjs`, { bytes, mode: 0o644 }];
      }),
    );
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}
