// config/settings: the inputs of the policy in force: the last good configuration, DHCP hosts, the owner's
// choices and the time. The daemon gets the policy from `wantedPolicy` and calls `isStale` at each tick.
// State that must survive a restart is kept in files.
import * as os from 'qjs:os';
import { ENOENT } from 'whp:socket';
import { createPace, type Pace, takeToken, untilToken } from '../bounds/token-bucket.ts';
import { type KernelError, refused } from '../netlink/kernel-error.ts';
import { now, pause } from '../os/clock.ts';
import { errnoText, errorText } from '../os/errno.ts';
import { readText, writeText } from '../os/file.ts';
import { parseJson, putAside, readKept, type Understood } from '../os/kept-file.ts';
import { log } from '../os/log.ts';
import {
  type Choices,
  choicesText,
  decided,
  decisionKey,
  type Moment,
  NO_CHOICES,
  readChoices,
} from '../policy/choices.ts';
import { CLAIM_CHANGES } from '../policy/claims.ts';
import type { Policy } from '../policy/policy.ts';
import { parseProfile } from '../profile/parse.ts';
import { isSame } from '../reconcile/same.ts';
import { hostsStamp, readHosts } from '../router/dhcp-files.ts';
import { localMinute } from '../router/time-zone.ts';
import { type Host, hostName } from '../syntax/dhcp-hosts.ts';
import { fail, ok, type Problem, type Result } from '../syntax/result.ts';
import { claimedNames } from './claimed-names.ts';
import {
  type Before,
  type Configuration,
  loadConfiguration,
  loadDoh,
  loadShipped,
  type ProfileFile,
  parseConfiguration,
  policyOf,
  type Sources,
} from './load.ts';
import { metDevices } from './met.ts';

export interface Settings {
  readonly sources: Sources;
  configuration: Configuration;
  /** The policy before the owner's choices. */
  configured: Policy;
  choices: Choices;
  hosts: readonly Host[];
  /** Devices named by an address whose MAC the neighbour table has shown. */
  met: readonly Host[];
  /** The stamp of the files that `hosts` was read from; the decisionKey of the last `wantedPolicy`. */
  stamp: string;
  decision: string;
  /** Rate limit of policies with changed MACs; the stamp of one that is deferred. */
  readonly changes: Pace;
  waiting: string;
}

const CHOICES = 'owner.json';
const LAST_GOOD = 'last-good.json';
const NAMES = 'names.json';

/**
 * Reads all inputs at the start. If the configuration is bad: the last good one, with the problems. `before`:
 * the apps of an earlier agent.
 */
export function openSettings(
  sources: Sources,
  before: Before | null,
): Result<{
  readonly settings: Settings;
  readonly problems: readonly Problem[];
}> {
  const choices = keptChoices(sources);
  const stamp = hostsStamp();
  const fresh = loadConfiguration(sources);
  const tried = fresh.ok ? withPolicy(sources, fresh.value, before, []) : fresh;
  const usable = tried.ok ? tried : lastGood(sources, before);
  if (!usable.ok) {
    return { ok: false, problems: tried.ok ? [] : [...tried.problems, ...usable.problems] };
  }
  const { configuration, configured, hosts } = usable.value;
  const made = { sources, configuration, configured, choices, hosts };
  const settings = { ...made, met: [], stamp, decision: '', ...unhurried() };
  return ok({ settings, problems: tried.ok ? [] : tried.problems });
}

/** readKept renames a file that is partly unreadable; the readable part is in force and is written anew. */
function keptChoices(sources: Sources): Choices {
  const read = readKept(`${sources.state}/${CHOICES}`, readChoices);
  if (read === null) return NO_CHOICES;
  const isPart = read.wrong !== null && read.value !== NO_CHOICES;
  const failed = isPart ? keep(sources, CHOICES, choicesText(read.value)) : null;
  if (failed !== null) log('error', errorText(failed));
  return read.value;
}

function unhurried(): Pick<Settings, 'changes' | 'waiting'> {
  return { changes: createPace(CLAIM_CHANGES), waiting: '' };
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
  met: readonly Host[],
): Result<Loaded> {
  const hosts = [...knownHosts(sources, configuration), ...met];
  const policy = policyOf(configuration, hosts, before);
  return policy.ok ? ok({ configuration, configured: policy.value, hosts }) : policy;
}

/**
 * Replaces the configuration by the last good one if it is valid but cannot be enforced. False: there is no
 * last good one, or its text is the same.
 */
export function fallBack(settings: Settings): boolean {
  const usable = lastGood(settings.sources, settings.configured);
  if (!usable.ok || usable.value.configuration.text === settings.configuration.text) return false;
  Object.assign(settings, usable.value);
  return true;
}

/** Reads the files again. Returns the problems; if there are any, nothing has changed. */
export async function rereadSettings(settings: Settings): Promise<readonly Problem[]> {
  const fresh = loadConfiguration(settings.sources, settings.configuration);
  if (!fresh.ok) return fresh.problems;
  await pause();
  const loaded = withPolicy(settings.sources, fresh.value, settings.configured, settings.met);
  if (!loaded.ok) return loaded.problems;
  Object.assign(settings, loaded.value);
  return [];
}

function moment(settings: Settings): Moment {
  const timed = settings.configured.apps.some(({ schedule }) => schedule !== undefined);
  return { now: now(), minute: timed ? localMinute() : null };
}

/** The policy to enforce now. */
export function wantedPolicy(settings: Settings): Policy {
  const at = moment(settings);
  settings.decision = decisionKey(settings.configured, settings.choices, at);
  return decided(settings.configured, settings.choices, at);
}

/** The policy of the last decision was not enforced: it is wanted again with the next tick. */
export function forgetDecision(settings: Settings): void {
  settings.decision = '';
}

/** Puts everything back as `before` has it. */
export function restoreSettings(settings: Settings, before: Settings): void {
  Object.assign(settings, before);
}

/**
 * Whether the policy must be made again: changed DHCP hosts, a schedule's begin or end, the end of a pause.
 * Cheap if nothing has changed.
 */
export function isStale(settings: Settings): boolean {
  const stamp = hostsStamp();
  const mayWait = stamp === settings.waiting && untilToken(settings.changes, '', now()) > 0;
  if (stamp !== settings.stamp && !mayWait) {
    const { sources, configuration, configured } = settings;
    const loaded = withPolicy(sources, configuration, configured, settings.met);
    if (loaded.ok) {
      const changed = !isSame(devicesOf(loaded.value.configured), devicesOf(configured));
      // Rate limit: a device that claims a name with ever new MACs must not cause a new table for each.
      const waits = changed && !takeToken(settings.changes, '', now());
      settings.waiting = waits ? stamp : '';
      if (!waits) Object.assign(settings, loaded.value, { stamp });
      if (changed && !waits) return true;
    } else settings.stamp = stamp;
  }
  const key = decisionKey(settings.configured, settings.choices, moment(settings));
  return key !== settings.decision;
}

/** Takes the neighbour table: the MACs of devices that the configuration names by address. */
export function meetDevices(
  settings: Settings,
  neighbours: ReadonlyMap<string, string>,
  gateways: ReadonlySet<string>,
): void {
  const met = metDevices(settings.met, settings.configured, neighbours, gateways);
  if (met === settings.met) return;
  settings.met = met;
  settings.stamp = '';
}

function devicesOf({ apps, resolverBypass }: Policy) {
  return {
    apps: apps.map(({ macs }) => macs ?? null),
    resolverBypass: resolverBypass?.macs ?? null,
  };
}

/** Applies and stores the owner's new choices. Returns the error, or null. */
export function choose(settings: Settings, change: Partial<Choices>): KernelError | null {
  const before = choicesText(settings.choices);
  settings.choices = { ...settings.choices, ...change };
  const text = choicesText(settings.choices);
  return text === before ? null : keep(settings.sources, CHOICES, text);
}

/** Writes only a changed text: the folder is on flash. */
function keep({ state }: Sources, name: string, text: string): KernelError | null {
  const path = `${state}/${name}`;
  const old = readText(path);
  if (old.ok && old.text === text) return null;
  if (old.ok && parseJson(old.text) === undefined) putAside(path, 'is not JSON');
  else if (!old.ok && old.errno !== ENOENT)
    putAside(path, `cannot be read: ${errnoText(old.errno)}`);
  os.mkdir(state, 0o755);
  const errno = writeText(path, text);
  return errno === 0 ? null : refused('write', path, errno);
}

/** Stores the configuration in force, for a later start with a broken one. */
export function keepLastGood(settings: Settings): void {
  const { text, profiles } = settings.configuration;
  const own = Array.from(profiles.values()).filter((one) => one.own);
  const kept = { text, profiles: own.map((one) => one.text) };
  const wrong = keep(settings.sources, LAST_GOOD, `${JSON.stringify(kept)}\n`);
  if (wrong !== null) log('error', errorText(wrong));
}

function lastGood(sources: Sources, before: Before | null): Result<Loaded> {
  const path = `${sources.state}/${LAST_GOOD}`;
  const read = readKept(path, readLastGood);
  if (read === null || read.wrong !== null)
    return fail(path, read?.wrong ?? 'there is no last good configuration');
  const kept = read.value;
  const shipped = loadShipped(sources);
  if (!shipped.ok) return shipped;
  // Without the list less is refused; without a policy, everything would leave by the WAN.
  const doh = loadDoh(sources.profiles);
  const profiles = new Map(shipped.value);
  for (const text of kept.profiles) {
    const parsed = parseProfile(text, path);
    if (!parsed.ok) return parsed;
    const file: ProfileFile = { profile: parsed.value, path, text, own: true };
    profiles.set(parsed.value.name, file);
  }
  const configuration = parseConfiguration(kept.text, path, profiles, doh.ok ? doh.value : null);
  return configuration.ok ? withPolicy(sources, configuration.value, before, []) : configuration;
}

function readLastGood(text: string): Understood<{ text: string; profiles: readonly string[] }> {
  const kept = (parseJson(text) ?? {}) as { text?: unknown; profiles?: unknown };
  const profiles = Array.isArray(kept.profiles) ? (kept.profiles as unknown[]) : [];
  const isGood = typeof kept.text === 'string' && profiles.every((one) => typeof one === 'string');
  return {
    value: { text: String(kept.text), profiles: profiles.map(String) },
    wrong: isGood ? null : 'holds no configuration',
  };
}

/** Leases and static hosts, and the stored MACs of the names in the configuration (see claimed-names). */
function knownHosts(sources: Sources, { uci }: Configuration): readonly Host[] {
  const hosts = readHosts();
  const asked = new Set(
    uci.sections
      .filter(({ type }) => type === 'device')
      .flatMap(({ values }) => values.filter(({ name }) => name === 'name'))
      .flatMap(({ value }) => hostName(value) ?? []),
  );
  if (asked.size === 0) return hosts;
  const claims = claimedNames(`${sources.state}/${NAMES}`, asked, hosts, (text) => {
    const wrong = keep(sources, NAMES, text);
    if (wrong !== null) log('error', errorText(wrong));
  });
  return [...hosts, ...claims];
}
