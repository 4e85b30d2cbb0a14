// config/met: finds the MACs of devices that the configuration names by an address, in the neighbour table,
// with or without a lease. The MAC then selects all addresses of the device. The daemon passes the table at
// its ticks; settings makes a new policy if a MAC is new.

import type { Policy } from '../policy/policy.ts';
import { type Host, MOST_HOSTS } from '../syntax/dhcp-hosts.ts';
import { cidrHas, parseAddress, parseCidr } from '../wire/address.ts';
import { isDeviceMac } from '../wire/mac.ts';

/** Address blocks that select devices in `policy`. */
function blocksOf({ apps, resolverBypass }: Policy) {
  const texts = [...apps.flatMap(({ devices }) => devices), ...(resolverBypass?.devices ?? [])];
  return [...new Set(texts)].flatMap((text) => parseCidr(text) ?? []);
}

/** Whether `policy` selects any device by its address. */
export function namesAddresses(policy: Policy): boolean {
  return blocksOf(policy).length > 0;
}

/**
 * `met` with the `neighbours` whose address is in a block of `policy`; the same list if nothing is new. A
 * changed MAC replaces the old one of that address. `gateways`: MACs of other routers, which identify no
 * device.
 */
export function metDevices(
  met: readonly Host[],
  policy: Policy,
  neighbours: ReadonlyMap<string, string>,
  gateways: ReadonlySet<string>,
): readonly Host[] {
  const blocks = blocksOf(policy);
  const isNamed = (address: string): boolean => {
    const bytes = parseAddress(address);
    return blocks.some((one) => one.bytes.length === bytes?.length && cidrHas(one, bytes, 0));
  };
  const known = new Map(met.map((one) => [one.address, one]));
  let isNews = false;
  for (const [address, mac] of neighbours) {
    if (gateways.has(mac) || !isDeviceMac(mac) || !isNamed(address)) continue;
    const before = known.get(address);
    if (before?.mac === mac || (before === undefined && known.size >= MOST_HOSTS)) continue;
    known.set(address, { mac, address, name: null });
    isNews = true;
  }
  return isNews ? Array.from(known.values()) : met;
}
