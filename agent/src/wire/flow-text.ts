// wire/flow-text: the one text form of a flow, so that announcements of the ruleset, conntrack entries and packets
// of a capture can be compared as text.
import { familyIn } from './address.ts';
import { ICMP, ICMPV6, TCP, UDP } from './packet.ts';

/** Both ends of a flow, in the direction of its first packet. */
export interface FlowEnds {
  /** The number, or its protocolName. */
  readonly protocol: number | string;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

const NAMES = new Map([
  [UDP, 'udp'],
  [TCP, 'tcp'],
  [ICMP, 'icmp'],
  [ICMPV6, 'icmpv6'],
]);

/** "udp", "tcp", "icmp", "icmpv6", or the protocol number as text. */
export function protocolName(protocol: number): string {
  return NAMES.get(protocol) ?? String(protocol);
}

/**
 * "udp 192.168.1.34:13021 157.55.130.145:40012"; IPv6 addresses in brackets. Ports of UDP and TCP only: conntrack
 * has ICMP's id and type in their place, which the table does not compare.
 */
export function flowText({ protocol, ...ends }: FlowEnds): string {
  const name = typeof protocol === 'number' ? protocolName(protocol) : protocol;
  if (!hasPorts(name)) return `${name} ${ends.source} ${ends.destination}`;
  const side = (address: string, port: number): string =>
    `${familyIn(address) === 6 ? `[${address}]` : address}:${port}`;
  return `${name} ${side(ends.source, ends.sourcePort)} ${side(ends.destination, ends.destinationPort)}`;
}

function hasPorts(name: string): boolean {
  return name === 'udp' || name === 'tcp';
}

/** A flow in an answer (docs/json.md): its text, which `whp why` takes, and its parts. */
export interface FlowFields {
  readonly flow: string;
  readonly protocol: string;
  readonly source: string;
  /** null: the protocol has no ports. */
  readonly source_port: number | null;
  readonly destination: string;
  readonly destination_port: number | null;
}

export function flowFields(ends: FlowEnds): FlowFields {
  const { protocol: given, source, destination } = ends;
  const protocol = typeof given === 'number' ? protocolName(given) : given;
  const port = (number: number): number | null => (hasPorts(protocol) ? number : null);
  return {
    flow: flowText(ends),
    protocol,
    source,
    source_port: port(ends.sourcePort),
    destination,
    destination_port: port(ends.destinationPort),
  };
}
