// profile/parse, profile/name-match: profiles mutated as text and as values. An accepted profile compiles to a
// matcher and to a table, and its ranges are canonical public blocks.
import { believedOn } from '../../../agent/src/profile/expiry.ts';
import { compileNames, matchName } from '../../../agent/src/profile/name-match.ts';
import { parsePattern } from '../../../agent/src/profile/name-pattern.ts';
import { parseProfile } from '../../../agent/src/profile/parse.ts';
import type { Profile } from '../../../agent/src/profile/profile.ts';
import { rangeElements } from '../../../agent/src/ruleset/compile/ranges.ts';
import { formatCidr, parseCidr } from '../../../agent/src/wire/address.ts';
import { wireName } from '../../fixtures/dns.ts';
import { wideProfile } from '../../fixtures/profile.ts';
import type { Random } from '../random.ts';
import { bytesOf, kindOf, must, type Target, textOf } from '../target.ts';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const VALUES: readonly Json[] = [
  null,
  true,
  0,
  -1,
  1.5,
  65536,
  1e300,
  '',
  'x',
  [],
  {},
  'a.b',
  '*.a.b.c',
  '{0-9}.b.c',
  '10.0.0.0/8',
  '2a01:111::/32',
  '0.0.0.0/0',
  '2026-02-30',
  '2026-01-01',
  'tcp',
  ['tcp'],
  [1, 2],
  [9, 1],
  'skype',
  '-',
  'xn--a.b',
  'ä.b',
  '__proto__',
  4294967296,
  [[]],
];

/** Changes one value at any depth; null: the text is no JSON. */
function changeValue(text: string, random: Random): string | null {
  let root: Json;
  try {
    root = JSON.parse(text) as Json;
  } catch {
    return null;
  }
  let at = root;
  for (let depth = 0; depth < 8; depth++) {
    if (typeof at !== 'object' || at === null) break;
    const members = at as Record<string, Json>;
    const keys = Object.keys(members);
    if (keys.length === 0) break;
    const key = random.pick(keys);
    const value = members[key]!;
    if (typeof value === 'object' && value !== null && !random.once(4)) {
      at = value;
      continue;
    }
    if (random.once(5)) delete members[key];
    else if (Array.isArray(at) && random.once(3)) at.push(random.pick(at));
    else members[random.once(12) ? `${key}x` : key] = random.pick(VALUES);
    break;
  }
  return JSON.stringify(root);
}

function check(profile: Profile): void {
  for (const range of profile.ranges) {
    for (const text of range.addresses) {
      const cidr = parseCidr(text);
      must(cidr !== null && formatCidr(cidr) === text, `range ${text} is not canonical`);
    }
  }
  for (const family of [4, 6] as const) {
    const elements = rangeElements(profile.ranges, {
      use: 'range',
      family,
      protocols: (range) => range.protocols,
    });
    must(
      elements.every((element) => element.length === 3),
      'an element of another shape',
    );
  }
  believedOn(profile, '2026-06-01');
  const matcher = compileNames([{ name: 'app', profile }]);
  const { names, patterns, except } = profile.dns;
  const isExcept = (name: string) =>
    except.some(({ value }) => name === value || name.endsWith(`.${value}`));
  for (const { value } of names) {
    const found = matchName(matcher, wireName(value), 0);
    must(
      found.length > 0 === !isExcept(value),
      `the name ${value} is not matched as it is written`,
    );
  }
  for (const { value } of patterns) must(parsePattern(value).ok, 'a bad pattern');
}

export const profile: Target = {
  name: 'profile',
  weight: 2,
  seeds: [bytesOf(JSON.stringify(wideProfile))],
  words: [
    '"',
    ',',
    '{',
    '}',
    '[',
    ']',
    ':',
    'null',
    '1e999',
    '"__proto__":{},',
    '\\u0000',
    '\\ud800',
  ],
  mend(bytes, length, random) {
    const text = textOf(bytes.subarray(0, length));
    // Most mutations of the text are no JSON: then a value of a valid profile is changed.
    const changed = changeValue(text, random) ?? changeValue(JSON.stringify(wideProfile), random)!;
    if (random.once(6) || changed.length > 0xffff) return length;
    for (let i = 0; i < changed.length; i++) bytes[i] = changed.charCodeAt(i);
    return changed.length;
  },
  run(input) {
    const read = parseProfile(textOf(input), 'file');
    if (read.ok) {
      check(read.value);
      return `profile ${read.value.ranges.length} ${read.value.dns.names.length}`;
    }
    must(read.problems.length > 0, 'refused without a reason');
    for (const { where, what } of read.problems) {
      must(where.startsWith('file: /') && what !== '', `${where}: no place`);
    }
    return kindOf(`${read.problems[0]!.where} ${read.problems[0]!.what.slice(0, 80)}`);
  },
};
