// What a device's port mapping request teaches. The ruleset has already put the port into its set,
// on the packet itself; this reads the copy from the watching feed, for status and "why", and the
// packets of a capture. Before: netlink/nflog, wire/packet. After: evidence.
import { type Packet, sourceText, UDP } from '../wire/packet.ts';
import { decodePortMap, PORTMAP_PORT } from '../wire/portmap.ts';
import type { Malformed } from '../wire/reader.ts';

export interface MappedPort {
  readonly device: string;
  readonly protocol: 'nat-pmp' | 'pcp';
  readonly transports: readonly ('udp' | 'tcp')[];
  readonly port: number;
  readonly lifetimeSeconds: number;
}

/**
 * The port that a device asks the router to map; null when the packet asks for nothing: another
 * message, a deletion, or a request for all ports at once. An ICMP error that quotes a request is
 * no request: only the packet's own header counts.
 */
export function observePortmap(packet: Packet): MappedPort | Malformed | null {
  if (packet.protocol !== UDP || packet.destinationPort !== PORTMAP_PORT) return null;
  const request = decodePortMap(packet.bytes, packet.payload, packet.payloadEnd);
  if (request === null || 'malformed' in request) return request;
  // RFC 6886 section 3.4: lifetime 0 destroys a mapping; port 0 stands for all of them.
  if (request.lifetimeSeconds === 0 || request.internalPort === 0) return null;
  return {
    device: sourceText(packet),
    protocol: request.protocol,
    transports: request.transport === 'all' ? ['udp', 'tcp'] : [request.transport],
    port: request.internalPort,
    lifetimeSeconds: request.lifetimeSeconds,
  };
}
