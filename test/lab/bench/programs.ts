// The benchmark's programs as single files for the quickjs host, ready for a machine's files.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { HOST_BUNDLE } from '../../lib/host-bundle.ts';
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
      ...HOST_BUNDLE,
      absWorkingDir: root,
      entryPoints: Object.entries(sources).map(([out, source]) => ({ out, in: source })),
      outdir,
      outExtension: { '.js': '.mjs' },
      define: { process: 'undefined' },
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
