// preflight/home-networks: collects the sources of proxied packets for rule-reach: the lan devices that
// exist, their networks and VRFs, and the addresses that belong to no device of the home. Pure.
import type { KernelAddress } from '../netlink/address.ts';
import { RT_TABLE_MAIN, RTN_UNICAST } from '../netlink/constants.ts';
import type { KernelLink } from '../netlink/kernel-link.ts';
import type { KernelRoute } from '../netlink/route.ts';
import { FIRST_SLOT, LAST_SLOT } from '../policy/marks.ts';
import type { Policy } from '../policy/policy.ts';
import type { Home } from './rule-reach.ts';

/** RT_SCOPE_UNIVERSE: addresses of link scope are never forwarded. */
const UNIVERSE = 0;

/** The parts of a policy that homeOf reads. */
export type Homely = Pick<Policy, 'globals' | 'proxies' | 'apps'>;

export function homeOf(
  { globals, proxies, apps }: Homely,
  links: readonly KernelLink[],
  addresses: readonly KernelAddress[],
  routes: readonly KernelRoute[],
): Home {
  const lan = links.filter(({ name }) => globals.lan.includes(name));
  const vrfs = lan.map(({ master }) =>
    links.find(({ index, kind }) => kind === 'vrf' && index === master),
  );
  const at = new Set(lan.map(({ index }) => index));
  const every = Array.from({ length: LAST_SLOT }, (_, i) => FIRST_SLOT + i);
  return {
    devices: lan.map(({ name }, i) => ({ name, vrf: vrfs[i]?.name ?? '' })),
    vrfTables: vrfs.flatMap((vrf) => (vrf === undefined ? [] : [vrf.vrfTable])),
    networks: [
      ...addresses
        .filter(({ link, scope, peer }) => at.has(link) && scope === UNIVERSE && peer === null)
        .map(({ address, prefix }) => `${address}/${prefix}`),
      // Networks behind another router of the home.
      ...routes.flatMap(({ table, link, type, destination }) =>
        table === RT_TABLE_MAIN && at.has(link) && type === RTN_UNICAST && destination !== null
          ? [destination]
          : [],
      ),
    ],
    own: [...addresses.map(({ address }) => address), ...proxies.map(({ address }) => address)],
    slots: apps.length === 0 ? every : apps.map(({ slot }) => slot),
    mask: globals.mask,
  };
}
