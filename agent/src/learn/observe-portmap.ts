// learn/observe-portmap: the port in a device's NAT-PMP or PCP request. The ruleset has already added it to its
// set for this packet; this reads the announced copy for `whp status` and `whp why`, and the packets of a
// replayed capture.
import { type Packet, sourceText, UDP } from '../wire/packet.ts';
import { decodePortMap } from '../wire/portmap.ts';
import { PORTMAP_PORT } from '../wire/ports.ts';
import type { Malformed } from '../wire/reader.ts';

export interface MappedPort {
  readonly device: string;
  readonly protocol: 'nat-pmp' | 'pcp';
  readonly transports: readonly ('udp' | 'tcp')[];
  readonly port: number;
  readonly lifetimeSeconds: number;
}

/** The port that a device asks the router to map; null: another message, a deletion, or a request for all ports.
 * Of an ICMP error that quotes a request only the outer header counts, so it is null too. */
export function observePortmap(packet: Packet): MappedPort | Malformed | null {
  if (packet.protocol !== UDP || packet.destinationPort !== PORTMAP_PORT) return null;
  const request = decodePortMap(packet.bytes, packet.payload, packet.payloadEnd);
  if (request === null || 'malformed' in request) return request;
  // RFC 6886 section 3.4: lifetime 0 deletes a mapping; port 0 means all ports.
  if (request.lifetimeSeconds === 0 || request.internalPort === 0) return null;
  return {
    device: sourceText(packet),
    protocol: request.protocol,
    transports: request.transport === 'all' ? ['udp', 'tcp'] : [request.transport],
    port: request.internalPort,
    lifetimeSeconds: request.lifetimeSeconds,
  };
}
