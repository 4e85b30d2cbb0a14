// preflight/unmet: reports configured devices that neither the neighbour table nor a lease contains: a
// mistyped MAC or address shows here. Pure. Part of the look at hosts.

import type { Problem } from '../syntax/result.ts';
import { formatAddress, parseCidr } from '../wire/address.ts';
import { canonicalMac } from '../wire/mac.ts';
import { type Placed, placeOf, sectionsOf } from './place.ts';
import type { LookedAt, RouterSeen } from './seen.ts';

/** Lists with devices, by section type. */
const LISTS = [
  ['app', 'device'],
  ['group', 'device'],
  ['device', 'mac'],
  ['device', 'address'],
] as const;

export function unmetDevices({ uci }: LookedAt, seen: RouterSeen): Problem[] {
  const { neighbours, hosts } = seen;
  if (neighbours === undefined) return [];
  const macs = new Set([...neighbours.values(), ...hosts.hosts.map(({ mac }) => mac)]);
  const addresses = new Set([...neighbours.keys(), ...hosts.hosts.map((one) => one.address)]);
  const isUnmet = (text: string): boolean => {
    const mac = canonicalMac(text);
    if (mac !== null) return !macs.has(mac);
    const address = soleAddress(text);
    return address !== null && !addresses.has(address);
  };
  return LISTS.flatMap(([type, list]) =>
    sectionsOf(uci, type).flatMap((placed) =>
      valuesOf(placed, list)
        .filter(isUnmet)
        .map((text) => ({ where: placeOf(placed, list, text), what: `${text}: ${UNMET}` })),
    ),
  );
}

const UNMET =
  'no device of that address was met: neither the neighbour table nor a lease has it; "ip neigh" lists who is here';

function valuesOf({ section }: Placed, list: string): string[] {
  return section.values.filter(({ name }) => name === list).map(({ value }) => value);
}

/** The address of a single-address block, in canonical text; null: another block, or none. */
function soleAddress(text: string): string | null {
  const block = parseCidr(text);
  if (block === null || block.prefix !== block.bytes.length * 8) return null;
  return formatAddress(block.bytes, 0, block.family);
}
