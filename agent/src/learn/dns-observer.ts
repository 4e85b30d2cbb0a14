// learn/dns-observer: what is known when a DNS message is looked at: the names of the applications, those that
// they led to, and what no answer may teach. Made by step/state.

import type { NameMatcher } from '../profile/name-match.ts';
import type { Profile } from '../profile/profile.ts';
import type { Cidr } from '../wire/address.ts';
import type { Aliases } from './aliases.ts';

export interface DnsObserver {
  readonly matcher: NameMatcher;
  readonly profiles: ReadonlyMap<string, Pick<Profile, 'endpoints'>>;
  /** Addresses of the router, the home and the proxies: true keeps them out of every set. */
  readonly isOwn: (address: string) => boolean;
  /** Names that the applications' names have led devices to, by what whoIs says. */
  readonly aliases: Aliases;
  /** What the device at an address is known by: learn/askers. */
  readonly whoIs: (address: string) => readonly string[];
  /** Of NAT64: an address behind one is judged by the IPv4 address that it stands for. */
  readonly nat64: readonly Cidr[];
}
