// What a packet is by the ground truth: the tag in its TOS byte, and for packets that kernels make
// by themselves (RST, ICMP: no tag) the addresses. Second station of the verdict.
import {
  HOME_ADDRESS,
  HOME6,
  LOCAL6,
  poolOf,
  ROUTER6,
  TAG,
  TUNNEL_HOME,
  TUNNEL6_HOME,
  v6Bytes,
  v6Text,
} from '../world/plan.ts';
import type { Flow, Sighting } from './sighting.ts';

export type Nature = 'application' | 'unrelated' | 'neutral';

const spelled = (address: string): string => v6Text(v6Bytes(address));
const HOME_SIDE = new Set([HOME_ADDRESS, TUNNEL_HOME, spelled(ROUTER6), spelled(TUNNEL6_HOME)]);
const HOME_NETS = ['192.168.1.', `${HOME6}:`, `${LOCAL6}:`];

/** An address of a device or of the router on the LAN. */
export function isLan(address: string): boolean {
  return HOME_NETS.some((net) => address.startsWith(net));
}

/** True when the packet comes from the home's side (device, router or the tunnel's home end). */
export function outward(flow: Flow): boolean {
  return HOME_SIDE.has(flow.source) || isLan(flow.source);
}

/** The end of the flow that is not the home's. */
export function remoteOf(flow: Flow): { address: string; port: number } {
  return outward(flow)
    ? { address: flow.destination, port: flow.destinationPort }
    : { address: flow.source, port: flow.sourcePort };
}

/** The port at the home's end: of the device on the LAN, after NAT on the ISP wire. */
export function homePort(flow: Flow): number {
  return outward(flow) ? flow.sourcePort : flow.destinationPort;
}

/** The flow that an ICMP error is about, turned so that it runs the way the error does. */
export function about(sighting: Sighting): Flow {
  const { quoted } = sighting;
  if (!quoted) return sighting;
  return {
    protocol: quoted.protocol,
    source: quoted.destination,
    sourcePort: quoted.destinationPort,
    destination: quoted.source,
    destinationPort: quoted.sourcePort,
  };
}

/** Ground truth. Untagged packets to or from addresses that serve both sides are neutral. */
export function natureOf(sighting: Sighting): Nature {
  if (sighting.tos === TAG.application) return 'application';
  if (sighting.tos === TAG.unrelated) return 'unrelated';
  const pools = [remoteOf(sighting).address, remoteOf(about(sighting)).address].map(poolOf);
  if (pools.includes('application')) return 'application';
  return pools.includes('unrelated') ? 'unrelated' : 'neutral';
}
