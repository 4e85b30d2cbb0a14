// learn/gateways: the other routers of the home: whoever a route over a lan device leads to. Many devices
// send by the MAC of such a one, so it tells none of them. Before: netlink/route, netlink/neighbour. After:
// the set `gateways`. Pure.
import type { KernelRoute } from '../netlink/route.ts';
import { MOST_GATEWAYS } from '../ruleset/compile/device-share.ts';

/** Their addresses, as routes name them. `lan`: indexes of the devices towards home. */
export function gatewayAddresses(
  routes: readonly Pick<KernelRoute, 'gateway' | 'link'>[],
  lan: readonly number[],
): string[] {
  const found = routes.flatMap(({ gateway, link }) =>
    gateway !== null && link !== null && lan.includes(link) ? [gateway] : [],
  );
  return [...new Set(found)];
}

export interface GatewayChange {
  readonly gone: readonly string[];
  readonly fresh: readonly string[];
}

/** Makes `known` what `macs` are now, of which the first ones find room; answers what is otherwise. */
export function changeGateways(known: Set<string>, macs: readonly string[]): GatewayChange {
  const wanted = new Set(macs.slice(0, MOST_GATEWAYS));
  const gone = Array.from(known).filter((mac) => !wanted.has(mac));
  const fresh = Array.from(wanted).filter((mac) => !known.has(mac));
  for (const mac of gone) known.delete(mac);
  for (const mac of fresh) known.add(mac);
  return { gone, fresh };
}
