// preflight/lan-devices: checks the devices of `list lan`: each must exist and be the input device of packets
// from the home, so neither a port of a bridge nor a bridge whose addresses are on a VLAN device above it.
// Pure.
import type { KernelLink } from '../netlink/kernel-link.ts';
import { isLinkName } from '../ruleset/names.ts';
import type { Problem } from '../syntax/result.ts';
import type { UciPackage } from '../syntax/uci.ts';
import { isRoutableText } from '../wire/address.ts';
import {
  addressedAbove,
  addressesOf,
  deviceText,
  isUp,
  linkOf,
  portsOf,
  uciList,
} from './homes.ts';
import { type Look, type Stop, stopBy } from './look.ts';
import { globalsOf, type Placed, placeOf } from './place.ts';
import type { LookedAt, RouterSeen } from './seen.ts';

const SUBJECT = 'lan devices';

export function lanLook({ policy, uci }: LookedAt, seen: RouterSeen): Look {
  const globals = globalsOf(uci);
  const problems: Problem[] = [];
  const notes: Problem[] = [];
  const stops: Stop[] = [];
  const { lan } = policy.globals;
  const exchange = exchangeIn(uci);
  for (const name of lan) {
    const where = placeOf(globals, 'lan', name);
    const wrong = wrongWith(seen, lan, name, exchange);
    if (wrong !== null) {
      problems.push({ where, what: wrong });
      stops.push(stopBy('lan', 'direct', wrong, { device: name }));
    } else {
      const weak = idleWith(seen, lan, name, exchange) ?? weakWith(seen, linkOf(seen, name)!);
      if (weak !== null) notes.push({ where, what: weak });
    }
  }
  const kept = isListed(globals) ? [] : lan;
  for (const link of problems.length > 0 ? [] : leftOut(seen, lan)) {
    const fix = uciList(`${globals.path}.lan`, null, [...kept, link.name]);
    const what = `${deviceText(seen, link, false)} is in no list lan: nothing from its devices is proxied. If it should be: ${fix}`;
    notes.push({ where: placeOf(globals, 'lan'), what });
  }
  const told = lan.map((name) => {
    const link = linkOf(seen, name);
    return link === null ? `${name} (not there)` : deviceText(seen, link);
  });
  return { subject: SUBJECT, seen: told.join(', '), problems, notes, stops };
}

type Exchange = (from: string, to: readonly string[]) => string;

/** The list is in the file; if it is absent, the default applies. */
function isListed({ section }: Placed): boolean {
  return section.values.some(({ name }) => name === 'lan');
}

/** Commands that put other devices into list lan in the place of one. */
export function exchangeIn(uci: UciPackage): Exchange {
  const globals = globalsOf(uci);
  // `uci add_list` needs an existing section.
  const made = globals.section.values.length > 0 ? '' : `uci set ${globals.path}=globals; `;
  return (from, to) => made + uciList(`${globals.path}.lan`, isListed(globals) ? from : null, to);
}

/** Why no packet of the home has `name` as its input device; null: no reason found. */
function wrongWith(
  seen: RouterSeen,
  lan: readonly string[],
  name: string,
  exchange: Exchange,
): string | null {
  const link = linkOf(seen, name);
  if (link === null) return missing(seen, lan, name, exchange);
  const over = bridgeOf(seen, link);
  if (over !== null && !lan.includes(over)) {
    return `${name} is a port of ${over}: its packets come in as those of ${over}, so none of them is proxied; ${exchange(name, [over])}`;
  }
  const above = addressesOf(seen, link).length > 0 ? [] : addressedAbove(seen, link);
  const names = above.map((one) => one.name);
  if (names.every((one) => lan.includes(one))) return null;
  const why = link.filters
    ? `${name} is a bridge under VLAN filtering, and the addresses of the home are on ${names.join(', ')}`
    : `${name} has no address, and those of the home are on ${names.join(', ')}`;
  const to = names.filter((one) => !lan.includes(one));
  return `${why}: packets come in as those of ${names.length === 1 ? 'that device' : 'these devices'}, so none is proxied; ${exchange(name, to)}`;
}

/** The device as whose packets those of `link` come in; null: they come in as its own. */
function bridgeOf(seen: RouterSeen, link: KernelLink): string | null {
  const master = seen.links.find(({ index }) => index === link.master);
  // A VRF is a master too, but packets keep the input device of its members.
  return master === undefined || master.kind === 'vrf' ? null : master.name;
}

/** Packets come in as those of a bridge that is in the list too. */
function idleWith(
  seen: RouterSeen,
  lan: readonly string[],
  name: string,
  exchange: Exchange,
): string | null {
  const over = bridgeOf(seen, linkOf(seen, name)!);
  if (over === null || !lan.includes(over)) return null;
  return `${name} is a port of ${over}, which is in the list too: it adds nothing; ${exchange(name, [])}`;
}

function missing(
  seen: RouterSeen,
  lan: readonly string[],
  name: string,
  exchange: Exchange,
): string {
  // LuCI writes @lan for an alias of interface lan.
  const device = seen.interfaces.get(name.replace(/^@/, ''));
  if (device !== undefined && linkOf(seen, device) !== null) {
    return `there is no device "${name}": that is an interface of /etc/config/network, and its device is ${device}; ${exchange(name, [device])}`;
  }
  const bridges = seen.links.filter(({ kind }) => kind === 'bridge').map((one) => one.name);
  const here = bridges.length === 0 ? 'no bridge is here' : `bridges here: ${bridges.join(', ')}`;
  const likely = homeDevices(seen)
    .map((one) => one.name)
    .filter((one) => !lan.includes(one));
  const others = seen.links
    .map((one) => one.name)
    .filter((one) => one !== 'lo' && !isLinkName(one));
  const fix =
    likely.length > 0
      ? exchange(name, likely.slice(0, 1))
      : `write the one that faces the home (devices here: ${others.slice(0, 12).join(', ') || 'none'}): ${exchange(name, ['DEVICE'])}`;
  return `there is no device "${name}": nothing from there is proxied; ${here}; ${fix}`;
}

function weakWith(seen: RouterSeen, link: KernelLink): string | null {
  if (!isUp(link))
    return `${link.name} is down: nothing comes in by it; ip link set ${link.name} up, or ifup of its interface`;
  if (addressesOf(seen, link).length > 0) return null;
  return `${link.name} has no address, so no device uses this router there; see "ip address show dev ${link.name}" and /etc/config/network`;
}

/** Bridges with ports, and VLANs of bridges, with a private address and without a default route. */
export function homeDevices(seen: RouterSeen): KernelLink[] {
  const bridges = seen.links.filter(({ kind }) => kind === 'bridge').map(({ index }) => index);
  const ways = seen.routes
    .filter(({ table, destination }) => table === 254 && destination === null)
    .map(({ link }) => link);
  return seen.links.filter((link) => {
    const isHome =
      (link.kind === 'bridge' && portsOf(seen, link) > 0) || bridges.includes(link.parent);
    const isPrivate = addressesOf(seen, link).some(({ address }) => !isRoutableText(address));
    return isHome && isPrivate && isUp(link) && !ways.includes(link.index) && link.master === 0;
  });
}

function leftOut(seen: RouterSeen, lan: readonly string[]): KernelLink[] {
  return homeDevices(seen).filter(({ name }) => !lan.includes(name));
}
