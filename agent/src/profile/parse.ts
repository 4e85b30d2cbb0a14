// profile/parse: parses and checks a profile file: JSON, the published schema, then rules that a schema
// cannot express (dates, normal form of ranges, names in DNS form). Reports all problems at once.
import profileSchema from '../../profiles/profile.schema.json';
import { checkSchema, type Schema } from '../syntax/json-schema.ts';
import { fail, ok, type Problem, type Result } from '../syntax/result.ts';
import { type Cidr, formatCidr, isRoutable, parseCidr } from '../wire/address.ts';
import { nameProblem, parsePattern } from './name-pattern.ts';
import type { NameEntry, PortSpan, Profile, ProfileRange } from './profile.ts';

/** UTF-16 units. Far above any real profile; bounds the memory on a router with 64 MB. */
const MAX_LENGTH = 1 << 20;
const MAX_DEPTH = 16;

/** The profile, or all problems; `file` is the name in `where`. */
export function parseProfile(text: string, file: string): Result<Profile> {
  if (text.length > MAX_LENGTH) return fail(`${file}: /`, 'larger than 1 MiB; split the profile');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return fail(`${file}: /`, `is not JSON: ${reason}`);
  }
  if (isDeeper(value, MAX_DEPTH)) return fail(`${file}: /`, 'nested too deeply to be a profile');
  const problems = checkSchema(profileSchema as Schema, value, file);
  if (problems.length > 0) return { ok: false, problems };
  const { $schema: _, ...profile } = value as Profile & { $schema?: string };
  problems.push(...checkMeaning(profile, file));
  return problems.length > 0 ? { ok: false, problems } : ok(profile);
}

/**
 * Whether `value` nests deeper than `levels`; stops at that depth. JSON.parse of the engine throws where its
 * own stack does not suffice.
 */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1));
}

type Complain = (pointer: string, what: string) => void;

function checkMeaning(profile: Profile, file: string): Problem[] {
  const problems: Problem[] = [];
  const complain: Complain = (pointer, what) => {
    problems.push({ where: `${file}: ${pointer}`, what });
  };
  const patternProblem = (text: string) => {
    const parsed = parsePattern(text);
    return parsed.ok ? null : parsed.what;
  };
  checkEntries(profile.dns.names, '/dns/names', nameProblem, complain);
  checkEntries(profile.dns.suffixes, '/dns/suffixes', nameProblem, complain);
  checkEntries(profile.dns.patterns, '/dns/patterns', patternProblem, complain);
  checkEntries(profile.dns.except, '/dns/except', nameProblem, complain);
  checkExcept(profile, complain);
  profile.ranges.forEach((range, i) => {
    checkRange(range, `/ranges/${i}`, complain);
  });
  checkDate(profile.version, '/version', complain);
  if (profile.retired !== undefined) checkDate(profile.retired, '/retired', complain);
  const { request, endpoints } = profile;
  if (request.minimum > request.maximum) {
    complain(
      '/request/minimum',
      `is ${request.minimum}, above maximum ${request.maximum}; swap them`,
    );
  }
  if (endpoints.ttlMinimumSeconds > endpoints.ttlMaximumSeconds) {
    complain('/endpoints/ttlMinimumSeconds', 'is above ttlMaximumSeconds; swap them');
  }
  return problems;
}

function checkEntries(
  entries: readonly NameEntry[],
  pointer: string,
  problemOf: (value: string) => string | null,
  complain: Complain,
): void {
  const seen = new Set<string>();
  entries.forEach(({ value }, i) => {
    const at = `${pointer}/${i}/value`;
    const problem = problemOf(value);
    if (problem !== null) complain(at, problem);
    else if (seen.has(value)) complain(at, `"${value}" is there twice; remove one`);
    seen.add(value);
  });
}

/** An entry covered by an exception of the same profile can never match: one of the two is a mistake. */
function checkExcept({ dns }: Profile, complain: Complain): void {
  for (const kind of ['names', 'suffixes', 'patterns'] as const) {
    dns[kind].forEach(({ value }, i) => {
      const cover = dns.except.find(
        (one) => value === one.value || value.endsWith(`.${one.value}`),
      );
      if (cover === undefined) return;
      const what = `"${value}" never matches, since except has "${cover.value}"; remove one of them`;
      complain(`/dns/${kind}/${i}/value`, what);
    });
  }
}

function checkRange(range: ProfileRange, pointer: string, complain: Complain): void {
  range.addresses.forEach((text, i) => {
    const problem = addressProblem(text);
    if (problem !== null) complain(`${pointer}/addresses/${i}`, problem);
  });
  checkPorts(range.ports, `${pointer}/ports`, complain);
  range.learn.forEach((protocol, i) => {
    if (range.protocols.includes(protocol)) return;
    complain(`${pointer}/learn/${i}`, `"${protocol}" is not among protocols; add it there`);
  });
  const dates = checkDate(range.date, `${pointer}/date`, complain);
  if (!checkDate(range.expires, `${pointer}/expires`, complain) || !dates) return;
  if (range.expires <= range.date) {
    complain(`${pointer}/expires`, `is not after date ${range.date}; write a later day`);
  }
}

/** Shortest allowed prefix lengths: no operator has a larger block. */
const SHORTEST = { 4: 8, 6: 19 } as const;

function addressProblem(text: string): string | null {
  const cidr: Cidr | null = parseCidr(text);
  if (cidr === null) return `"${text}" is neither an address nor a block such as 157.55.130.0/24`;
  const normal = formatCidr(cidr);
  if (normal !== text) return `write "${normal}" instead of "${text}"`;
  if (cidr.prefix < SHORTEST[cidr.family]) {
    return `"${text}" is wider than /${SHORTEST[cidr.family]}; list the operator's own blocks`;
  }
  return isRoutable(cidr.bytes, 0, cidr.family)
    ? null
    : `"${text}" is no part of the public Internet; remove it`;
}

function checkPorts(ports: readonly PortSpan[], pointer: string, complain: Complain): void {
  const spans = ports.map(
    (span) => (typeof span === 'number' ? [span, span] : span) as [number, number],
  );
  spans.forEach(([from, to], i) => {
    if (from > to) complain(`${pointer}/${i}`, `[${from}, ${to}] runs backwards; swap the two`);
    // Interval sets of nf_tables refuse overlapping elements.
    const other = spans.findIndex(([low, high], j) => j < i && from <= high && low <= to);
    if (other >= 0) complain(`${pointer}/${i}`, `overlaps entry ${other}; join them`);
  });
}

function checkDate(text: string, pointer: string, complain: Complain): boolean {
  const time = Date.parse(`${text}T00:00:00Z`);
  const isDay = !Number.isNaN(time) && new Date(time).toISOString().slice(0, 10) === text;
  if (!isDay) complain(pointer, `"${text}" is no day of the calendar; write YYYY-MM-DD`);
  return isDay;
}
