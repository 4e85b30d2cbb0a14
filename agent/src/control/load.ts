// control/load: the configuration file and the profile folder become the policy. Reads everything
// before it says yes: a bad file changes nothing. After: ruleset/compile, tunnel/plan, step.

import { buildPolicy } from '../policy/build.ts';
import { dayOf } from '../policy/expiry.ts';
import type { App, Policy } from '../policy/policy.ts';
import type { Profile } from '../policy/profile.ts';
import { parseProfile } from '../policy/profile-parse.ts';
import { fail, type Problem, type Result } from '../policy/result.ts';
import { parseUci } from '../policy/uci.ts';
import { wallTime } from '../system/clock.ts';
import { errnoText } from '../system/errno.ts';
import { listNames, readText } from '../system/file.ts';

export interface Sources {
  /** UCI file, as /etc/config has it or `uci export` prints it. */
  readonly config: string;
  /** Folder of *.json profiles. */
  readonly profiles: string;
}

/** All profiles of the folder; problems of every file at once. */
export function loadProfiles(folder: string): Result<Map<string, Profile>> {
  const names = listNames(folder);
  if (typeof names === 'number') return fail(folder, `cannot be read: ${errnoText(names)}`);
  const profiles = new Map<string, Profile>();
  const problems: Problem[] = [];
  for (const name of names.filter(
    (one) => one.endsWith('.json') && !one.endsWith('.schema.json'),
  )) {
    const read = loadProfile(`${folder}/${name}`);
    if (read.ok) profiles.set(read.value.name, read.value);
    else problems.push(...read.problems);
  }
  return problems.length === 0 ? { ok: true, value: profiles } : { ok: false, problems };
}

export function loadProfile(path: string): Result<Profile> {
  const read = readText(path);
  if (!read.ok) return fail(path, `cannot be read: ${errnoText(read.errno)}`);
  return parseProfile(read.text, path);
}

/** The policy of a configuration file. `before`: the policy in force, or what an earlier agent left
 * of it, whose slots are kept: the marks of live flows mean these applications. */
export function loadPolicy(
  sources: Sources,
  before: { readonly apps: readonly Pick<App, 'name' | 'slot'>[] } | null,
): Result<Policy> {
  const read = readText(sources.config);
  if (!read.ok) return fail(sources.config, `cannot be read: ${errnoText(read.errno)}`);
  const packages = parseUci(read.text, sources.config);
  if (!packages.ok) return packages;
  const profiles = loadProfiles(sources.profiles);
  if (!profiles.ok) return profiles;
  const slots = new Map(before?.apps.map(({ name, slot }) => [name, slot]));
  const today = dayOf(wallTime());
  return buildPolicy({ packages: packages.value, profiles: profiles.value, slots, today });
}
