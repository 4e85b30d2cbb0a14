// Packages -> what a machine boots from: kernel, initramfs and a squashfs of the packages, cached
// by content. The project's own files (agent, router configuration, world programs) are a second,
// small squashfs that every lab makes anew, so that editing them never rebuilds the first.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { command } from './command.ts';
import { type CpioEntry, cpio } from './cpio.ts';
import { installModules, moduleClosure } from './modules.ts';
import { fetchPackages, unpack } from './packages.ts';
import { cacheDirectory, projectRoot } from './paths.ts';
import { INITRAMFS_PACKAGE, type Role } from './roles.ts';

export interface Image {
  readonly kernel: string;
  readonly initramfs: string;
  /** The packages, for /dev/vda. */
  readonly base: string;
}

/** A file of the project layer: absolute path in the machine -> its bytes and mode. */
export interface ProjectFile {
  readonly bytes: Uint8Array;
  readonly mode: number;
}

// Nothing in a machine reads these.
const PRUNED = [
  'boot',
  'usr/lib/modules',
  'usr/lib/systemd',
  'usr/share/bash-completion',
  'usr/share/bug',
  'usr/share/doc',
  'usr/share/doc-base',
  'usr/share/info',
  'usr/share/lintian',
  'usr/share/locale',
  'usr/share/man',
];

const SQUASH = ['-noappend', '-all-root', '-no-xattrs', '-no-progress', '-quiet', '-comp', 'lz4'];

// Raised when the steps below change what an image holds.
const RECIPE = 2;

/** The image of `role`, from the cache or made now (minutes when packages have to be fetched). */
export async function image(role: Role, say: (line: string) => void): Promise<Image> {
  const set = await fetchPackages(role.architecture, role.packages, say, role.release);
  const { architecture, name: kernelPackage } = role.kernel;
  const kernel = await fetchPackages(architecture, [kernelPackage], say, role.release);
  const small = await fetchPackages(role.architecture, [INITRAMFS_PACKAGE], say);
  const init = readFileSync(join(projectRoot(), 'test/lab/image/init.sh'));
  const key = createHash('sha256')
    .update(JSON.stringify([set.key, kernel.key, small.key, role, PRUNED, SQUASH, RECIPE]))
    .update(init)
    .digest('hex')
    .slice(0, 16);
  const name = `${role.name}-${role.architecture}-${key}`;
  const done = join(cacheDirectory('images'), name);
  const made: Image = {
    kernel: join(done, 'kernel'),
    initramfs: join(done, 'initramfs'),
    base: join(done, 'base.squashfs'),
  };
  if (existsSync(made.base)) return made;
  say(`image ${name}: unpacking ${set.debs.length + kernel.debs.length} packages`);
  const work = mkdtempSync(join(cacheDirectory('images'), 'making-'));
  try {
    const root = join(work, 'root');
    mkdirSync(root);
    await unpack([...set.debs, ...kernel.debs], root);
    await unpack(small.debs, join(work, 'small'));
    const busybox = readFileSync(join(work, 'small/usr/bin/busybox'));
    await build(role, root, work, (modules) => cpio(initramfs(busybox, init, modules)));
    rmSync(root, { recursive: true, force: true });
    rmSync(join(work, 'small'), { recursive: true, force: true });
    if (!existsSync(done)) renameSync(work, done);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  say(`image ${name}: ready`);
  return made;
}

/** Turns the unpacked packages in `root` into the files of an image in `work`. */
async function build(
  role: Role,
  root: string,
  work: string,
  archive: (modules: readonly Buffer[]) => Buffer,
): Promise<void> {
  const boot = join(root, 'boot');
  const kernel = readdirSync(boot).find((file) => file.startsWith('vmlinuz'));
  if (kernel === undefined) throw new Error(`no vmlinuz in the packages of ${role.name}`);
  copyFileSync(join(boot, kernel), join(work, 'kernel'));
  const version = kernel.replace(/^vmlinuz-/, '');
  const tree = join(root, 'usr/lib/modules', version);
  // Newer kernels pack each module.
  await command('find', [tree, '-name', '*.ko.xz', '-exec', 'xz', '-d', '{}', '+']);
  const early = moduleClosure(tree, role.early);
  writeFileSync(
    join(work, 'initramfs'),
    archive(early.map((module) => readFileSync(join(tree, module.path)))),
  );
  const kept = join(work, 'modules');
  installModules(tree, kept, moduleClosure(tree, role.modules));
  for (const path of PRUNED) rmSync(join(root, path), { recursive: true, force: true });
  cpSync(kept, join(root, 'usr/lib/modules', version), { recursive: true });
  rmSync(kept, { recursive: true });
  linkApplets(root);
  for (const path of ['dev', 'proc', 'sys', 'tmp', 'run', 'root', 'etc', 'mnt', 'var/lib/misc']) {
    mkdirSync(join(root, path), { recursive: true });
  }
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
  await command('mksquashfs', [root, join(work, 'base.squashfs'), ...SQUASH]);
}

/** Names of the programs a busybox binary holds: its table of NUL-separated, sorted names. */
export function appletNames(busybox: Buffer): string[] {
  const start = busybox.indexOf('\0[\0[[\0', 0, 'latin1') + 1;
  const end = busybox.indexOf('\0\0', start, 'latin1');
  if (start === 0 || end < 0) throw new Error('busybox: no table of applets found in the binary');
  const names = busybox.toString('latin1', start, end).split('\0');
  return names.filter((name) => name !== 'busybox');
}

function linkApplets(root: string): void {
  const busybox = readFileSync(join(root, 'usr/bin/busybox'));
  const taken = new Set(['bin', 'sbin'].flatMap((name) => readdirSync(join(root, 'usr', name))));
  for (const applet of appletNames(busybox)) {
    if (!taken.has(applet)) symlinkSync('busybox', join(root, 'usr/bin', applet));
  }
  // Called by the kernel under these names.
  for (const name of ['init', 'modprobe'])
    symlinkSync('../bin/busybox', join(root, 'usr/sbin', name));
}

/** A minimal initramfs: busybox, `init` as the first process, `modules` in loading order. */
export function initramfs(
  busybox: Buffer,
  init: Buffer,
  modules: readonly Buffer[] = [],
): CpioEntry[] {
  const names = modules.map((_, index) => `${String(index).padStart(2, '0')}.ko`);
  const directories = [
    'bin',
    'dev',
    'proc',
    'sys',
    'm',
    'base',
    'project',
    'memory',
    'root',
    'tmp',
  ];
  return [
    ...directories.map((path): CpioEntry => ({ path, kind: 'directory' })),
    // The kernel opens it as the first process's standard output, before devtmpfs is mounted.
    { path: 'dev/console', kind: 'character', major: 5, minor: 1 },
    { path: 'bin/busybox', kind: 'file', mode: 0o755, bytes: busybox },
    ...appletNames(busybox).map(
      (name): CpioEntry => ({ path: `bin/${name}`, kind: 'link', target: 'busybox' }),
    ),
    { path: 'init', kind: 'file', mode: 0o755, bytes: init },
    { path: 'modules', kind: 'file', mode: 0o644, bytes: Buffer.from(names.join('\n')) },
    ...modules.map(
      (bytes, index): CpioEntry => ({
        path: `m/${names[index]}`,
        kind: 'file',
        mode: 0o644,
        bytes,
      }),
    ),
  ];
}

/** Packs directory trees (later ones win) and `files` as the project layer `target`. */
export async function projectLayer(
  target: string,
  trees: readonly string[],
  files: ReadonlyMap<string, ProjectFile>,
): Promise<void> {
  const stage = `${target}.stage`;
  mkdirSync(stage);
  for (const tree of trees) {
    if (existsSync(tree)) cpSync(tree, stage, { recursive: true });
  }
  for (const [path, file] of files) {
    const at = join(stage, path);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, file.bytes);
    chmodSync(at, file.mode);
  }
  await command('mksquashfs', [stage, target, ...SQUASH]);
  rmSync(stage, { recursive: true });
}
