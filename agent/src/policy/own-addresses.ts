// policy/own-addresses: tells the addresses of the router and of the proxies, which never enter a routing set
// even if a DNS answer contains them. step/state passes the test to the observers in learn/.
import type { Policy } from './policy.ts';

/** `addresses`: of the router's own devices. All in canonical text. */
export function isOwnAddress(
  policy: Policy,
  addresses: readonly string[],
  address: string,
): boolean {
  return addresses.includes(address) || policy.proxies.some((proxy) => proxy.address === address);
}
