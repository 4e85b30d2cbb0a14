// preflight/profiles: checks the profiles in use: a profile of an ended service matches nothing new, a
// profile with an open zone matches names of other tenants. Pure.
import { openZoneNotes } from '../profile/open-zones.ts';
import type { Look } from './look.ts';
import { ruleNameCount } from './owner-rules.ts';
import { placeOf, sectionsOf } from './place.ts';
import type { LookedAt } from './seen.ts';

export function profilesLook({ policy, uci }: LookedAt): Look {
  const sections = sectionsOf(uci, 'app');
  const notes = policy.apps
    .filter(({ profile }) => profile.retired !== undefined)
    .map(({ name, profile: { title, retired } }) => {
      const placed = sections.find(({ section }) => section.name === name);
      const where = placed === undefined ? `whp.${name}` : placeOf(placed, 'profile');
      const what = `the service of profile ${title} ended on ${retired}: there is nothing left to recognise; to switch the app off: uci set whp.${name}.enabled=0; uci commit whp; whp reload`;
      return { where, what };
    });
  const open = policy.apps.flatMap(({ name, profile }) => {
    // The names of rules are in the look at rules, at their own place.
    const count = profile.dns.suffixes.length - ruleNameCount(uci, name);
    const dns = { ...profile.dns, suffixes: profile.dns.suffixes.slice(0, count) };
    return openZoneNotes({ dns }, `profile ${profile.name}`);
  });
  const told = policy.apps.map(({ name, profile, noProfile }) => {
    if (noProfile) return `${name} has none, its rules alone`;
    const by = name === profile.name ? '' : ` by ${profile.name}`;
    return `${name}${by} ${profile.version}`;
  });
  return {
    subject: 'profiles',
    seen: told.join(', ') || 'none in use',
    problems: [],
    notes: [...notes, ...open],
  };
}
