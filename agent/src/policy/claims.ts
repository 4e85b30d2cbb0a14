// policy/claims: which MACs have used a DHCP host name that the configuration names. Any device can claim any
// name, so the first claimants are kept, and the number of claims, flash writes and new policies is bounded.
// config/settings keeps the file.
import type { Rate } from '../bounds/token-bucket.ts';
import type { Host } from '../syntax/dhcp-hosts.ts';

/**
 * MACs kept for one name: some devices use a different MAC on each network. Further claimants count only
 * while DHCP has their name.
 */
export const MOST_CLAIMS = 16;
/** Writes of the file: a burst of eight, then one every three hours. */
export const CLAIM_WRITES: Rate = { perSecond: 1 / 10800, burst: 8 };
/**
 * New policies because of another MAC: a burst of twenty, as during the setup of a home, then one a minute.
 */
export const CLAIM_CHANGES: Rate = { perSecond: 1 / 60, burst: 20 };

/** `known` and the new entries of `seen`, at most MOST_CLAIMS for each name; earlier ones come first. */
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
