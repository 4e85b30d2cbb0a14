// policy/own-addresses: which addresses are the router's, the home's or a proxy's: they never enter a routing
// set (invariant 6), whatever a DNS answer says. step/step asks for every address of a lesson.
import type { Policy } from './policy.ts';

/** `addresses`: of the router's own devices. All in canonical text. */
export function isOwnAddress(
  policy: Policy,
  addresses: readonly string[],
  address: string,
): boolean {
  return addresses.includes(address) || policy.proxies.some((proxy) => proxy.address === address);
}
