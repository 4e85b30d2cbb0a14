// replay/report: makes the object that `whp replay --json` prints from rows and learned entries (fields:
// docs/json.md). Fields are added, never renamed.
import type { ReplayFlow } from './flow-table.ts';
import type { Harvest, HarvestedEndpoint, HarvestedPeer, HarvestedPort } from './learned.ts';

export interface ReplayReport {
  /** IP packets in the capture: malformed + local + foreign + those of the flows. */
  readonly packets: number;
  /** Not decodable, or a fragment without its first one. */
  readonly malformed: number;
  /** Frames without an IP packet, such as ARP. */
  readonly others: number;
  /** Frames of an unknown link type, by interface of the file; not in `packets`. */
  readonly unknown: readonly UnknownFrames[];
  /** Packets cut by the capture, and those of them that had to be complete (DNS, announced packets): without them
   * the result may differ from the router's. */
  readonly cut: number;
  readonly cut_unread: number;
  /** Packets to be read that could not be; the last reason. */
  readonly unread: number;
  readonly unread_reason: string | null;
  /** Answers for an application's name without their query in the capture: they teach nothing. */
  readonly unasked: number;
  /** TLS hellos that `option hello` would have read; replay does not read them. */
  readonly hellos: number;
  /** Other parts of the policy that are not played, in words. */
  readonly unmodelled: readonly string[];
  /** Not to or from the Internet: within the home, router, broadcast, multicast. */
  readonly local: number;
  /** No end is in the home's prefixes: --lan lacks one. */
  readonly foreign: number;
  /** Milliseconds from the first to the last packet. */
  readonly length_ms: number;
  /** Packets that the ruleset announced, by "app evidence". */
  readonly evidence: { readonly [name: string]: number };
  readonly ports: readonly HarvestedPort[];
  /** Contacted addresses in supernode ranges of the profiles. */
  readonly supernodes: readonly string[];
  readonly endpoints: readonly HarvestedEndpoint[];
  readonly peers: readonly HarvestedPeer[];
  readonly flows: readonly ReplayFlow[];
  readonly totals: Totals;
  /** Why the file ended early; null: it did not. */
  readonly broken: string | null;
}

export interface UnknownFrames {
  readonly interface: number;
  readonly link: number;
  readonly frames: number;
}

export interface Totals {
  /** Rows with an app that have packets through a tunnel, and those packets. */
  readonly proxied_flows: number;
  readonly proxied_packets: number;
  readonly proxied_bytes: number;
  /** Rows without an app that have packets on the direct path, and those packets. */
  readonly direct_flows: number;
  readonly direct_packets: number;
  readonly direct_bytes: number;
  /** Flows that were direct before their evidence, and their direct packets: the leak. */
  readonly early_flows: number;
  readonly early_packets: number;
  /** Flows begun from the Internet, refused ones included. */
  readonly inbound_flows: number;
  readonly inbound_packets: number;
  readonly rejected_packets: number;
}

/** Counted while the capture was played. */
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
    proxied_flows: proxied.length,
    proxied_packets: sum(proxied, carried),
    proxied_bytes: sum(proxied, ({ bytes }) => bytes),
    direct_flows: direct.length,
    direct_packets: sum(direct, ({ direct: packets }) => packets),
    direct_bytes: sum(direct, ({ bytes }) => bytes),
    early_flows: early.length,
    early_packets: sum(early, ({ direct: packets }) => packets),
    inbound_flows: inbound.length,
    inbound_packets: sum(inbound, ({ packets }) => packets),
    rejected_packets: sum(flows, ({ rejected }) => rejected),
  };
}

/** Packets through a tunnel. */
function carried({ packets, direct, rejected }: ReplayFlow): number {
  return packets - direct - rejected;
}

function sum(flows: readonly ReplayFlow[], of: (flow: ReplayFlow) => number): number {
  return flows.reduce((total, flow) => total + of(flow), 0);
}
