// policy/claims: which MACs have had a DHCP name that the configuration asks for. Any device may claim any
// name: who was first stays, and a device that comes with ever new MACs gets no further than its bound, nor
// has the router write its flash or make its table anew each time. Pure; config/settings keeps the file.
import type { Rate } from '../bounds/token-bucket.ts';
import type { Host } from '../syntax/dhcp-hosts.ts';

/** MACs that are remembered of one name: some devices have one for each of their networks. Beyond it a
 * claimant counts as long as it has the name in DHCP, and is forgotten with it. */
export const MOST_CLAIMS = 16;
/** Writes of the file: eight at once, then one in three hours, sixteen a day at most. */
export const CLAIM_WRITES: Rate = { perSecond: 1 / 10800, burst: 8 };
/** New policies because of another MAC: twenty at once, as when a home is set up, then one a minute. */
export const CLAIM_CHANGES: Rate = { perSecond: 1 / 60, burst: 20 };

/** `known` with what of `seen` is new and has room, the one that was known first first. */
export function claimsOf(known: readonly Host[], seen: readonly Host[]): Host[] {
  const claims = new Map<string, Host>();
  const counts = new Map<string, number>();
  for (const { mac, name } of [...known, ...seen]) {
    const key = `${name} ${mac}`;
    const count = counts.get(name ?? '') ?? 0;
    if (name === null || claims.has(key) || count >= MOST_CLAIMS) continue;
    claims.set(key, { mac, name, address: null });
    counts.set(name, count + 1);
  }
  return Array.from(claims.values());
}
