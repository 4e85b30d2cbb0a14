// policy/policy: what the owner wants, in full: the configuration and the profiles it names,
// checked and with every default filled in. ruleset/compile, tunnel/plan and learn/ read it.

import type { Profile, ProfileRange } from '../profile/profile.ts';
import type { Escape } from './resolver-bypass.ts';
import type { WeekSpan } from './schedule.ts';

export interface Globals {
  /** Linux devices that face the home, e.g. br-lan. */
  readonly lan: readonly string[];
  /** The bits of mark and ctmark that are ours (see marks.ts). Default 0x0f000000. */
  readonly mask: number;
  /** ip rule preference of slot 0; slot n is at preference + n. Default 15000. */
  readonly preference: number;
  /** Routing table of slot 0; slot n uses table + n. Default 15000. */
  readonly table: number;
  /** NFQUEUE number of held DNS answers; that of ClientHellos and the crowd's follow it. Default 5300. */
  readonly queue: number;
  /** NFLOG group of queries and watched answers; the crowd's and the evidence's follow it. Default 5300. */
  readonly group: number;
  /** Hold DNS answers until what they teach is in the kernel; false: watch them only. */
  readonly hold: boolean;
  /** false: dnsmasq is left alone where answers are not held. */
  readonly dnsmasq?: false;
  /** Prefixes of a NAT64 of this network, beside 64:ff9b::/96; absent: none. */
  readonly nat64?: readonly string[];
  /** A line in the log for each proxied connection that ends. */
  readonly logFlows?: boolean;
}

export interface Proxy {
  /** Section name, at most 10 characters; the tunnel device is `whp-<name>`. */
  readonly name: string;
  /** Public address of the proxy, either family. */
  readonly address: string;
  /** GRE key, or null for none. */
  readonly key: number | null;
  /** Inner addresses: ours and the proxy's. */
  readonly local: string;
  readonly remote: string;
  /** The same for IPv6; absent: the proxy offers none, and the application's IPv6 is refused. */
  readonly inner6?: { readonly local: string; readonly remote: string };
  /** MTU of the tunnel device in bytes, or null: as the path allows. */
  readonly mtu: number | null;
}

export interface App {
  /** Section name: [a-z][a-z0-9]*, at most 10 characters; set and chain names start with it. */
  readonly name: string;
  /** Value of the mark's nibble, 1..11. */
  readonly slot: number;
  readonly profile: Profile;
  /** Addresses (or CIDR blocks) of the devices it applies to, either family; empty = all. */
  readonly devices: readonly string[];
  /**
   * MACs of its devices; a packet from any of `devices` or `macs` counts. Absent together with an
   * empty `devices`: every device. Present and empty: none is known yet, so it applies to none.
   */
  readonly macs?: readonly string[];
  /** Destinations that the owner keeps direct. */
  readonly except?: readonly ProfileRange[];
  /** Addresses that the owner has pinned to it, and those that stand for them behind NAT64, as a range of
   * any port; absent: none. */
  readonly pins?: ProfileRange;
  /** When it is proxied, local time; absent: always. */
  readonly schedule?: readonly WeekSpan[];
  /**
   * Why its new flows are direct for now by the owner's choice ("paused", "schedule"); its live
   * flows stay in the tunnel, and it goes on learning. Absent: it is proxied.
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
  /** Names that the router's resolver is not asked for; absent: nothing is done about them. */
  readonly escape?: Escape;
}
