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

export interface Packages {
  readonly files: Map<string, ProjectFile>;
  readonly old: string;
  readonly current: string;
  /** The same two as the stand-in for apk takes them. */
  readonly oldApk: string;
  readonly apk: string;
}

/** Builds both versions for a router; answers the router's files and where they are there. */
export async function packages(
  kind: PackagedRouter,
  say: (line: string) => void,
): Promise<Packages> {
  const root = projectRoot();
  const architecture = ARCHITECTURES[kind];
  const made = join(root, 'out/package');
  const work = join(made, architecture);
  const files = tree(join(root, 'test/lab/package/root'));
  const add = (path: string, file: string): string => {
    files.set(path, { bytes: readFileSync(file), mode: 0o644 });
    return path;
  };
  /** Answers what it printed, and where the .ipk and apk's tree are on the router. */
  const build = async (words: string[]): Promise<[said: string, ipk: string, apk: string]> => {
    const run = (program: string, ...rest: string[]): Promise<string> =>
      command(program, rest, { timeout: 600_000 });
    const said = await run(join(root, 'scripts/package.sh'), ...words, architecture);
    const control = readFileSync(join(work, 'control/control'), 'utf8');
    const version = words[1] ?? /^Version: (.*)$/m.exec(control)?.[1] ?? '';
    const packed = `. scripts/lib/apk.sh && apk_tree "$1" && echo "$2" >"$1/apk/version" && tar -cf "$1.apk" -C "$1/apk" .`;
    await run('bash', '--norc', '-c', `cd ${root} && ${packed}`, 'apk', work, version);
    const name = `whp_${version}_${architecture}`;
    const ipk = add(`/root/${name}.ipk`, join(made, `${name}.ipk`));
    return [said, ipk, add(`/root/${name}.apk`, `${work}.apk`)];
  };
  const [, old, oldApk] = await build(['--version', OLD]);
  const [said, current, apk] = await build([]);
  say(said.trim().split('\n').slice(-3).join('\nlab: '));
  for (const [path, file] of tree(join(work, 'library'), '/usr/lib')) files.set(path, file);
  return { files, old, current, oldApk, apk };
}

/** A router that has the parts of OpenWrt that the package relies on, and nothing of ours. */
export async function makeBare(router: Machine): Promise<void> {
  await router.must(
    `mkdir -p /etc/rc.d /usr/lib/opkg/info /usr/lib/opkg/sums /tmp/procd /tmp/.uci /var/lock
     for folder in /etc/uci-defaults /lib/upgrade/keep.d /usr/share/rpcd/acl.d /usr/libexec/rpcd; do
       mkdir -p $folder; : >$folder/of-another
     done
     fw4 start; sysctl -q -w net.netfilter.nf_conntrack_acct=1; :`,
  );
}
