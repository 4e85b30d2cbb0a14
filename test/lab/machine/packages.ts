// First step of an image: names of Debian packages -> their .deb files in the cache, with all they
// depend on. apt resolves and checks signatures in a configuration of its own, so neither the
// host's package lists nor its architecture matter, and no root is needed.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { command } from './command.ts';
import { cacheDirectory } from './paths.ts';

export type DebianArchitecture = 'amd64' | 'mipsel';
type Architecture = DebianArchitecture | 'mips64el';

const DEBIAN_12 = 'bookworm';

/** Set by scripts/lab.sh; asked for only where something is fetched. */
function mirror(): string {
  const address = process.env.WHP_MIRROR;
  if (!address) throw new Error('no Debian mirror is known: name one in WHP_MIRROR');
  return address.replace(/\/$/, '');
}
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

// Said to be installed already: what they do (maintainer scripts, initramfs of the distribution,
// user accounts) happens nowhere here, since packages are only unpacked.
const ASSUMED = [
  'adduser',
  'debconf',
  'init-system-helpers',
  'initramfs-tools',
  'kmod',
  'libcap2-bin',
  'linux-base',
  'lsb-base',
  'sysvinit-utils',
];

/** Where apt's state for these suites is kept. */
function aptDirectory(architecture: Architecture, suites: readonly string[]): string {
  const others = suites.filter((suite) => suite !== DEBIAN_12);
  return cacheDirectory(`apt/${[architecture, ...others].join('-')}`);
}

/** Writes private apt directories into `base`; answers the APT_CONFIG environment. */
function aptEnvironment(
  base: string,
  architecture: Architecture,
  suites: readonly string[],
  kinds: readonly ('deb' | 'deb-src')[],
): Record<string, string> {
  for (const name of ['lists/partial', 'archives/partial', 'etc', 'none']) {
    mkdirSync(join(base, name), { recursive: true });
  }
  const list = kinds.flatMap((kind) =>
    suites.map((suite) => `${kind} [signed-by=${KEYRING}] ${mirror()} ${suite} main\n`),
  );
  writeFileSync(join(base, 'etc/sources.list'), list.join(''));
  const status = ASSUMED.map(
    (name) =>
      `Package: ${name}\nStatus: install ok installed\nVersion: 9999\n` +
      `Architecture: all\nMulti-Arch: foreign\nMaintainer: lab\nDescription: assumed\n\n`,
  );
  writeFileSync(join(base, 'status'), status.join(''));
  const config = `
    Dir::Etc::SourceList "${base}/etc/sources.list";
    Dir::Etc::SourceParts "${base}/none";
    Dir::Etc::Parts "${base}/none";
    Dir::Etc::Preferences "${base}/none/preferences";
    Dir::Etc::PreferencesParts "${base}/none";
    Dir::State "${base}";
    Dir::State::Lists "${base}/lists";
    Dir::State::status "${base}/status";
    Dir::Cache "${base}";
    Dir::Log "${base}";
    APT::Architecture "${architecture}";
    APT::Architectures { "${architecture}"; };
    APT::Install-Recommends "false";
    APT::Sandbox::User "";
    Acquire::Languages "none";
    Acquire::Retries "3";
    Acquire::http::Timeout "30";
  `;
  writeFileSync(join(base, 'apt.conf'), config);
  return { APT_CONFIG: join(base, 'apt.conf') };
}

export interface PackageSet {
  /** Absolute paths of the .deb files, dependencies included. */
  readonly debs: readonly string[];
  /** Changes when any package of the set does. */
  readonly key: string;
}

/**
 * The packages `names` of `release` and what they depend on, as files; NAME/SUITE is one of another
 * suite, such as bookworm-backports. The set is resolved once and then kept (WHP_REFRESH=1 asks the
 * archive again), so a second lab needs no network.
 */
export async function fetchPackages(
  architecture: Architecture,
  names: readonly string[],
  say: (line: string) => void,
  release = DEBIAN_12,
): Promise<PackageSet> {
  const suites = [...new Set([release, ...names.flatMap((name) => name.split('/').slice(1))])];
  const directory = aptDirectory(architecture, suites);
  const pool = cacheDirectory('pool');
  const wanted = createHash('sha256').update(names.join(' ')).digest('hex');
  const record = join(directory, `set-${wanted.slice(0, 16)}.json`);
  if (process.env.WHP_REFRESH === undefined && existsSync(record)) {
    const files = JSON.parse(readFileSync(record, 'utf8')) as string[];
    if (files.every((file) => existsSync(join(pool, file)))) return packageSet(pool, files);
  }
  if (!existsSync(KEYRING)) {
    throw new Error(`${KEYRING} is missing: install the package debian-archive-keyring`);
  }
  const environment = aptEnvironment(directory, architecture, suites, ['deb']);
  say(`packages (${architecture}): reading the archive's signed index`);
  await command('apt-get', ['-q', 'update', '-o', 'APT::Update::Error-Mode=any'], { environment });
  const plan = await command('apt-get', ['-qq', '-y', '--print-uris', 'install', ...names], {
    environment,
  });
  const files: string[] = [];
  const missing: string[] = [];
  for (const line of plan.split('\n')) {
    const file = /^'[^']+' (\S+_(\S+)_\S+\.deb) /.exec(line)?.[1];
    if (file === undefined) continue;
    files.push(file);
    const [name, version] = file.split('_');
    if (!existsSync(join(pool, file)) && name !== undefined && version !== undefined) {
      missing.push(`${name}=${decodeURIComponent(version)}`);
    }
  }
  if (files.length === 0) throw new Error(`apt-get found nothing to fetch for ${names.join(' ')}`);
  if (missing.length > 0) {
    say(`packages (${architecture}): fetching ${missing.length} of ${files.length}`);
    // apt-get download compares each file with the checksum in the signed index.
    const arrived = cacheDirectory(`apt/${architecture}/arrived-${process.pid}`);
    await command('apt-get', ['-q', 'download', ...missing], { environment, cwd: arrived });
    for (const file of files) {
      if (existsSync(join(arrived, file))) renameSync(join(arrived, file), join(pool, file));
    }
  }
  const lost = files.filter((file) => !existsSync(join(pool, file)));
  if (lost.length > 0) throw new Error(`apt-get download did not bring ${lost.join(' ')}`);
  writeFileSync(record, JSON.stringify(files, null, 1));
  return packageSet(pool, files);
}

/** The files of the source package `name` of Debian 12 (.dsc, archives), checked by apt. */
export async function fetchSource(
  name: string,
  say: (line: string) => void,
): Promise<readonly string[]> {
  const directory = cacheDirectory(`source/${name}`);
  const files = (): string[] => readdirSync(directory).map((file) => join(directory, file));
  if (files().some((file) => file.endsWith('.dsc'))) return files();
  const base = cacheDirectory('apt/amd64-src');
  const environment = aptEnvironment(base, 'amd64', [DEBIAN_12], ['deb', 'deb-src']);
  say(`source ${name}: fetching`);
  await command('apt-get', ['-q', 'update', '-o', 'APT::Update::Error-Mode=any'], { environment });
  await command('apt-get', ['-q', 'source', '--download-only', name], {
    environment,
    cwd: directory,
  });
  return files();
}

function packageSet(pool: string, files: readonly string[]): PackageSet {
  const key = createHash('sha256').update(files.join('\n')).digest('hex').slice(0, 16);
  return { debs: files.map((file) => join(pool, file)), key };
}

/** Unpacks .deb files into `root`, which keeps its links of merged /usr. */
export async function unpack(debs: readonly string[], root: string): Promise<void> {
  for (const path of ['usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64']) {
    mkdirSync(join(root, path), { recursive: true });
  }
  await command('ln', ['-sfn', 'usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', root]);
  for (const deb of debs) {
    await command('sh', [
      '-ec',
      'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink --no-same-owner -C "$2"',
      'unpack',
      deb,
      root,
    ]);
  }
}
