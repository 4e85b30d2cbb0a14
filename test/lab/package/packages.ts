// The packages of a lab session: an older and the current version, and the parts of OpenWrt that no
// Debian package has. main.ts and walkthrough.ts put them on a router that has never seen them.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { command } from '../machine/command.ts';
import type { ProjectFile } from '../machine/image.ts';
import type { Machine } from '../machine/machine.ts';
import { projectRoot } from '../machine/paths.ts';

const ARCHITECTURES = { mipsel: 'mipsel_24kc', x86_64: 'x86_64' };
export const OLD = '0.0.9-r1';

export type PackagedRouter = keyof typeof ARCHITECTURES;

/** The files below `directory`, for the machine's root. */
function tree(directory: string, at = '/'): Map<string, ProjectFile> {
  const files = new Map<string, ProjectFile>();
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const { mode } = statSync(path);
    if (statSync(path).isDirectory()) {
      for (const [inner, file] of tree(path, join(at, name))) files.set(inner, file);
    } else files.set(join(at, name), { bytes: readFileSync(path), mode: mode & 0o777 });
  }
  return files;
}

interface Packages {
  readonly files: Map<string, ProjectFile>;
  readonly old: string;
  readonly current: string;
}

/** Builds both versions for a router; answers the router's files and where they are there. */
export async function packages(
  kind: PackagedRouter,
  say: (line: string) => void,
): Promise<Packages> {
  const root = projectRoot();
  const architecture = ARCHITECTURES[kind];
  const build = (words: string[]): Promise<string> =>
    command(join(root, 'scripts/package.sh'), [...words, architecture], { timeout: 600_000 });
  await build(['--version', OLD]);
  say((await build([])).trim().split('\n').slice(-3).join('\nlab: '));
  const made = join(root, 'out/package');
  const files = tree(join(root, 'test/lab/package/root'));
  for (const [path, file] of tree(join(made, architecture, 'library'), '/usr/lib'))
    files.set(path, file);
  const name = /^Version: (.*)$/m.exec(
    readFileSync(join(made, architecture, 'control/control'), 'utf8'),
  )?.[1];
  const at = (version: string): string => `/root/whp_${version}_${architecture}.ipk`;
  for (const version of [OLD, name ?? '']) {
    const file = join(made, `whp_${version}_${architecture}.ipk`);
    files.set(at(version), { bytes: readFileSync(file), mode: 0o644 });
  }
  return { files, old: at(OLD), current: at(name ?? '') };
}

/** A router that has the parts of OpenWrt that the package relies on, and nothing of ours. */
export async function makeBare(router: Machine): Promise<void> {
  await router.must(
    'mkdir -p /etc/rc.d /usr/lib/opkg/info /usr/lib/opkg/sums /tmp/procd; fw4 start; sysctl -q -w net.netfilter.nf_conntrack_acct=1; :',
  );
}
