// profile/open-zones: DNS zones in which anybody can register names. A wildcard in such a zone, or the whole
// zone as a suffix, would proxy servers of other tenants as the application's. `whp profile validate` and
// preflight/profiles print the notes.

import type { Problem } from '../syntax/result.ts';
import type { Profile } from './profile.ts';

/**
 * One line for each group of providers. `*.` stands for one more label (a region). Sources: most are in the
 * private section of publicsuffix.org (2026-11), the others in the documentation of the provider.
 */
const OPEN_ZONES: readonly string[] = [
  'azurewebsites.net cloudapp.net cloudapp.azure.com *.cloudapp.azure.com trafficmanager.net',
  'azurestaticapps.net azurecontainerapps.io blob.core.windows.net azureedge.net azurefd.net',
  'azure-api.net cloudfront.net amazonaws.com s3.amazonaws.com elasticbeanstalk.com awsapprunner.com',
  'on.aws appspot.com web.app firebaseapp.com run.app cloudfunctions.net storage.googleapis.com',
  'workers.dev pages.dev r2.dev trycloudflare.com fastly.net edgecompute.app',
  'github.io githubusercontent.com gitlab.io herokuapp.com netlify.app vercel.app now.sh',
  'onrender.com fly.dev glitch.me repl.co surge.sh ondigitalocean.app digitaloceanspaces.com',
  'linodeobjects.com backblazeb2.com b-cdn.net supabase.co ngrok.io ngrok.app ngrok-free.app loca.lt',
  'ts.net myfritz.net synology.me duckdns.org dyndns.org no-ip.org no-ip.com ddns.net hopto.org',
  'zapto.org dynu.net freeddns.org afraid.org mooo.com nsupdate.info dedyn.io eu.org sslip.io nip.io',
].flatMap((line) => line.split(' '));

/**
 * The open zone in which `value` matches names of other tenants; null: none. In a zone the label directly
 * left of the zone is the customer's.
 */
function openZoneOf(value: string, isSuffix: boolean): string | null {
  const labels = value.split('.');
  for (let i = 0; i < labels.length; i++) {
    const zone = labels.slice(i).join('.');
    const wider = ['*', ...labels.slice(i + 1)].join('.');
    if (!OPEN_ZONES.includes(zone) && !OPEN_ZONES.includes(wider)) continue;
    const isOpen = i === 0 ? isSuffix : /[*{]/.test(labels[i - 1]!);
    if (isOpen) return zone;
  }
  // A suffix that contains whole zones: amazonaws.com, or com above it.
  const inside = isSuffix ? OPEN_ZONES.find((zone) => zone.endsWith(`.${value}`)) : undefined;
  return inside ?? null;
}

/** What an entry of an open zone means; null: it matches no name of another tenant. */
export function openZoneText(value: string, isSuffix: boolean): string | null {
  const zone = openZoneOf(value, isSuffix);
  return zone === null
    ? null
    : `"${value}": anybody can register names in ${zone}, and whoever has one that fits decides what is proxied`;
}

/**
 * One note for each suffix or pattern that matches names of an open zone, with its JSON pointer in `file`.
 */
export function openZoneNotes({ dns }: Pick<Profile, 'dns'>, file: string): Problem[] {
  return (['suffixes', 'patterns'] as const).flatMap((kind) =>
    dns[kind].flatMap(({ value }, i): Problem[] => {
      const text = openZoneText(value, kind === 'suffixes');
      if (text === null) return [];
      const where = `${file}: /dns/${kind}/${i}/value`;
      return [{ where, what: `${text}; list the application's own names there one by one` }];
    }),
  );
}
