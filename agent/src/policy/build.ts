// policy/build: builds the policy from the configuration and the profiles. Checks every option, fills in
// every default, and reports all problems at once, each with its place and fix.

import {
  checkInteger,
  type OptionReader,
  type OptionSpec,
  readBoolean,
  readInteger,
  readSection,
  type SectionPlace,
} from '../syntax/options.ts';
import { ok, type Problem, type Result, sortByLine } from '../syntax/result.ts';
import type { UciPackage } from '../syntax/uci.ts';
import { parseAddress } from '../wire/address.ts';
import { type AppInput, buildApps } from './build-apps.ts';
import { buildDirectory } from './build-devices.ts';
import { buildProxies } from './build-proxies.ts';
import { buildRules } from './build-rules.ts';
import { checkSync } from './build-sync.ts';
import { MOST_NAMED, nat64Prefixes, prefixProblem } from './nat64.ts';
import { type Globals, type Policy, UNHEARD_QUEUE } from './policy.ts';
import { BYPASS_LISTS, BYPASS_OPTIONS, readBypass } from './resolver-bypass.ts';

export const DEFAULT_GLOBALS: Globals = {
  lan: ['br-lan'],
  mask: 0x0f000000,
  preference: 15000,
  table: 15000,
  queue: 5300,
  group: 5300,
  hold: true,
};

export interface BuildInput extends AppInput {
  readonly uci: UciPackage;
  /**
   * Addresses of known DoH services (doh.json). Absent: the file was not read; then readBypass returns a
   * `resolverBypass` only if an option asks for one.
   */
  readonly doh?: readonly string[];
}

/** The policy, or all problems, each at "whp.SECTION.OPTION (FILE:LINE)". */
export function buildPolicy(input: BuildInput): Result<Policy> {
  const problems: Problem[] = [];
  const sections = placeSections(input.uci, problems);
  const globals = sections.filter(({ section }) => section.type === 'globals');
  const settings = buildGlobals(globals, problems);
  const proxies = buildProxies(ofType(sections, 'proxy'), problems);
  const devices = ofType(sections, 'device');
  const directory = buildDirectory(devices, ofType(sections, 'group'), problems);
  const names = ofType(sections, 'app').flatMap(({ section }) => section.name ?? []);
  const rules = buildRules(ofType(sections, 'rule'), names, problems);
  checkSync(ofType(sections, 'sync'), problems);
  const prefixes = nat64Prefixes(settings.globals.nat64);
  const parts = { proxies, directory, rules, prefixes };
  const apps = buildApps(ofType(sections, 'app'), parts, input, problems);
  const resolverBypass =
    settings.read === null ? null : readBypass(settings.read, directory, input);
  if (problems.length > 0) return { ok: false, problems: sortByLine(problems) };
  const whole = { globals: settings.globals, ...(directory.size > 0 ? { directory } : {}) };
  if (!settings.enabled) return ok({ ...whole, proxies: [], apps: [] });
  const used = proxies.filter(({ enabled }) => enabled).map(({ proxy }) => proxy);
  const policy = { ...whole, proxies: used, apps };
  return ok(resolverBypass === null ? policy : { ...policy, resolverBypass });
}

export const TYPES = ['globals', 'proxy', 'app', 'device', 'group', 'rule', 'sync'];

function placeSections({ file, sections }: UciPackage, problems: Problem[]): SectionPlace[] {
  const counts = new Map<string, number>();
  return sections.map((section) => {
    const count = counts.get(section.type) ?? 0;
    counts.set(section.type, count + 1);
    const path = `whp.${section.name ?? `@${section.type}[${count}]`}`;
    if (!TYPES.includes(section.type)) {
      const where = `${path} (${file}:${section.line})`;
      const what = `unknown section type "${section.type}"; use ${TYPES.join(', ')}`;
      problems.push({ where, what });
    }
    return { section, file, path };
  });
}

function ofType(sections: readonly SectionPlace[], type: string): SectionPlace[] {
  return sections.filter(({ section }) => section.type === type);
}

function buildGlobals(
  sections: readonly SectionPlace[],
  problems: Problem[],
): { enabled: boolean; globals: Globals; read: OptionReader | null } {
  const [placed, second] = sections;
  if (second !== undefined) {
    const where = `${second.path} (${second.file}:${second.section.line})`;
    problems.push({ where, what: 'there is a globals section already; join the two' });
  }
  if (placed === undefined) return { enabled: true, globals: DEFAULT_GLOBALS, read: null };
  const read = readSection(placed, GLOBALS_OPTIONS, problems);
  const preset = DEFAULT_GLOBALS;
  const lan = read.list('lan', deviceProblem);
  const nat64 = read.list('nat64', prefixProblem);
  const test = readTest(read);
  if (nat64.length > MOST_NAMED) {
    read.complain('nat64', `has ${nat64.length} prefixes; at most ${MOST_NAMED}, remove some`);
  }
  // Seconds; the init script has the default.
  checkInteger(read, 'boot_hold', 0, 60);
  return {
    enabled: readBoolean(read, 'enabled', true),
    globals: {
      lan: lan.length > 0 ? lan : preset.lan,
      mask: readMask(read, preset.mask),
      // The rules of all slots must precede those of main (32766) and default (32767).
      preference: readInteger(read, 'preference', 1, 32750, preset.preference),
      table: readTable(read, preset.table),
      // Each has two more numbers behind it.
      queue: readInteger(read, 'queue', 0, UNHEARD_QUEUE - 3, preset.queue),
      group: readInteger(read, 'group', 0, 65533, preset.group),
      hold: readBoolean(read, 'hold', preset.hold),
      ...(readBoolean(read, 'dnsmasq', true) ? {} : { dnsmasq: false as const }),
      ...(nat64.length > 0 ? { nat64 } : {}),
      ...(readBoolean(read, 'log_flows', false) ? { logFlows: true } : {}),
      ...(test === null ? {} : { test }),
    },
    read,
  };
}

export const GLOBALS_OPTIONS: OptionSpec = {
  options: [
    'enabled',
    'mask',
    'preference',
    'table',
    'queue',
    'group',
    'hold',
    'dnsmasq',
    'boot_hold',
    'log_flows',
    'test_address',
    ...BYPASS_OPTIONS,
  ],
  lists: ['lan', 'nat64', ...BYPASS_LISTS],
  absent: { lan: 'br-lan', nat64: '64:ff9b::/96 alone', dns_device: 'all devices' },
};

/**
 * Names valid for the kernel that need no quoting. The kernel forbids only `/`, `:` and blanks, but nft reads
 * a trailing `*` as a wildcard.
 */
function deviceProblem(value: string): string | null {
  const isName = /^[A-Za-z0-9._@-]{1,15}$/.test(value) && value !== '.' && value !== '..';
  if (isName) return null;
  const rule = '1 to 15 letters, digits and . _ @ -';
  return `"${value}" is no name of a network device (${rule}); write: list lan 'br-lan', as ip link shows it`;
}

/** NAME@RESOLVER; null: not set, or malformed. */
function readTest(read: OptionReader): NonNullable<Globals['test']> | null {
  const value = read.option('test_address');
  if (value === null) return null;
  const [name = '', resolver = ''] = value.split('@');
  if (/^([a-z0-9_-]{1,63}\.){1,8}[a-z0-9-]{1,63}$/i.test(name) && isIpv4(resolver))
    return { name, resolver };
  read.complain('test_address', `"${value}" is no NAME@ADDRESS; as in ${TEST_EXAMPLE}`);
  return null;
}

const TEST_EXAMPLE = 'myip.opendns.com@208.67.222.222';

function isIpv4(text: string): boolean {
  return parseAddress(text)?.length === 4;
}

/** Exactly four neighbouring bits: a slot number needs four. */
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
