// The two captures of the lab -> when each played packet reached the router, what DNS was said at
// home, and where each packet came out again: on the ISP wire as it was, or inside GRE.
import { decodePacket, destinationText, sourceText, UDP } from '../../../agent/src/wire/packet.ts';
import { flowKey } from '../../captures/ndpi.ts';
import type { Timed } from '../../fixtures/pcap.ts';
import { framesOf } from '../verdict/frames.ts';
import { HOME_ADDRESS, ROUTER_ADDRESS, TUNNEL_HOME } from '../world/plan.ts';
import type { CounterValues } from './model.ts';
import { type Played, TTL } from './stage.ts';

interface Seen {
  readonly time: number;
  readonly fromRouter: boolean;
  readonly tunnelled: boolean;
  readonly ttl: number;
  readonly protocol: number;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  /** The IP packet, out of GRE. */
  readonly bytes: Uint8Array;
}

export interface Arrivals {
  /** What the router was given: played packets and DNS of the home, with the wire's times. */
  readonly packets: readonly Timed[];
  /** Played packets that did not arrive, or not in order. */
  readonly missing: number;
}

const GRE = 47;

/** UDP and TCP of a wire; `router`: its hardware address there as 12 hex digits. */
function* seenOn(capture: Uint8Array, router: string): Generator<Seen> {
  for (const { time, bytes, offset, end } of framesOf(capture)) {
    const own = Buffer.from(bytes.subarray(offset - 8, offset - 2)).toString('hex');
    const header = offset + (bytes[offset]! & 15) * 4;
    const tunnelled = bytes[offset]! >> 4 === 4 && bytes[offset + 9] === GRE;
    const start = tunnelled ? header + 4 + optionalBytes(bytes[header]!) : offset;
    const packet = decodePacket(bytes, start, end);
    if ('malformed' in packet || packet.family !== 4) continue;
    yield {
      time,
      fromRouter: own === router,
      tunnelled,
      ttl: bytes[start + 8]!,
      protocol: packet.protocol,
      source: sourceText(packet),
      sourcePort: packet.sourcePort,
      destination: destinationText(packet),
      destinationPort: packet.destinationPort,
      bytes: bytes.slice(start, start + packet.length),
    };
  }
}

/** Checksum, key and sequence number are four bytes each (RFC 2784, RFC 2890). */
function optionalBytes(flags: number): number {
  return 4 * [0x80, 0x20, 0x10].filter((flag) => (flags & flag) !== 0).length;
}

export interface Wires {
  readonly lan: Uint8Array;
  readonly isp: Uint8Array;
  /** The router's hardware addresses. */
  readonly lanRouter: string;
  readonly ispRouter: string;
}

/** Each wire keeps the order it was played in. */
export function arrivals(wires: Wires, played: readonly Played[]): Arrivals {
  const lan = [...seenOn(wires.lan, wires.lanRouter)];
  const isp = [...seenOn(wires.isp, wires.ispRouter)];
  const home = lan.filter((one) => !one.fromRouter && one.ttl === TTL.out);
  const back = isp.filter((one) => {
    return !one.fromRouter && one.ttl === (one.tunnelled ? TTL.tunnel : TTL.in);
  });
  const sent = played.filter(({ entrance }) => entrance === 'out');
  const returned = played.filter(({ entrance }) => entrance === 'in' || entrance === 'tunnel');
  const at = [...pair(sent, home), ...pair(returned, back)];
  const missing = sent.length + returned.length - at.length;
  const said = lan.filter(isService).map(({ time, bytes }): Timed => [time, bytes]);
  const all = [...at, ...said].sort(([a], [b]) => a - b);
  const start = all[0]?.[0] ?? 0;
  return { packets: all.map(([time, bytes]): Timed => [time - start, bytes]), missing };
}

/** A played packet with the time it was seen at, while both lists say the same. */
function pair(played: readonly Played[], seen: readonly Seen[]): Timed[] {
  const found: Timed[] = [];
  for (const [index, { packet }] of played.entries()) {
    const one = seen[index];
    const ports = (bytes: Uint8Array) => {
      const at = (bytes[0]! & 15) * 4;
      return Buffer.from(bytes.subarray(at, at + 4)).toString('hex');
    };
    if (one === undefined || ports(one.bytes) !== ports(packet.bytes)) break;
    found.push([one.time, packet.bytes]);
  }
  return found;
}

/** DNS and port mapping between a device and the router. */
function isService({ protocol, source, sourcePort, destination, destinationPort }: Seen): boolean {
  if (protocol !== UDP) return false;
  if (source === ROUTER_ADDRESS) return sourcePort === 53;
  return destination === ROUTER_ADDRESS && (destinationPort === 53 || destinationPort === 5351);
}

export interface Outcome {
  readonly counts: ReadonlyMap<string, CounterValues>;
  /** Forwarded packets whose flow was not played: translated to another port, or a fault. */
  readonly strangers: readonly string[];
  /** Remote addresses that were seen inside the tunnel. */
  readonly tunnelRemotes: ReadonlySet<string>;
}

/** By flow, where the packets came out; what did not come out was refused. */
export function outcome(wires: Wires, played: readonly Played[]): Outcome {
  const counts = new Map<string, CounterValues>();
  const devices = new Map<string, string>();
  for (const { packet, entrance } of played) {
    if (entrance === 'query') continue;
    const one = counts.get(packet.key) ?? { tunnel: 0, direct: 0, refused: 0 };
    one.refused += 1;
    counts.set(packet.key, one);
    for (const end of packet.key.split(' ').slice(1)) {
      if (end.startsWith(`${packet.device}:`)) {
        devices.set(end.slice(packet.device.length), packet.device);
      }
    }
  }
  const strangers: string[] = [];
  const tunnelRemotes = new Set<string>();
  const add = (seen: Seen, path: 'tunnel' | 'direct'): void => {
    const port = `:${seen.sourcePort}`;
    const translated = seen.source === HOME_ADDRESS || seen.source === TUNNEL_HOME;
    const source = translated ? (devices.get(port) ?? seen.source) : seen.source;
    const to = `${seen.destination}:${seen.destinationPort}`;
    const one = counts.get(flowKey(seen.protocol, `${source}${port}`, to));
    if (one === undefined) {
      strangers.push(`${path} ${seen.protocol} ${source}${port} > ${to}`);
      return;
    }
    one[path] += 1;
    one.refused -= 1;
  };
  for (const seen of seenOn(wires.isp, wires.ispRouter)) {
    if (!seen.fromRouter || seen.ttl !== TTL.out - 1) continue;
    if (seen.tunnelled) tunnelRemotes.add(seen.destination);
    add(seen, seen.tunnelled ? 'tunnel' : 'direct');
  }
  for (const seen of seenOn(wires.lan, wires.lanRouter)) {
    if (!seen.fromRouter) continue;
    if (seen.ttl === TTL.in - 1) add(seen, 'direct');
    if (seen.ttl === TTL.tunnel - 1) add(seen, 'tunnel');
  }
  return { counts, strangers, tunnelRemotes };
}
