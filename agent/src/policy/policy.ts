// policy/policy: the type of a checked policy: the configuration with its profiles and every default filled
// in. ruleset/compile, tunnel/plan and learn/ read it.

import type { Profile, ProfileRange } from '../profile/profile.ts';
import type { Directory } from './build-devices.ts';
import type { ResolverBypass } from './resolver-bypass.ts';
import type { WeekSpan } from './schedule.ts';

/** The NFQUEUE number that nobody listens to: the kernel drops what a rule puts there (compile/element-packets). */
export const UNHEARD_QUEUE = 65535;

export interface Globals {
  /** Linux devices that face the home, e.g. br-lan. */
  readonly lan: readonly string[];
  /** The bits of mark and ctmark that are ours (see marks.ts). Default 0x0f000000. */
  readonly mask: number;
  /** ip rule preference of slot 0; slot n is at preference + n. Default 15000. */
  readonly preference: number;
  /** Routing table of slot 0; slot n uses table + n. Default 15000. */
  readonly table: number;
  /** NFQUEUE number of held DNS answers; + 1: ClientHellos, + 2: the crowd's answers. 0 to 65532, default 5300. */
  readonly queue: number;
  /** NFLOG group of queries and watched answers; + 1: the crowd's answers, + 2: evidence. 0 to 65533, default 5300. */
  readonly group: number;
  /** true: DNS answers are held until the addresses they teach are in the kernel; false: only watched. */
  readonly hold: boolean;
  /** false: the agent does not configure dnsmasq where answers are not held. */
  readonly dnsmasq?: false;
  /** NAT64 prefixes of this network besides 64:ff9b::/96; absent: none. */
  readonly nat64?: readonly string[];
  /** Write a log line for each proxied connection that ends. */
  readonly logFlows?: boolean;
  /** What `whp test` asks through the tunnels: the name whose address is the asker's, and the resolver's address. */
  readonly test?: { readonly name: string; readonly resolver: string };
}

export interface Proxy {
  /** Section name, at most 10 characters; the tunnel device is `whp-<name>`. */
  readonly name: string;
  /** Public address of the proxy, either family. */
  readonly address: string;
  /** GRE key; null: none. */
  readonly key: number | null;
  /** Inner addresses of the tunnel: ours and the proxy's. */
  readonly local: string;
  readonly remote: string;
  /** The same for IPv6; absent: the proxy has no IPv6, and the application's IPv6 is rejected. */
  readonly inner6?: { readonly local: string; readonly remote: string };
  /** MTU of the tunnel device in bytes; null: derived from the path. */
  readonly mtu: number | null;
}

export interface App {
  /** Section name: [a-z][a-z0-9]*, at most 10 characters; set and chain names start with it. */
  readonly name: string;
  /** Value of the mark's nibble, 1..11. */
  readonly slot: number;
  /** What it is recognised by: its profile file and the owner's rules. */
  readonly profile: Profile;
  /** true: no profile file; `profile` holds the owner's rules alone. Absent: it has a file. */
  readonly noProfile?: true;
  /** Addresses (or CIDR blocks) of the devices it applies to, either family; empty = all. */
  readonly devices: readonly string[];
  /**
   * MACs of its devices; a packet from any of `devices` or `macs` matches. Absent together with an empty
   * `devices`: every device. Present and empty: no MAC is known yet, so no device matches.
   */
  readonly macs?: readonly string[];
  /** Its device sections by a name that DHCP has not met; absent: none. */
  readonly unmet?: readonly string[];
  /** Destinations that the owner keeps direct. */
  readonly except?: readonly ProfileRange[];
  /**
   * Addresses pinned by the owner, with their mapped NAT64 addresses, as a range of all ports; absent: none.
   */
  readonly pins?: ProfileRange;
  /** When the app is proxied, local time; absent: always. */
  readonly schedule?: readonly WeekSpan[];
  /**
   * Why its new flows are direct now ("paused", "schedule"). Live flows stay in the tunnel, and learning
   * continues. Absent: new flows are proxied.
   */
  readonly direct?: string;
  readonly fallback: 'block' | 'direct';
  /** Names of eligible proxies, best first. */
  readonly proxies: readonly string[];
}

export interface Policy {
  readonly globals: Globals;
  readonly proxies: readonly Proxy[];
  readonly apps: readonly App[];
  /** Handling of devices that do not use the router's resolver; absent: none. */
  readonly resolverBypass?: ResolverBypass;
  /** The owner's devices and groups, for the names in answers; absent: there are none. */
  readonly directory?: Directory;
}
