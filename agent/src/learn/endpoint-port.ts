// learn/endpoint-port: whether a flow to an address learned by DNS, or to a range, shows the P2P port of its device,
// by the same conditions as the rules of ruleset/compile. Pure.
import type { App } from '../policy/policy.ts';
import { findRange } from '../profile/range-match.ts';
import { OTHERS_PORTS, STUN_COOKIE } from '../ruleset/compile/teach.ts';
import { type Packet, transportName, UDP } from '../wire/packet.ts';
import { u32At } from '../wire/reader.ts';

export function showsPort({ profile }: App, packet: Packet): boolean {
  const { bytes, protocol, payload, payloadEnd, destinationPort } = packet;
  if (protocol !== UDP || !(profile.endpoints.learn ?? []).includes('udp')) return false;
  if (!OTHERS_PORTS.includes(destinationPort)) return true;
  return payload + 8 <= payloadEnd && u32At(bytes, payload + 4) === STUN_COOKIE;
}

/** Ranges may overlap: any that teaches is enough, as in the table, which has a set of those alone. */
export function rangeShowsPort({ profile }: App, packet: Packet): boolean {
  const { bytes, destination: offset, destinationPort: port, family } = packet;
  const protocol = transportName(packet.protocol);
  if (protocol === null) return false;
  const teaching = profile.ranges.filter(({ learn }) => learn.includes(protocol));
  return findRange(teaching, { bytes, offset, family, protocol, port }) !== null;
}
