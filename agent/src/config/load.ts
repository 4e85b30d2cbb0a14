// config/load: reads the configuration file and the profile folders and builds the policy. A file with a
// problem changes nothing.

import { ENOENT, EOVERFLOW } from 'whp:socket';
import { wallTime } from '../os/clock.ts';
import { errnoText } from '../os/errno.ts';
import { type FileRead, listNames, readText } from '../os/file.ts';
import { buildPolicy } from '../policy/build.ts';
import type { App, Policy } from '../policy/policy.ts';
import { parseDoh } from '../profile/doh.ts';
import { dayOf } from '../profile/expiry.ts';
import { parseProfile } from '../profile/parse.ts';
import type { Profile } from '../profile/profile.ts';
import { readHosts } from '../router/dhcp-files.ts';
import type { Host } from '../syntax/dhcp-hosts.ts';
import { fail, ok, type Problem, type Result } from '../syntax/result.ts';
import { parseUci, type UciPackage } from '../syntax/uci.ts';

export interface Sources {
  /** UCI file, in the format of /etc/config or of `uci export`. */
  readonly config: string;
  /** Folder of the shipped *.json profiles. */
  readonly profiles: string;
  /** Folder of the owner's files: profiles.d/, and the state that the agent keeps over a restart. */
  readonly state: string;
}

/** A profile and its file. */
export interface ProfileFile {
  readonly profile: Profile;
  readonly path: string;
  readonly text: string;
  /** true: from the owner's folder; it may replace a shipped profile of the same name. */
  readonly own: boolean;
}

/** The parsed inputs of the policy, and the texts of the files that the owner may change. */
export interface Configuration {
  readonly text: string;
  readonly uci: UciPackage;
  readonly profiles: ReadonlyMap<string, ProfileFile>;
  /** Addresses of known DoH services; null: there is no such file, or (last good configuration) it is not readable. */
  readonly doh: readonly string[] | null;
}

/**
 * Bytes. A hundred sections have about ten thousand, two thousand addresses fill it. A larger file would keep
 * the smallest router busy for longer than the watchdog allows.
 */
const LARGEST_CONFIGURATION = 1 << 16;

/** The folder of the owner's profiles. */
export function ownProfiles(sources: Pick<Sources, 'state'>): string {
  return `${sources.state}/profiles.d`;
}

interface ProfileFolder {
  readonly folder: string;
  readonly names: readonly string[];
  readonly isOwn: boolean;
}

/** All profiles by name; an own profile replaces a shipped one. Otherwise the problems of all files. */
export function loadProfiles(sources: Sources): Result<Map<string, ProfileFile>> {
  const shipped = profileFolder(sources.profiles, false);
  if (!shipped.ok) return shipped;
  const own = profileFolder(ownProfiles(sources), true);
  return own.ok ? profilesIn([shipped.value, own.value]) : own;
}

/** The same without the owner's. */
export function loadShipped({
  profiles,
}: Pick<Sources, 'profiles'>): Result<Map<string, ProfileFile>> {
  const shipped = profileFolder(profiles, false);
  return shipped.ok ? profilesIn([shipped.value]) : shipped;
}

/** The folder of the owner's profiles is missing on most routers. */
function profileFolder(folder: string, isOwn: boolean): Result<ProfileFolder> {
  const read = listNames(folder);
  if (read.ok) return ok({ folder, names: read.names, isOwn });
  if (isOwn && read.errno === ENOENT) return ok({ folder, names: [], isOwn });
  return fail(folder, `cannot be read: ${errnoText(read.errno)}`);
}

function profilesIn(folders: readonly ProfileFolder[]): Result<Map<string, ProfileFile>> {
  const profiles = new Map<string, ProfileFile>();
  const problems: Problem[] = [];
  for (const { folder, names, isOwn } of folders) {
    for (const name of names) {
      if (!name.endsWith('.json') || name.endsWith('.schema.json')) continue;
      const read = installedProfile(`${folder}/${name}`, isOwn);
      if (!read.ok) problems.push(...read.problems);
      else if (profiles.get(read.value.profile.name)?.own === true) {
        const { profile, path } = read.value;
        const other = profiles.get(profile.name)!.path;
        problems.push({ where: path, what: `${other} is profile ${profile.name} too; remove one` });
      } else profiles.set(read.value.profile.name, read.value);
    }
  }
  return problems.length === 0 ? ok(profiles) : { ok: false, problems };
}

export function loadProfile(path: string, own: boolean): Result<ProfileFile> {
  return profileIn(readText(path), path, own);
}

function profileIn(read: FileRead, path: string, own: boolean): Result<ProfileFile> {
  if (!read.ok) return fail(path, `cannot be read: ${errnoText(read.errno)}`);
  const parsed = parseProfile(read.text, path);
  return parsed.ok ? ok({ profile: parsed.value, path, text: read.text, own }) : parsed;
}

/**
 * Checked profiles by path: a check takes a tenth of a second on a slow router, and the files rarely change.
 */
const checked = new Map<string, ProfileFile>();

function installedProfile(path: string, own: boolean): Result<ProfileFile> {
  const read = readText(path);
  const known = checked.get(path);
  if (read.ok && known?.text === read.text && known.own === own) return ok(known);
  const file = profileIn(read, path, own);
  if (file.ok) checked.set(path, file.value);
  return file;
}

/** What was found good: checking it again at the next start takes a slow router long. */
export interface CheckedFiles {
  readonly profiles: readonly ProfileFile[];
  readonly doh: typeof listed;
}

export function checkedFiles(): CheckedFiles {
  return { profiles: Array.from(checked.values()), doh: listed };
}

/** Takes those of an earlier agent of the same program. */
export function trustFiles({ profiles, doh }: CheckedFiles): void {
  for (const one of profiles) checked.set(one.path, one);
  listed = doh;
}

/** The same for the list of DoH services. */
let listed = { text: '', addresses: [] as readonly string[] };

/** Addresses of the known DoH services, from doh.json beside the profile folder; null: there is no such file. */
export function loadDoh(folder: string): Result<readonly string[] | null> {
  const path = `${folder.replace(/\/[^/]*\/?$/, '')}/doh.json`;
  const read = readText(path);
  if (!read.ok && read.errno === ENOENT) return ok(null);
  if (!read.ok)
    return fail(path, `cannot be read: ${errnoText(read.errno)}; install the package again`);
  const { text } = read;
  if (listed.text === text) return ok(listed.addresses);
  const parsed = parseDoh(text, path);
  if (parsed.ok) listed = { text, addresses: parsed.value };
  return parsed;
}

/**
 * Reads and parses the files; `policyOf` checks the content of the sections. `known`: an earlier result for
 * the same file, reused where the texts are unchanged and returned itself if nothing has changed.
 */
export function loadConfiguration(
  sources: Sources,
  known: Configuration | null = null,
): Result<Configuration> {
  const read = readText(sources.config, LARGEST_CONFIGURATION);
  if (!read.ok && read.errno === EOVERFLOW) {
    const what = `is larger than ${LARGEST_CONFIGURATION} bytes; ${smallerFix(sources.config)}`;
    return fail(sources.config, what);
  }
  if (!read.ok) return fail(sources.config, `cannot be read: ${errnoText(read.errno)}`);
  const profiles = loadProfiles(sources);
  if (!profiles.ok) return profiles;
  const doh = loadDoh(sources.profiles);
  if (!doh.ok) return doh;
  const [files, addresses] = [profiles.value, doh.value];
  if (known?.text !== read.text)
    return parseConfiguration(read.text, sources.config, files, addresses);
  const isSame = known.doh === addresses && sameProfiles(known.profiles, files);
  return ok(isSame ? known : { ...known, profiles: files, doh: addresses });
}

/** Bytes of a too large file that are read to find what fills it. */
const LOOKED_AT = 1 << 18;

/** The fix for a too large file: shorter forms for the lists that fill it. */
function smallerFix(path: string): string {
  const read = readText(path, LOOKED_AT);
  const text = read.ok ? read.text : '';
  const count = (option: string): number =>
    text.split(new RegExp(`^\\s*list\\s+['"]?${option}\\b`, 'gm')).length - 1;
  const [names, addresses] = [count('name'), count('address')];
  const forNames = 'write a name once for all names below it (example.com for a.example.com)';
  const forAddresses = 'write networks (198.51.100.0/24) instead of single addresses';
  if (names > 0 && addresses === 0) return forNames;
  if (addresses > 0 && names === 0) return forAddresses;
  return `${forAddresses}, and ${forNames}`;
}

/** Compares by identity: unchanged files give the same objects. */
function sameProfiles(a: Configuration['profiles'], b: Configuration['profiles']): boolean {
  return a.size === b.size && Array.from(a).every(([name, file]) => b.get(name) === file);
}

/** `file`: the name in `where` of a problem. */
export function parseConfiguration(
  text: string,
  file: string,
  profiles: ReadonlyMap<string, ProfileFile>,
  doh: readonly string[] | null,
): Result<Configuration> {
  const uci = parseUci(text, file);
  return uci.ok ? ok({ text, uci: uci.value, profiles, doh }) : uci;
}

/** Apps of an earlier policy. They keep their slots, because the marks of live flows contain them. */
export interface Before {
  readonly apps: readonly Pick<App, 'name' | 'slot'>[];
}

/** The policy of a configuration. `before`: the policy in force, or that of an earlier agent. */
export function policyOf(
  { uci, profiles, doh }: Configuration,
  hosts: readonly Host[],
  before: Before | null,
): Result<Policy> {
  const byName = new Map(Array.from(profiles, ([name, { profile }]) => [name, profile]));
  const slots = new Map(before?.apps.map(({ name, slot }) => [name, slot]));
  const today = dayOf(wallTime());
  const data = doh === null ? {} : { doh };
  return buildPolicy({ uci, profiles: byName, slots, today, hosts, ...data });
}

/** Reads the files and builds the policy, for commands that need no agent. */
export function loadPolicy(sources: Sources, before: Before | null): Result<Policy> {
  const loaded = loadConfiguration(sources);
  return loaded.ok ? policyOf(loaded.value, readHosts(), before) : loaded;
}
