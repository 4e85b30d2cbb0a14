// control/settings: everything the policy in force is made of: the last good configuration, what
// DHCP knows, the owner's choices, the hour. The daemon asks it what to enforce (`wantedPolicy`) and,
// at each tick, whether that has changed (`isStale`). What has to outlive a restart is kept in files.
import * as os from 'qjs:os';
import { type Host, hostName } from '../policy/hosts.ts';
import {
  type Choices,
  choicesText,
  decided,
  decisionKey,
  type Moment,
  readChoices,
} from '../policy/owner.ts';
import type { Policy } from '../policy/policy.ts';
import { parseProfile } from '../policy/profile-parse.ts';
import { fail, ok, type Problem, type Result } from '../policy/result.ts';
import { now, pause } from '../system/clock.ts';
import { errnoText } from '../system/errno.ts';
import { readText, writeText } from '../system/file.ts';
import { hostsStamp, readHosts } from '../system/hosts.ts';
import { log } from '../system/log.ts';
import { localMinute } from '../system/zone.ts';
import {
  type Before,
  type Configuration,
  loadConfiguration,
  loadDoh,
  loadProfiles,
  type ProfileFile,
  parseConfiguration,
  policyOf,
  type Sources,
} from './load.ts';

export interface Settings {
  readonly sources: Sources;
  configuration: Configuration;
  /** As configured, before the owner's choices. */
  configured: Policy;
  choices: Choices;
  hosts: readonly Host[];
  /** When `hosts` was read, and what `wantedPolicy` was made from. */
  stamp: string;
  decision: string;
}

const CHOICES = 'owner.json';
const LAST_GOOD = 'last-good.json';
const NAMES = 'names.json';

/**
 * Reads everything, for the start. With a bad configuration the last good one, and its problems.
 * `before`: what an earlier agent left.
 */
export function openSettings(
  sources: Sources,
  before: Before | null,
): Result<{
  readonly settings: Settings;
  readonly problems: readonly Problem[];
}> {
  const kept = readText(`${sources.state}/${CHOICES}`);
  const choices = readChoices(kept.ok ? kept.text : '');
  const stamp = hostsStamp();
  const fresh = loadConfiguration(sources);
  const tried = fresh.ok ? withPolicy(sources, fresh.value, before) : fresh;
  const usable = tried.ok ? tried : lastGood(sources, before);
  if (!usable.ok) return { ok: false, problems: tried.ok ? [] : tried.problems };
  const { configuration, configured, hosts } = usable.value;
  const settings = { sources, configuration, configured, choices, hosts, stamp, decision: '' };
  return ok({ settings, problems: tried.ok ? [] : tried.problems });
}

interface Loaded {
  readonly configuration: Configuration;
  readonly configured: Policy;
  readonly hosts: readonly Host[];
}

function withPolicy(
  sources: Sources,
  configuration: Configuration,
  before: Before | null,
): Result<Loaded> {
  const hosts = knownHosts(sources, configuration);
  const policy = policyOf(configuration, hosts, before);
  return policy.ok ? ok({ configuration, configured: policy.value, hosts }) : policy;
}

/** Reads the files again. Problems, and then everything is as it was. */
export async function rereadSettings(settings: Settings): Promise<readonly Problem[]> {
  const fresh = loadConfiguration(settings.sources, settings.configuration);
  if (!fresh.ok) return fresh.problems;
  await pause();
  const loaded = withPolicy(settings.sources, fresh.value, settings.configured);
  if (!loaded.ok) return loaded.problems;
  Object.assign(settings, loaded.value);
  return [];
}

function moment(settings: Settings): Moment {
  const timed = settings.configured.apps.some(({ schedule }) => schedule !== undefined);
  return { now: now(), minute: timed ? localMinute() : null };
}

/** What is to be enforced now. */
export function wantedPolicy(settings: Settings): Policy {
  const at = moment(settings);
  settings.decision = decisionKey(settings.configured, settings.choices, at);
  return decided(settings.configured, settings.choices, at);
}

/**
 * Whether the policy has to be made again: a lease of a device that matters, an hour that has come,
 * a pause that is over. Cheap when there is nothing.
 */
export function isStale(settings: Settings): boolean {
  const stamp = hostsStamp();
  if (stamp !== settings.stamp) {
    settings.stamp = stamp;
    const { sources, configuration, configured } = settings;
    const loaded = withPolicy(sources, configuration, configured);
    if (loaded.ok) {
      const changed = devicesKey(loaded.value.configured) !== devicesKey(configured);
      Object.assign(settings, loaded.value);
      if (changed) return true;
    }
  }
  const key = decisionKey(settings.configured, settings.choices, moment(settings));
  return key !== settings.decision;
}

function devicesKey(policy: Policy): string {
  const { apps, escape } = policy;
  return JSON.stringify([apps.map(({ macs }) => macs ?? null), escape?.macs ?? null]);
}

/** Takes over the owner's new choices and keeps them. Returns what went wrong, or null. */
export function choose(settings: Settings, change: Partial<Choices>): string | null {
  const before = choicesText(settings.choices);
  settings.choices = { ...settings.choices, ...change };
  const text = choicesText(settings.choices);
  return text === before ? null : keep(settings.sources, CHOICES, text);
}

/** Writes only what differs: the folder is on flash. */
function keep({ state }: Sources, name: string, text: string): string | null {
  const path = `${state}/${name}`;
  const old = readText(path);
  if (old.ok && old.text === text) return null;
  os.mkdir(state, 0o755);
  const errno = writeText(path, text);
  return errno === 0 ? null : `${path}: cannot be written: ${errnoText(errno)}`;
}

/** Keeps the configuration in force for a start with a broken one. */
export function keepLastGood(settings: Settings): void {
  const { text, profiles } = settings.configuration;
  const own = Array.from(profiles.values()).filter((one) => one.own);
  const kept = { text, profiles: own.map((one) => one.text) };
  const wrong = keep(settings.sources, LAST_GOOD, `${JSON.stringify(kept)}\n`);
  if (wrong !== null) log('error', wrong);
}

function lastGood(sources: Sources, before: Before | null): Result<Loaded> {
  const path = `${sources.state}/${LAST_GOOD}`;
  const read = readText(path);
  if (!read.ok) return fail(path, errnoText(read.errno));
  let kept: { text?: unknown; profiles?: unknown };
  try {
    kept = JSON.parse(read.text) as typeof kept;
  } catch {
    return fail(path, 'is not JSON');
  }
  const shipped = loadProfiles({ ...sources, state: '/nonexistent' });
  if (!shipped.ok) return shipped;
  const doh = loadDoh(sources.profiles);
  if (!doh.ok) return doh;
  const profiles = new Map(shipped.value);
  for (const text of Array.isArray(kept.profiles) ? (kept.profiles as unknown[]) : []) {
    const parsed = parseProfile(String(text), path);
    if (!parsed.ok) return parsed;
    const file: ProfileFile = { profile: parsed.value, path, text: String(text), own: true };
    profiles.set(parsed.value.name, file);
  }
  const configuration = parseConfiguration(String(kept.text), path, profiles, doh.value);
  return configuration.ok ? withPolicy(sources, configuration.value, before) : configuration;
}

/**
 * Leases and static hosts, and which MACs had the names that the configuration asks for: leases are
 * gone after a reboot of the router, while the devices go on with their addresses for hours.
 */
function knownHosts(sources: Sources, { uci }: Configuration): readonly Host[] {
  const hosts = readHosts();
  const asked = new Set(
    uci.sections
      .filter(({ type }) => type === 'device')
      .flatMap(({ values }) => values.filter(({ name }) => name === 'name'))
      .flatMap(({ value }) => hostName(value) ?? []),
  );
  if (asked.size === 0) return hosts;
  const remembered = readNames(sources).filter(({ name }) => asked.has(name!));
  const seen = hosts.filter(({ name }) => name !== null && asked.has(name));
  const known = new Map(
    [...seen, ...remembered].map(({ mac, name }) => [`${name} ${mac}`, { mac, name }]),
  );
  const kept = Array.from(known.values()).slice(0, MOST_NAMES);
  const wrong = keep(sources, NAMES, `${JSON.stringify(kept)}\n`);
  if (wrong !== null) log('error', wrong);
  return [...hosts, ...remembered];
}

const MOST_NAMES = 64;

function readNames({ state }: Sources): Host[] {
  const read = readText(`${state}/${NAMES}`);
  if (!read.ok) return [];
  try {
    const list = JSON.parse(read.text) as { mac?: unknown; name?: unknown }[];
    return list.flatMap(({ mac, name }) =>
      typeof mac === 'string' && typeof name === 'string' ? [{ mac, name, address: null }] : [],
    );
  } catch {
    return [];
  }
}
