// What the looks judge: the configuration, and what router/ has read of this router at one moment.
// Nothing is judged here. Read by router/router.ts; the looks are in looks.ts.

import type { StandIn } from '../learn/stand-ins.ts';
import type { KernelAddress } from '../netlink/address.ts';
import type { KernelLink } from '../netlink/kernel-link.ts';
import type { KernelPart } from '../policy/missing-parts.ts';
import type { Policy } from '../policy/policy.ts';
import type { KnownHosts } from '../syntax/dhcp-hosts.ts';
import type { FoundZone } from '../syntax/time-zone-files.ts';
import type { UciPackage } from '../syntax/uci.ts';
import type { Found } from './collisions.ts';
import type { DhcpDns } from './dhcp-dns.ts';
import type { DnsTurn } from './dns-turns.ts';
import type { Firewall } from './firewall.ts';

/** A configuration that has no problem, and the router that it is for. */
export interface Subject {
  readonly policy: Policy;
  /** The file that the policy was made from, for places and for what is disabled in it. */
  readonly uci: UciPackage;
  /** Milliseconds since 1970, as this router's clock has it. */
  readonly wall: number;
  /** null: the file is looked at alone, as one for another router. */
  readonly router: RouterSeen | null;
}

/** A program that answers on a port of this router. */
export interface Answering {
  readonly port: number;
  /** Its name, or what can be said of it. */
  readonly who: string;
}

export interface ResolversSeen {
  readonly answering: readonly Answering[];
  /** null: there is no such file. A string: why it could not be read. */
  readonly dhcp: DhcpDns | string | null;
}

/** One moment of this router. Rules, routes, marks and claims of others: see preflight/collisions. */
export interface RouterSeen extends Found {
  readonly links: readonly KernelLink[];
  readonly addresses: readonly KernelAddress[];
  /** The loaded nftables rules of others; a string: why they could not be read. */
  readonly firewall: Firewall | string;
  /** Their rules that turn DNS elsewhere; null: not read. */
  readonly turns: readonly DnsTurn[] | null;
  readonly resolvers: ResolversSeen;
  /** What the agent has seen in answers; none where no agent runs. */
  readonly standIns: readonly StandIn[];
  /** Devices of /etc/config/network by the name of their interface. */
  readonly interfaces: ReadonlyMap<string, string>;
  /** Where devices are known from, and the time zone. */
  readonly hosts: KnownHosts;
  /** MACs by address as the neighbour table has them; absent: not read. */
  readonly neighbours?: ReadonlyMap<string, string>;
  readonly zone: FoundZone;
  /** Parts of the kernel that are missing, with what the kernel said; null: not asked now. */
  readonly lacking: ReadonlyMap<KernelPart, string> | null;
  /** What came by each lan device; null: no agent runs that would have watched. */
  readonly traffic: ReadonlyMap<string, Traffic> | null;
}

/** What the agent has seen of one lan device since it began to watch. */
export interface Traffic {
  /** Packets received, by the device's own count. */
  readonly received: number;
  /** Milliseconds since the last look at which that count had grown. */
  readonly silent: number;
}
