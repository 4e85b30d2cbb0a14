// preflight/owner-rules: the look at the rule sections: names of a rule that have no effect, or that other people can
// register. Pure.
import type { App } from '../policy/policy.ts';
import { openZoneText } from '../profile/open-zones.ts';
import { isEverywhere, isWhole } from '../profile/range-match.ts';
import type { Problem } from '../syntax/result.ts';
import type { UciPackage } from '../syntax/uci.ts';
import type { Look } from './look.ts';
import { isOff, type Placed, placeOf, sectionsOf } from './place.ts';
import type { LookedAt } from './seen.ts';

export function ownerRulesLook({ policy, uci }: LookedAt): Look {
  const rules = sectionsOf(uci, 'rule').filter((placed) => !isOff(placed));
  const told = rules.map((placed) => {
    const what = [valueOf(placed, 'action'), valueOf(placed, 'app') ?? 'all apps'];
    return `${placed.path} (${what.join(', ')})`;
  });
  const indexes = rules.length === 0 ? [] : policy.apps.map(indexOf);
  const notes = indexes.flatMap((its, at) => {
    const before = indexes.slice(0, at).filter(({ isForAll }) => isForAll);
    return rulesOf(rules, its.app, 'proxy').flatMap((placed) =>
      namesOf(placed).flatMap((name) => {
        const direct = keptDirect(its, name, rules);
        const weak = direct ?? comesLater(its.app, before, name, uci);
        const open = openZoneText(name, true);
        const fix = 'write the names of your own there one by one';
        const texts = [weak, open === null ? null : `${open}; ${fix}`];
        const where = placeOf(placed, 'name', name);
        return texts.flatMap((what): Problem[] => (what === null ? [] : [{ where, what }]));
      }),
    );
  });
  const all = [...notes, ...policy.apps.flatMap((app) => onlyNames(app, rules))];
  return { subject: 'rules', seen: told.join(', ') || 'none', problems: [], notes: all };
}

/** Names of direct rules beside a rule that proxies every address: the kernel looks at addresses. */
function onlyNames({ name: app, profile }: App, rules: readonly Placed[]): Problem[] {
  const range = profile.ranges.find(isEverywhere);
  if (range === undefined) return [];
  const ports = isWhole(range) ? '' : ' on its ports';
  return rulesOf(rules, app, 'direct').flatMap((placed) =>
    namesOf(placed).map((name) => {
      const what = `the addresses of "${name}" are not direct: ${range.source} proxies every address${ports}, whatever its name: write those that are to stay direct (list address)`;
      return { where: placeOf(placed, 'name', name), what };
    }),
  );
}

/** The names of an app, for questions about many names. */
interface Index {
  readonly app: string;
  /** It has no device list. */
  readonly isForAll: boolean;
  readonly names: ReadonlySet<string>;
  readonly suffixes: ReadonlySet<string>;
  readonly except: ReadonlySet<string>;
}

function indexOf({ name, devices, macs, profile: { dns } }: App): Index {
  const values = (of: readonly { readonly value: string }[]) =>
    new Set(of.map(({ value }) => value));
  return {
    app: name,
    isForAll: macs === undefined && devices.length === 0,
    names: values(dns.names),
    suffixes: values(dns.suffixes),
    except: values(dns.except),
  };
}

/** How many of an app's suffixes are names of rules: the last ones (policy/build-rules). */
export function ruleNameCount(uci: UciPackage, app: string): number {
  const rules = sectionsOf(uci, 'rule').filter((placed) => !isOff(placed));
  return rulesOf(rules, app, 'proxy').flatMap(namesOf).length;
}

function rulesOf(rules: readonly Placed[], app: string, action: string): Placed[] {
  return rules.filter((placed) => {
    const its = valueOf(placed, 'app');
    return valueOf(placed, 'action') === action && (its === app || its === null);
  });
}

function valueOf({ section }: Placed, option: string): string | null {
  return section.values.findLast(({ name }) => name === option)?.value || null;
}

function namesOf({ section }: Placed): string[] {
  return section.values
    .filter(({ name, value }) => name === 'name' && value !== '')
    .map(({ value }) => value);
}

/** `name` and the names above it, without the top-level domain. */
function upwards(name: string): string[] {
  const labels = name.split('.');
  return labels.slice(0, -1).map((_, i) => labels.slice(i).join('.'));
}

/** Why an exception of the profile or of a direct rule leaves the name without effect; null: none does. */
function keptDirect({ app, except }: Index, name: string, rules: readonly Placed[]): string | null {
  const found = upwards(name).find((one) => except.has(one));
  if (found === undefined) return null;
  const placed = rulesOf(rules, app, 'direct').find((one) => namesOf(one).includes(found));
  if (placed === undefined)
    return `"${name}" stays direct: the profile of ${app} excepts ${found}; remove it here`;
  const fix = `uci del_list ${placed.path}.name='${found}'; uci commit whp; whp reload`;
  return `"${name}" stays direct by ${placeOf(placed, 'name', found)}; to have it proxied: ${fix}`;
}

/** Which of the apps `before` this one has the name too, in words; null: none. */
function comesLater(
  app: string,
  before: readonly Index[],
  name: string,
  { sections }: UciPackage,
): string | null {
  const above = upwards(name);
  const first = before.find(
    ({ names, suffixes, except }) =>
      !above.some((one) => except.has(one)) &&
      (names.has(name) || above.some((one) => suffixes.has(one))),
  )?.app;
  if (first === undefined) return null;
  const at = sections.findIndex((one) => one.type === 'app' && one.name === first);
  const fix = `uci reorder whp.${app}=${at}; uci commit whp; whp reload`;
  return `"${name}" is a name of ${first} too, which comes first in the file and is for all devices: ${app} gets it only while ${first} is paused or outside its hours; to have ${app} first: ${fix}`;
}
