// ruleset/nftset: converts a policy's names to lines of dnsmasq's configuration (its manual, --nftset). Where
// answers cannot be held, dnsmasq adds the addresses of an answer to the sets before it sends the answer,
// even without a running agent. router/dnsmasq writes the lines.
import type { App, Policy } from '../policy/policy.ts';
import type { ProfileNames } from '../profile/profile.ts';
import { FAMILIES } from '../wire/address.ts';
import { setName, TABLE, unusedSet } from './names.ts';

/** dnsmasq reads lines of at most 1,024 characters (MAXDNAME). */
const LONGEST_LINE = 1000;

export interface NftsetLines {
  /** '' if there is no name. */
  readonly text: string;
  /** Patterns that dnsmasq cannot express and that no suffix of their app covers. */
  readonly left: readonly string[];
}

/**
 * dnsmasq tests only the queried name, and applies the longest matching domain. So a domain is written with
 * the sets of every app that has it, and an excepted domain with the `unused` sets. A domain also matches
 * all names below it.
 */
export function nftsetLines({ apps }: Pick<Policy, 'apps'>): NftsetLines {
  const domains = new Set(apps.flatMap(({ profile: { dns } }) => domainsOf(dns)));
  const bySets = new Map<string, string[]>();
  for (const domain of Array.from(domains).sort()) {
    const owners = apps.filter(({ profile }) => hasDomain(profile.dns, domain));
    const sets = setsOf(owners);
    const same = bySets.get(sets) ?? [];
    bySets.set(sets, same);
    same.push(domain);
  }
  const lines = Array.from(bySets, ([sets, names]) => linesOf(names, sets)).flat();
  return { text: lines.map((line) => `${line}\n`).join(''), left: apps.flatMap(patternsLeft) };
}

function domainsOf({ names, suffixes, except }: ProfileNames): string[] {
  return [...names, ...suffixes, ...except].map(({ value }) => value);
}

function hasDomain({ names, suffixes, except }: ProfileNames, domain: string): boolean {
  if (except.some(({ value }) => isWithin(domain, value))) return false;
  return (
    names.some(({ value }) => value === domain) ||
    suffixes.some(({ value }) => isWithin(domain, value))
  );
}

function isWithin(name: string, suffix: string): boolean {
  return name === suffix || name.endsWith(`.${suffix}`);
}

function setsOf(owners: readonly App[]): string {
  const sets = owners.flatMap(({ name }) =>
    FAMILIES.map((family) => `${family}#inet#${TABLE}#${setName(name, 'addr', family)}`),
  );
  const none = FAMILIES.map((family) => `${family}#inet#${TABLE}#${unusedSet(family)}`);
  return (sets.length > 0 ? sets : none).join();
}

function linesOf(names: readonly string[], sets: string): string[] {
  const lines: string[] = [];
  let domains = '';
  for (const name of names) {
    const longer = `${domains}/${name}`;
    if (domains !== '' && `nftset=${longer}/${sets}`.length > LONGEST_LINE) {
      lines.push(`nftset=${domains}/${sets}`);
      domains = `/${name}`;
    } else domains = longer;
  }
  return [...lines, `nftset=${domains}/${sets}`];
}

/** `dsn{0-17}.d.skype.net` is within `skype.net`. */
function patternsLeft({ profile: { dns } }: App): string[] {
  return dns.patterns
    .map(({ value }) => value)
    .filter((pattern) => !dns.suffixes.some(({ value }) => pattern.endsWith(`.${value}`)));
}
