// replay/report: the last station of a capture: rows and what was learned become the object that
// `whp replay --json` prints (docs/replay.md explains its fields). Fields are added, not renamed.
import type { ReplayFlow } from './flow-table.ts';
import type { Harvest, HarvestedEndpoint, HarvestedPeer, HarvestedPort } from './learned.ts';

export interface ReplayReport {
  /** IP packets in the capture: malformed + local + foreign + those of the flows. */
  readonly packets: number;
  /** Not decodable, or a fragment without its first one. */
  readonly malformed: number;
  /** Frames that hold no IP packet: ARP and its like. */
  readonly others: number;
  /** Frames of a link type that is not known here, by interface of the file; not in `packets`. */
  readonly unknown: readonly UnknownFrames[];
  /** Of the packets: cut by the capture, and those of them that had to be read whole: DNS and what the
   * table announces. Without what they say the rest is not what the router would have done. */
  readonly cut: number;
  readonly cutUnread: number;
  /** Packets that would have been read, and could not be; the last reason. */
  readonly unread: number;
  readonly unreadReason: string | null;
  /** Answers for an application's name whose query is not in the capture: they teach nothing. */
  readonly unasked: number;
  /** TLS hellos that `option hello` would have read; replay does not. */
  readonly hellos: number;
  /** What else of the policy is not played, in words. */
  readonly unmodelled: readonly string[];
  /** Not for the Internet: home to home, router, broadcast and multicast. */
  readonly local: number;
  /** Neither side is the home's: --lan is missing a prefix. */
  readonly foreign: number;
  /** Seconds from the first to the last packet. */
  readonly seconds: number;
  /** Packets the ruleset announced, by "app evidence". */
  readonly evidence: { readonly [name: string]: number };
  readonly ports: readonly HarvestedPort[];
  /** Addresses, of the profile's supernode ranges, that were contacted. */
  readonly supernodes: readonly string[];
  readonly endpoints: readonly HarvestedEndpoint[];
  readonly peers: readonly HarvestedPeer[];
  readonly flows: readonly ReplayFlow[];
  readonly totals: Totals;
  /** Why the file ended early, when it did. */
  readonly broken: string | null;
}

export interface UnknownFrames {
  readonly interface: number;
  readonly link: number;
  readonly frames: number;
}

export interface Totals {
  /** Rows with an application of which a tunnel carried something, and what it carried. */
  readonly proxiedFlows: number;
  readonly proxiedPackets: number;
  readonly proxiedBytes: number;
  /** Rows without an application that the direct path carried something of, and what. */
  readonly directFlows: number;
  readonly directPackets: number;
  readonly directBytes: number;
  /** Flows that were direct before they were known, and the packets that then were: the leak. */
  readonly earlyFlows: number;
  readonly earlyPackets: number;
  /** Flows that began outside, refused ones included. */
  readonly inboundFlows: number;
  readonly inboundPackets: number;
  readonly rejectedPackets: number;
}

/** What was counted while the capture was played. */
export interface Tally
  extends Omit<
    ReplayReport,
    'evidence' | 'ports' | 'supernodes' | 'endpoints' | 'peers' | 'flows' | 'totals' | 'broken'
  > {
  readonly evidence: ReadonlyMap<string, number>;
}

export function reportOf(
  tally: Tally,
  flows: readonly ReplayFlow[],
  harvest: Harvest,
  broken: string | null,
): ReplayReport {
  const { evidence, ...counts } = tally;
  return {
    ...counts,
    evidence: Object.fromEntries(Array.from(evidence).sort(([a], [b]) => (a < b ? -1 : 1))),
    ports: Array.from(harvest.ports.values()),
    supernodes: Array.from(harvest.supernodes).sort(),
    endpoints: Array.from(harvest.endpoints.values()),
    peers: Array.from(harvest.peers.values()),
    flows,
    totals: totalsOf(flows),
    broken,
  };
}

function totalsOf(flows: readonly ReplayFlow[]): Totals {
  const proxied = flows.filter(({ app, packets, rejected }) => app !== null && packets > rejected);
  const direct = flows.filter(({ app, direct: packets }) => app === null && packets > 0);
  const inbound = flows.filter(({ began }) => began === 'outside');
  const known = new Set(flows.filter(({ app }) => app !== null).map(({ flow }) => flow));
  const early = direct.filter(({ flow }) => known.has(flow));
  return {
    proxiedFlows: proxied.length,
    proxiedPackets: sum(proxied, carried),
    proxiedBytes: sum(proxied, ({ bytes }) => bytes),
    directFlows: direct.length,
    directPackets: sum(direct, ({ direct: packets }) => packets),
    directBytes: sum(direct, ({ bytes }) => bytes),
    earlyFlows: early.length,
    earlyPackets: sum(early, ({ direct: packets }) => packets),
    inboundFlows: inbound.length,
    inboundPackets: sum(inbound, ({ packets }) => packets),
    rejectedPackets: sum(flows, ({ rejected }) => rejected),
  };
}

/** What a tunnel carried. */
function carried({ packets, direct, rejected }: ReplayFlow): number {
  return packets - direct - rejected;
}

function sum(flows: readonly ReplayFlow[], of: (flow: ReplayFlow) => number): number {
  return flows.reduce((total, flow) => total + of(flow), 0);
}
