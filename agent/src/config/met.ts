// config/met: devices that the configuration names by an address: the neighbour table knows the MAC of
// one that speaks, with or without a lease, and by it the app is for all addresses of the device. The
// daemon brings the table with its ticks; settings makes a new policy when there is news.

import type { Policy } from '../policy/policy.ts';
import { type Host, MOST_HOSTS } from '../syntax/dhcp-hosts.ts';
import { cidrHas, parseAddress, parseCidr } from '../wire/address.ts';
import { isDeviceMac } from '../wire/mac.ts';

/** Address blocks that stand for devices in `policy`. */
function blocksOf({ apps, escape }: Policy) {
  const texts = [...apps.flatMap(({ devices }) => devices), ...(escape?.devices ?? [])];
  return [...new Set(texts)].flatMap((text) => parseCidr(text) ?? []);
}

/** Whether any device is told by its address. */
export function namesAddresses(policy: Policy): boolean {
  return blocksOf(policy).length > 0;
}

/**
 * The devices met so far, with those of `neighbours` that `policy` names by their address; the same list
 * when there is no news. An address that another device has now is that device's. `gateways`: MACs of
 * other routers, which tell no device.
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
