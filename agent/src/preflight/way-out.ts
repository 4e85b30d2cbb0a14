// preflight/way-out: checks the default routes: with one through a lan device (a one-armed router, or an
// access point that routes nothing) every packet counts as from home to home. Pure.

import { RTN_UNICAST } from '../netlink/constants.ts';
import type { KernelRoute } from '../netlink/route.ts';
import type { Problem } from '../syntax/result.ts';
import { FAMILIES } from '../wire/address.ts';
import { exchangeIn, homeDevices } from './lan-devices.ts';
import { type Look, type Stop, stopBy } from './look.ts';
import type { LookedAt, RouterSeen } from './seen.ts';

const MAIN = 254;

export function wayOutLook({ policy, uci }: LookedAt, seen: RouterSeen): Look {
  const { lan } = policy.globals;
  const problems: Problem[] = [];
  const notes: Problem[] = [];
  const stops: Stop[] = [];
  const told: string[] = [];
  for (const family of FAMILIES) {
    const routes = defaults(seen, family);
    const nameOf = ({ link }: KernelRoute): string =>
      link === 0
        ? 'several devices, which are not looked at'
        : (seen.links.find(({ index }) => index === link)?.name ?? `device ${link}`);
    const names = [...new Set(routes.map(nameOf))];
    told.push(`IPv${family} ${names.length === 0 ? 'none' : `by ${names.join(', then ')}`}`);
    names.forEach((name, at) => {
      if (!lan.includes(name)) return;
      const where = `ip${family === 6 ? ' -6' : ''} route`;
      const why = `leaves by ${name}, which is a lan device: what goes there counts as from home to home, so`;
      if (at === 0) {
        const home = homeDevices(seen).map((one) => one.name);
        const fix = exchangeIn(uci)(
          name,
          home.filter((one) => !lan.includes(one)),
        );
        const arm = `the default route ${why} nothing of IPv${family} is proxied`;
        const what =
          home.length > 0
            ? `${arm}; ${fix}`
            : `${arm} (a router with one arm, or an access point). Give the way out a device of its own: a VLAN of the switch, or run whp on the router that ${name} leads to; see docs/install.md`;
        problems.push({ where, what });
        stops.push(stopBy('way_out', 'direct', what, { family }));
      } else {
        const first = names[0];
        const what = `a second default route ${why} nothing is proxied while ${first} is down; take it out: ip route show default; or give that way a device of its own`;
        notes.push({ where, what });
      }
    });
  }
  return { subject: 'way out', seen: told.join('; '), problems, notes, stops };
}

/** Default routes of the main table by metric, the preferred one first. */
function defaults({ routes }: RouterSeen, family: 4 | 6): KernelRoute[] {
  return routes
    .filter(
      (one) =>
        one.family === family && one.table === MAIN && one.destination === null && !one.cloned,
    )
    .filter(({ type }) => type === RTN_UNICAST)
    .sort((a, b) => a.metric - b.metric);
}

/** Indexes of the devices by which default routes leave. */
export function waysOut(seen: RouterSeen): number[] {
  return ([4, 6] as const).flatMap((family) => defaults(seen, family)).map(({ link }) => link);
}
