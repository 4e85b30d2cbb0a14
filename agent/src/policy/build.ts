// The owner's configuration and the profiles it names become the policy: every option checked,
// every default filled in, every problem reported at once with its place and its fix. Before: uci,
// profile-parse. After: ruleset/compile, tunnel/plan, learn/.
import { canonicalAddress, formatCidr, parseCidr } from '../wire/address.ts';
import {
  type OptionReader,
  type OptionSpec,
  readBoolean,
  readInteger,
  readOneOf,
  readSection,
} from './options.ts';
import type { App, Proxy as CloudProxy, Globals, Policy } from './policy.ts';
import type { Profile } from './profile.ts';
import { ok, type Problem, type Result } from './result.ts';
import type { UciPackage, UciSection } from './uci.ts';

/** Slots 1..13 of the mark's nibble belong to apps; 14 is kept free, 15 means "watched". */
export const LAST_SLOT = 13;

export const DEFAULT_GLOBALS: Globals = {
  lan: ['br-lan'],
  mask: 0x0f000000,
  preference: 15000,
  table: 15000,
  queue: 5300,
  group: 5300,
  hold: true,
};

export interface BuildInput {
  readonly packages: readonly UciPackage[];
  /** Profiles at hand, by their name. */
  readonly profiles: ReadonlyMap<string, Profile>;
  /** Slots of the policy in force: an app keeps its own, since marks of live flows name it. */
  readonly slots?: ReadonlyMap<string, number>;
}

/** The policy, or every problem, each at "whp.SECTION.OPTION (FILE:LINE)". */
export function buildPolicy(input: BuildInput): Result<Policy> {
  const problems: Problem[] = [];
  const sections = whpSections(input.packages, problems);
  checkNames(sections, problems);
  const globals = sections.filter(({ section }) => section.type === 'globals');
  const settings = buildGlobals(globals, problems);
  const proxies = buildProxies(ofType(sections, 'proxy'), problems);
  const apps = buildApps(ofType(sections, 'app'), proxies, input, problems);
  if (problems.length > 0) return { ok: false, problems };
  if (!settings.enabled) return ok({ globals: settings.globals, proxies: [], apps: [] });
  const used = proxies.filter(({ enabled }) => enabled).map(({ proxy }) => proxy);
  return ok({ globals: settings.globals, proxies: used, apps });
}

/** A section with the place names that its problems are reported under. */
export interface Placed {
  readonly section: UciSection;
  readonly file: string;
  /** "whp.skype", or "whp.@app[0]" for an anonymous one. */
  readonly path: string;
}

const TYPES = ['globals', 'proxy', 'app'];

function whpSections(packages: readonly UciPackage[], problems: Problem[]): Placed[] {
  const placed: Placed[] = [];
  const counts = new Map<string, number>();
  for (const { name, file, sections } of packages) {
    // `uci export` without an argument prints every package of the router; the rest is not ours.
    if (name !== null && name !== 'whp') continue;
    for (const section of sections) {
      const count = counts.get(section.type) ?? 0;
      counts.set(section.type, count + 1);
      const path = `whp.${section.name ?? `@${section.type}[${count}]`}`;
      placed.push({ section, file, path });
      if (TYPES.includes(section.type)) continue;
      const where = `${path} (${file}:${section.line})`;
      const what = `unknown section type "${section.type}"; use ${TYPES.join(', ')}`;
      problems.push({ where, what });
    }
  }
  return placed;
}

function ofType(sections: readonly Placed[], type: string): Placed[] {
  return sections.filter(({ section }) => section.type === type);
}

function checkNames(sections: readonly Placed[], problems: Problem[]): void {
  const lines = new Map<string, number>();
  for (const { section, file, path } of sections) {
    if (section.name === null) continue;
    const before = lines.get(section.name);
    lines.set(section.name, section.line);
    if (before === undefined) continue;
    const what = `there is another section of this name in line ${before}; rename one`;
    problems.push({ where: `${path} (${file}:${section.line})`, what });
  }
}

function buildGlobals(
  sections: readonly Placed[],
  problems: Problem[],
): { enabled: boolean; globals: Globals } {
  const [placed, second] = sections;
  if (second !== undefined) {
    const where = `${second.path} (${second.file}:${second.section.line})`;
    problems.push({ where, what: 'there is a globals section already; join the two' });
  }
  if (placed === undefined) return { enabled: true, globals: DEFAULT_GLOBALS };
  const read = readSection(placed, GLOBALS_OPTIONS, problems);
  const preset = DEFAULT_GLOBALS;
  const lan = read.list('lan', deviceProblem);
  return {
    enabled: readBoolean(read, 'enabled', true),
    globals: {
      lan: lan.length > 0 ? lan : preset.lan,
      mask: readMask(read, preset.mask),
      // The rules of all slots have to stay before main (32766) and default (32767).
      preference: readInteger(read, 'preference', 1, 32750, preset.preference),
      table: readTable(read, preset.table),
      queue: readInteger(read, 'queue', 0, 65535, preset.queue),
      group: readInteger(read, 'group', 0, 65535, preset.group),
      hold: readBoolean(read, 'hold', preset.hold),
    },
  };
}

const GLOBALS_OPTIONS: OptionSpec = {
  options: ['enabled', 'mask', 'preference', 'table', 'queue', 'group', 'hold'],
  lists: ['lan'],
};

function deviceProblem(value: string): string | null {
  // dev_valid_name() of the kernel.
  const isName = value.length <= 15 && /^[^\s/:]+$/.test(value) && value !== '.' && value !== '..';
  return isName ? null : `"${value}" is no name of a network device; as in br-lan`;
}

/** Four bits in a row: a slot needs all four, and foreign bits stay untouched. */
function readMask(read: OptionReader, preset: number): number {
  const mask = readInteger(read, 'mask', 1, 0xffffffff, preset);
  const lowest = (mask & -mask) >>> 0;
  if (mask === lowest * 15) return mask;
  read.complain('mask', 'needs exactly four neighbouring bits, as in 0x0f000000');
  return preset;
}

function readTable(read: OptionReader, preset: number): number {
  const table = readInteger(read, 'table', 1, 0xfffffff0, preset);
  // Tables 253 to 255 are default, main and local.
  if (table > 255 || table + 15 < 253) return table;
  read.complain('table', "would use tables 253 to 255, which are the system's; as in 15000");
  return preset;
}

interface BuiltProxy {
  readonly name: string;
  readonly enabled: boolean;
  readonly proxy: CloudProxy;
}

const PROXY_OPTIONS: OptionSpec = {
  options: ['enabled', 'address', 'key', 'local', 'remote', 'mtu'],
  lists: [],
};

function buildProxies(sections: readonly Placed[], problems: Problem[]): BuiltProxy[] {
  const built: BuiltProxy[] = [];
  for (const placed of sections) {
    const read = readSection(placed, PROXY_OPTIONS, problems);
    const name = placed.section.name ?? '';
    // The device is `whp-<name>`, and the kernel allows 15 characters.
    if (!/^[A-Za-z0-9_]{1,10}$/.test(name)) {
      read.complain(null, 'a proxy needs a name of 1 to 10 letters, digits or _');
    }
    const enabled = readBoolean(read, 'enabled', true);
    const proxy = readProxy(read, name, enabled);
    for (const other of enabled ? built : []) {
      if (other.enabled) checkAgainst(read, proxy, other.proxy);
    }
    built.push({ name, enabled, proxy });
  }
  return built;
}

function readProxy(read: OptionReader, name: string, enabled: boolean): CloudProxy {
  const address = readAddress(read, 'address', enabled, "the proxy's public IP address");
  const inner = 'an address of a network that nothing else here uses, such as 10.254.1.1';
  const local = readAddress(read, 'local', enabled, inner);
  const remote = readAddress(read, 'remote', enabled, inner);
  if (local !== '' && local === remote) read.complain('remote', 'is the same as local; change one');
  if (local !== '' && remote !== '' && local.includes(':') !== remote.includes(':')) {
    read.complain('remote', 'local and remote are of different families; use IPv4 for both');
  }
  const hasKey = read.option('key') !== null;
  const hasMtu = read.option('mtu') !== null;
  return {
    name,
    address,
    key: hasKey ? readInteger(read, 'key', 0, 0xffffffff, 0) : null,
    local,
    remote,
    // RFC 8200 section 5: IPv6 needs 1280. An Ethernet path leaves GRE 1476, or 1472 with a key.
    mtu: hasMtu ? readInteger(read, 'mtu', 1280, 65535, 1472) : null,
  };
}

function readAddress(read: OptionReader, name: string, required: boolean, fix: string): string {
  const value = read.option(name);
  if (value === null || value === '') {
    if (required) read.complain(name, `is missing; write ${fix}`);
    return '';
  }
  const address = canonicalAddress(value);
  if (address === null) read.complain(name, `"${value}" is no IP address; write ${fix}`);
  return address ?? '';
}

function checkAgainst(read: OptionReader, proxy: CloudProxy, other: CloudProxy): void {
  if (proxy.address !== '' && proxy.address === other.address && proxy.key === other.key) {
    read.complain('key', `proxy ${other.name} has the same address and key; give each its own key`);
  }
  if (proxy.local !== '' && proxy.local === other.local) {
    read.complain('local', `proxy ${other.name} uses ${other.local} too; give each its own`);
  }
}

const APP_OPTIONS: OptionSpec = {
  options: ['enabled', 'profile', 'fallback'],
  lists: ['device', 'proxy'],
};

function buildApps(
  sections: readonly Placed[],
  proxies: readonly BuiltProxy[],
  input: BuildInput,
  problems: Problem[],
): App[] {
  const apps: App[] = [];
  const profileUsers = new Map<string, string>();
  const slots = assignSlots(sections, input.slots ?? new Map());
  for (const placed of sections) {
    const read = readSection(placed, APP_OPTIONS, problems);
    const name = placed.section.name ?? '';
    if (!/^[a-z][a-z0-9]{0,9}$/.test(name)) {
      read.complain(null, 'an app needs a name of 1 to 10 of a-z and 0-9, a letter first');
    }
    const enabled = readBoolean(read, 'enabled', true);
    const profile = readProfile(read, name, input.profiles);
    const chosen = readProxyList(read, proxies, enabled);
    const devices = read.list('device', rangeProblem).map((text) => formatCidr(parseCidr(text)!));
    const fallback = readOneOf(read, 'fallback', ['block', 'direct'] as const, 'block');
    if (!enabled || profile === null) continue;
    const user = profileUsers.get(profile.name);
    if (user !== undefined) read.complain('profile', `app ${user} uses it already; remove one app`);
    profileUsers.set(profile.name, name);
    const slot = slots.get(name);
    if (slot === undefined) read.complain(null, `more than ${LAST_SLOT} apps; disable some`);
    else apps.push({ name, slot, profile, devices, fallback, proxies: chosen });
  }
  return apps;
}

/** Apps that had a slot keep it; the others get the lowest free ones, in the order of the file. */
function assignSlots(
  sections: readonly Placed[],
  before: ReadonlyMap<string, number>,
): Map<string, number> {
  const isOn = ({ section }: Placed) =>
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

const OFF = ['0', 'off', 'false', 'no', 'disabled'];

function readProfile(
  read: OptionReader,
  app: string,
  profiles: ReadonlyMap<string, Profile>,
): Profile | null {
  const name = read.option('profile') ?? app;
  const profile = profiles.get(name);
  if (profile !== undefined) return profile;
  const known = Array.from(profiles.keys()).sort().join(', ') || 'none is installed';
  read.complain('profile', `there is no profile "${name}"; known: ${known}`);
  return null;
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
  // Without this, turning the last proxy off would block the application or let it out unseen.
  const what =
    names.length > 0
      ? "every proxy of the list is disabled; enable one, or disable the app with option enabled '0'"
      : `is missing; write: list proxy 'NAME' (known: ${known})`;
  if (!read.failed('proxy')) read.complain('proxy', what);
  return [];
}

function rangeProblem(value: string): string | null {
  return parseCidr(value) === null
    ? `"${value}" is neither an address nor a block such as 192.168.1.32/28`
    : null;
}
