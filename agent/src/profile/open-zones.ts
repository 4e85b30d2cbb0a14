// profile/open-zones: domains below which anybody can register a name of their own. A wildcard there, or
// the whole zone as a suffix, takes strangers' servers for the application's: whoever registers a name that
// fits has any address proxied. Before: parse. After: `whp profile validate`, preflight/profiles.

import type { Problem } from '../syntax/result.ts';
import type { Profile } from './profile.ts';

/** By who lets them out; `*.`: one label more, a region's. Sources: most are in the private section of
 * publicsuffix.org (2026-11), the others in their provider's own documents. */
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

/** The zone in which strangers may register what `value` leaves open; null: none. A zone
 * has the customer's name directly to its left. */
function openZoneOf(value: string, isSuffix: boolean): string | null {
  const labels = value.split('.');
  for (let i = 0; i < labels.length; i++) {
    const zone = labels.slice(i).join('.');
    const wider = ['*', ...labels.slice(i + 1)].join('.');
    if (!OPEN_ZONES.includes(zone) && !OPEN_ZONES.includes(wider)) continue;
    const isOpen = i === 0 ? isSuffix : /[*{]/.test(labels[i - 1]!);
    if (isOpen) return zone;
  }
  // A suffix that holds whole zones: amazonaws.com, and com in front of it.
  const inside = isSuffix ? OPEN_ZONES.find((zone) => zone.endsWith(`.${value}`)) : undefined;
  return inside ?? null;
}

/** What is open to strangers in a profile, at its places in `file`. */
export function openZoneNotes({ dns }: Pick<Profile, 'dns'>, file: string): Problem[] {
  return (['suffixes', 'patterns'] as const).flatMap((kind) =>
    dns[kind].flatMap(({ value }, i): Problem[] => {
      const zone = openZoneOf(value, kind === 'suffixes');
      if (zone === null) return [];
      const where = `${file}: /dns/${kind}/${i}/value`;
      const what = `"${value}": anybody can register names in ${zone}, and whoever has one that fits decides what is proxied; list the application's own names there one by one`;
      return [{ where, what }];
    }),
  );
}
