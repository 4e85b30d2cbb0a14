// learn/dns-observer: what the observation of a DNS message needs: names and profiles of the applications,
// aliases, and the addresses that no answer may teach. Made by step/state.

import type { NameMatcher } from '../profile/name-match.ts';
import type { Profile } from '../profile/profile.ts';
import type { Cidr } from '../wire/address.ts';
import type { Aliases } from './aliases.ts';

export interface DnsObserver {
  readonly matcher: NameMatcher;
  readonly profiles: ReadonlyMap<string, Pick<Profile, 'endpoints'>>;
  /** True: an address of the router, the home or a proxy, which never becomes an element. */
  readonly isOwn: (address: string) => boolean;
  /** Aliases, by the device keys that `whoIs` returns. */
  readonly aliases: Aliases;
  /** The keys of the device at an address (learn/askers namesOf). */
  readonly whoIs: (address: string) => readonly string[];
  /** NAT64 prefixes: an address within one is judged by the IPv4 address embedded in it. */
  readonly nat64: readonly Cidr[];
}
