// learn/gateways: the other routers of the home, which are the gateways of routes over LAN devices. Packets of
// many devices have such a router's source MAC, so this MAC identifies no device (set `gateways`). Pure.
import type { KernelRoute } from '../netlink/route.ts';
import { MOST_GATEWAYS } from '../ruleset/compile/device-share.ts';

/** Addresses of the gateways. `lan`: interface indexes towards home. */
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

/** Makes `known` equal to the first MOST_GATEWAYS of `macs`; returns the difference. */
export function changeGateways(known: Set<string>, macs: readonly string[]): GatewayChange {
  const wanted = new Set(macs.slice(0, MOST_GATEWAYS));
  const gone = Array.from(known).filter((mac) => !wanted.has(mac));
  const fresh = Array.from(wanted).filter((mac) => !known.has(mac));
  for (const mac of gone) known.delete(mac);
  for (const mac of fresh) known.add(mac);
  return { gone, fresh };
}
