// learn/endpoint-port: whether a flow to an address learned by DNS shows the P2P port of its device, by the same
// conditions as the rules of ruleset/compile/teach. Pure.
import type { App } from '../policy/policy.ts';
import { OTHERS_PORTS, STUN_COOKIE } from '../ruleset/compile/teach.ts';
import { type Packet, UDP } from '../wire/packet.ts';
import { u32At } from '../wire/reader.ts';

export function showsPort({ profile }: App, packet: Packet): boolean {
  const { bytes, protocol, payload, payloadEnd, destinationPort } = packet;
  if (protocol !== UDP || !(profile.endpoints.learn ?? []).includes('udp')) return false;
  if (!OTHERS_PORTS.includes(destinationPort)) return true;
  return payload + 8 <= payloadEnd && u32At(bytes, payload + 4) === STUN_COOKIE;
}
