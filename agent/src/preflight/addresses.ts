// preflight/addresses: checks the addresses of proxies and tunnels: a proxy address that is not public or is
// the router's own, an inner address in a network of another device. Pure.

import { tunnelDevice } from '../ruleset/names.ts';
import type { Problem } from '../syntax/result.ts';
import { cidrHas, isRoutableText, parseAddress } from '../wire/address.ts';
import type { Look } from './look.ts';
import { type Placed, placeOf, sectionsOf } from './place.ts';
import type { LookedAt, RouterSeen } from './seen.ts';

export function addressesLook({ policy, uci, router }: LookedAt): Look {
  const notes: Problem[] = [];
  const sections = sectionsOf(uci, 'proxy');
  for (const { name, address, local, remote, inner6 } of policy.proxies) {
    const placed = sections.find(({ section }) => section.name === name);
    if (placed === undefined) continue;
    if (!isRoutableText(address)) {
      const what = `${address} is no address of the public Internet: right only if the proxy is in a network of your own; else write the one that its provider shows`;
      notes.push({ where: placeOf(placed, 'address'), what });
    }
    if (router?.addresses.some((one) => one.address === address)) {
      const what = `${address} is an address of this router, not of the proxy: write the one that the server's provider shows`;
      notes.push({ where: placeOf(placed, 'address'), what });
    }
    const inner = { local, remote, local6: inner6?.local, remote6: inner6?.remote };
    for (const [option, inside] of Object.entries(inner)) {
      const owner = inside === undefined || router === null ? null : ownerOf(router, name, inside);
      if (owner !== null) notes.push(taken(placed, option, inside!, owner));
    }
  }
  const told = policy.proxies.map(
    ({ name, address, local, remote }) => `${name} ${address} (${local} to ${remote})`,
  );
  return { subject: 'proxies', seen: told.join(', ') || 'none in use', problems: [], notes };
}

function taken(placed: Placed, option: string, inside: string, owner: string): Problem {
  const what = `${inside} is in the network of ${owner}: what goes to that address may take the wrong way, and the tunnel with it; write one of a network that nothing else here uses, as in 10.254.1.2, and the same on the server (whp-proxy install)`;
  return { where: placeOf(placed, option), what };
}

/** The device, other than the proxy's own tunnel, whose network contains the address; null: none. */
function ownerOf({ addresses, links }: RouterSeen, proxy: string, text: string): string | null {
  const bytes = parseAddress(text);
  if (bytes === null) return null;
  const family = bytes.length === 4 ? 4 : 6;
  for (const { link, address, prefix, peer, family: of } of addresses) {
    const name = links.find(({ index }) => index === link)?.name;
    if (of !== family || name === undefined || name === tunnelDevice(proxy)) continue;
    const network = parseAddress(peer ?? address);
    if (network !== null && cidrHas({ family, bytes: network, prefix }, bytes, 0)) return name;
  }
  return null;
}
