// policy/own-addresses: tells the addresses of the router and of the proxies, which never enter a routing set
// (invariant 6), whatever a DNS answer contains. step/step tests every learned address.
import type { Policy } from './policy.ts';

/** `addresses`: of the router's own devices. All in canonical text. */
export function isOwnAddress(
  policy: Policy,
  addresses: readonly string[],
  address: string,
): boolean {
  return addresses.includes(address) || policy.proxies.some((proxy) => proxy.address === address);
}
