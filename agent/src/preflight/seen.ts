// preflight/seen: the input of the looks: the configuration, and the state of this router at one moment, read
// by router/router.ts. Types only.

import type { StandIn } from '../learn/stand-ins.ts';
import type { KernelAddress } from '../netlink/address.ts';
import type { KernelLink } from '../netlink/kernel-link.ts';
import type { Installer, KernelPart } from '../policy/missing-parts.ts';
import type { Policy } from '../policy/policy.ts';
import type { KnownHosts } from '../syntax/dhcp-hosts.ts';
import type { Checked, Result } from '../syntax/result.ts';
import type { FoundZone } from '../syntax/time-zone-files.ts';
import type { UciPackage } from '../syntax/uci.ts';
import type { Found } from './collisions.ts';
import type { DhcpDns } from './dhcp-dns.ts';
import type { DnsRedirect } from './dns-redirects.ts';
import type { Firewall } from './firewall.ts';

/** A valid configuration, and the router it is for. */
export interface LookedAt {
  readonly policy: Policy;
  /** The parsed file: for places of problems, and for disabled sections. */
  readonly uci: UciPackage;
  /** Milliseconds since 1970, by this router's clock. */
  readonly wall: number;
  /** null: only the file is checked, as for another router. */
  readonly router: RouterSeen | null;
}

/** A program that answers on a port of this router. */
export interface Answering {
  readonly port: number;
  /** Its name, or a guess in words. */
  readonly who: string;
}

export interface ResolversSeen {
  readonly answering: readonly Answering[];
  /** Value null: the file does not exist. */
  readonly dhcp: Result<DhcpDns | null>;
}

/** State at one moment. Found (preflight/collisions) adds the rules, routes, marks and claims of others. */
export interface RouterSeen extends Found {
  readonly links: readonly KernelLink[];
  readonly addresses: readonly KernelAddress[];
  /** The loaded foreign nftables rules, or why they could not be read. */
  readonly firewall: Checked<Firewall>;
  /** Their rules that redirect DNS; null: not read. */
  readonly redirects: readonly DnsRedirect[] | null;
  readonly resolvers: ResolversSeen;
  /** Non-public addresses in DNS answers, seen by the agent; empty without a running agent. */
  readonly standIns: readonly StandIn[];
  /** Devices of /etc/config/network by interface name. */
  readonly interfaces: ReadonlyMap<string, string>;
  /** DHCP leases and static hosts. */
  readonly hosts: KnownHosts;
  /** MACs by address, from the neighbour table; absent: not read. */
  readonly neighbours?: ReadonlyMap<string, string>;
  readonly zone: FoundZone;
  /** Missing kernel parts with the kernel's error; null: not probed. */
  readonly lacking: ReadonlyMap<KernelPart, string> | null;
  readonly installer: Installer;
  /** An agent runs, and answers on the control socket. */
  readonly hasAgent: boolean;
  /** Packet counts of each lan device, which only the agent has; null: it was not asked. */
  readonly traffic: ReadonlyMap<string, Traffic> | null;
}

/** Traffic of one lan device since the agent started to watch it. */
export interface Traffic {
  /** Packets received, by the counter of the device. */
  readonly received: number;
  /** Milliseconds since the counter last grew. */
  readonly silent: number;
}
