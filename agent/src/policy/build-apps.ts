// policy/build-apps: checks the app sections of the configuration. Assigns the profile, proxies, devices and
// mark slot of each app.

import { blankProfile } from '../profile/blank.ts';
import { believedOn } from '../profile/expiry.ts';
import type { Profile } from '../profile/profile.ts';
import type { Host } from '../syntax/dhcp-hosts.ts';
import {
  lengthText,
  OFF,
  type OptionReader,
  type OptionSpec,
  readBoolean,
  readOneOf,
  readSection,
  type SectionPlace,
} from '../syntax/options.ts';
import type { Problem } from '../syntax/result.ts';
import type { Cidr } from '../wire/address.ts';
import { type Directory, readDevices, resolveMacs } from './build-devices.ts';
import type { BuiltProxy } from './build-proxies.ts';
import { applyRules, type OwnerRule } from './build-rules.ts';
import { LAST_SLOT } from './marks.ts';
import { mappedProfile, mappedRanges } from './nat64.ts';
import type { App } from './policy.ts';
import { parseSchedule, type WeekSpan } from './schedule.ts';

export interface AppInput {
  /** Installed profiles by name. */
  readonly profiles: ReadonlyMap<string, Profile>;
  /** Slots of the policy in force. An app keeps its slot, because the marks of live flows contain it. */
  readonly slots?: ReadonlyMap<string, number>;
  /** ISO day: ranges that expired before it are removed. Absent: no range is removed. */
  readonly today?: string;
  /** DHCP leases and static hosts, for resolving device names and addresses to MACs. */
  readonly hosts?: readonly Host[];
}

/** What the other sections contribute to an app. */
export interface AppParts {
  readonly proxies: readonly BuiltProxy[];
  readonly directory: Directory;
  readonly rules: readonly OwnerRule[];
  /** NAT64 prefixes: a range also matches the mapped form of its IPv4 blocks. */
  readonly prefixes: readonly Cidr[];
}

export const APP_OPTIONS: OptionSpec = {
  options: ['enabled', 'profile', 'fallback'],
  lists: ['device', 'schedule', 'proxy'],
  absent: { device: 'all devices', schedule: 'all hours' },
};

/** The enabled apps, each with its slot, its profile and the enabled proxies of its list. */
export function buildApps(
  sections: readonly SectionPlace[],
  { proxies, directory, rules, prefixes }: AppParts,
  input: AppInput,
  problems: Problem[],
): App[] {
  const apps: App[] = [];
  const profileUsers = new Map<string, string>();
  const slots = assignSlots(sections, input.slots ?? new Map());
  for (const placed of sections) {
    const read = readSection(placed, APP_OPTIONS, problems);
    const name = placed.section.name ?? '';
    const isNamed = /^[a-z][a-z0-9]{0,9}$/.test(name);
    if (!isNamed) {
      const shape = 'an app needs a name of 1 to 10 of a-z and 0-9, a letter first';
      read.complain(null, `${shape}${lengthText(name, 10)}`);
    }
    const enabled = readBoolean(read, 'enabled', true);
    const profile = readProfile(read, name, enabled && isNamed, rules, input.profiles);
    const chosen = readProxyList(read, proxies, enabled);
    const devices = readDevices(read, directory);
    const schedule = readSchedule(read);
    const fallback = readOneOf(read, 'fallback', ['block', 'direct'] as const, 'block');
    if (!enabled || profile === null) continue;
    const user = profileUsers.get(profile.name);
    if (user !== undefined) read.complain('profile', `app ${user} uses it already; remove one app`);
    profileUsers.set(profile.name, name);
    const slot = slots.get(name);
    if (slot === undefined) read.complain(null, `more than ${LAST_SLOT} apps; disable some`);
    else {
      const { today } = input;
      const believed = today === undefined ? profile : believedOn(profile, today);
      const { profile: ruled, except } = applyRules(believed, name, rules);
      const macs = devices === null ? [] : resolveMacs(devices, input.hosts ?? []);
      // Without MACs only the addresses select. An unresolved name alone must select no device, not all.
      const unmet = (devices?.sections ?? []).filter((one) => {
        const its = directory.get(one)!;
        return its.blocks.length === 0 && resolveMacs(its, input.hosts ?? []).length === 0;
      });
      const byMac = devices !== null && (macs.length > 0 || devices.blocks.length === 0);
      apps.push({
        name,
        slot,
        profile: mappedProfile(ruled, prefixes),
        ...(input.profiles.has(profile.name) ? {} : { noProfile: true }),
        devices: devices?.blocks ?? [],
        ...(byMac ? { macs } : {}),
        ...(unmet.length > 0 ? { unmet } : {}),
        ...(except.length > 0 ? { except: mappedRanges(except, prefixes) } : {}),
        ...(schedule.length > 0 ? { schedule } : {}),
        fallback,
        proxies: chosen,
      });
    }
  }
  return apps;
}

/** Apps of `before` keep their slot; the others get the lowest free ones, in the order of the file. */
function assignSlots(
  sections: readonly SectionPlace[],
  before: ReadonlyMap<string, number>,
): Map<string, number> {
  const isOn = ({ section }: SectionPlace) =>
    !section.values.some(({ name, value }) => name === 'enabled' && OFF.includes(value));
  const names = sections.filter(isOn).map(({ section }) => section.name ?? '');
  const slots = new Map<string, number>();
  for (const name of names) {
    const slot = before.get(name);
    if (slot !== undefined) slots.set(name, slot);
  }
  for (const name of names) {
    if (slots.has(name)) continue;
    const taken = new Set(slots.values());
    let slot = 1;
    while (taken.has(slot)) slot++;
    if (slot <= LAST_SLOT) slots.set(name, slot);
  }
  return slots;
}

/** The profile of the app: the one it names, else that of its own name, else a blank one for its rules. `isNeeded`:
 * report an app that has neither. */
function readProfile(
  read: OptionReader,
  app: string,
  isNeeded: boolean,
  rules: readonly OwnerRule[],
  profiles: ReadonlyMap<string, Profile>,
): Profile | null {
  const named = read.option('profile');
  const profile = profiles.get(named ?? app);
  if (profile !== undefined) return profile;
  const known = Array.from(profiles.keys()).sort().join(', ') || 'none';
  if (named !== null) {
    const own = 'your own go to /etc/whp/profiles.d';
    const rather = 'without option profile the rules of the app say what belongs to it';
    read.complain('profile', `there is no profile "${named}"; known: ${known}; ${own}; ${rather}`);
    return null;
  }
  const its = rules.filter((rule) => rule.action === 'proxy' && rule.app === app);
  if (isNeeded && !its.some((rule) => rule.enabled)) {
    read.complain(null, `nothing says what belongs to it: ${emptyText(app, its[0], known)}`);
  }
  return blankProfile(app);
}

/** Why nothing belongs to an app without a profile, and the commands. `disabled`: a disabled rule of it. */
function emptyText(app: string, disabled: OwnerRule | undefined, known: string): string {
  const last = 'uci commit whp; whp reload';
  if (disabled !== undefined) {
    const { section } = disabled;
    return `its rule ${section} is disabled; uci set whp.${section}.enabled='1'; ${last}`;
  }
  const set = `uci set whp.${app}_rule`;
  const fix = `${set}=rule; ${set}.action='proxy'; ${set}.app='${app}'; uci add_list whp.${app}_rule.name='${app}.example.com'; ${last}`;
  return `no profile "${app}" is installed (known: ${known}), and no rule with action proxy has app ${app}; ${fix}`;
}

function readProxyList(
  read: OptionReader,
  proxies: readonly BuiltProxy[],
  enabled: boolean,
): string[] {
  const known = proxies.map(({ name }) => name).join(', ') || 'none, add a proxy section';
  const names = read.list('proxy', (name) =>
    proxies.some((proxy) => proxy.name === name)
      ? null
      : `there is no proxy "${name}"; known: ${known}`,
  );
  const usable = names.filter((name) => proxies.some((one) => one.name === name && one.enabled));
  if (!enabled || usable.length > 0) return usable;
  // Without this problem, disabling the last proxy would block the application or send it direct.
  const what =
    names.length > 0
      ? `every proxy of the list is disabled; uci set whp.${names[0]}.enabled='1'; uci commit whp; whp reload`
      : `is missing; write: list proxy 'NAME' (known: ${known})`;
  if (!read.failed('proxy')) read.complain('proxy', what);
  return [];
}

function readSchedule(read: OptionReader): WeekSpan[] {
  const problemOf = (text: string): string | null => {
    const parsed = parseSchedule(text);
    return parsed.ok ? null : parsed.what;
  };
  return read.list('schedule', problemOf).flatMap((text) => {
    const parsed = parseSchedule(text);
    return parsed.ok ? parsed.value : [];
  });
}
