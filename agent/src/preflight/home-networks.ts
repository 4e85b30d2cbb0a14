// preflight/home-networks: where proxied packets come from, for rule-reach: the lan devices as the kernel has them,
// their networks, and whose addresses are no device's. Pure.
import type { KernelAddress } from '../netlink/address.ts';
import { RT_TABLE_MAIN, RTN_UNICAST } from '../netlink/constants.ts';
import type { KernelLink } from '../netlink/kernel-link.ts';
import type { KernelRoute } from '../netlink/route.ts';
import { FIRST_SLOT, LAST_SLOT } from '../policy/marks.ts';
import type { Policy } from '../policy/policy.ts';
import type { Home } from './rule-reach.ts';

/** RT_SCOPE_UNIVERSE: what is of the link alone is forwarded for nobody. */
const UNIVERSE = 0;

/** What a policy says of it. */
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
      // Behind another router of the home.
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
