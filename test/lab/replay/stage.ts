// A capture's schedule -> what the world plays: one Ethernet frame a packet, on the LAN wire for
// what the devices sent, on the ISP wire for what came back, in GRE where the flow is in the tunnel.
// The router's own DNS answers are not played: the provider's resolver gives them to its dnsmasq.
import type { Scheduled } from '../../captures/schedule.ts';
import { readdressed } from '../../fixtures/packets.ts';
import {
  HOME_ADDRESS,
  PROXY_ADDRESS,
  ROUTER_ADDRESS,
  TUNNEL_HOME,
  TUNNEL_KEY,
} from '../world/plan.ts';

/** Marks what was played: the router's own packets come with 64. */
export const TTL = { out: 97, in: 77, tunnel: 87, query: 107 } as const;
export type Entrance = keyof typeof TTL;

export interface Played {
  readonly packet: Scheduled;
  readonly entrance: Entrance;
}

export interface Cards {
  readonly index: number;
  /** Hardware addresses as 12 hex digits: of the world's card, and of the router's behind it. */
  readonly own: string;
  readonly router: string;
}

/** The tunnel's, as the agent sets it: 1500 less IP, GRE and key. */
const TUNNEL_MTU = 1472;
const TURN_SECONDS = 0.01;
const UDP = 17;
const GRE_KEY_PRESENT = 0x2000;
const IPV4 = 0x0800;
const GRE = 47;

/**
 * Packets of the capture's 1500 bytes as their senders would have sent them: the router clamps the
 * segment size in the handshake, but a capture does not listen to it. A segment becomes two; a
 * datagram, which nobody here sends so large, is cut.
 */
export function fittedToTunnel(schedule: readonly Scheduled[]): Scheduled[] {
  return schedule.flatMap((packet) => {
    if (packet.bytes.length <= TUNNEL_MTU) return [packet];
    const { bytes } = packet;
    const header = (bytes[0]! & 15) * 4;
    if (bytes[9] === UDP) return [{ ...packet, bytes: shortened(bytes, header, TUNNEL_MTU) }];
    const headers = header + (bytes[header + 12]! >> 4) * 4;
    const first = shortened(bytes, header, TUNNEL_MTU);
    const rest = new Uint8Array(headers + bytes.length - TUNNEL_MTU);
    rest.set(bytes.subarray(0, headers));
    rest.set(bytes.subarray(TUNNEL_MTU), headers);
    const view = new DataView(rest.buffer);
    view.setUint32(header + 4, (view.getUint32(header + 4) + TUNNEL_MTU - headers) >>> 0);
    const second = shortened(rest, header, rest.length);
    return [{ ...packet, bytes: first }, ...fittedToTunnel([{ ...packet, bytes: second }])];
  });
}

function shortened(bytes: Uint8Array, header: number, length: number): Uint8Array {
  const short = bytes.slice(0, length);
  const view = new DataView(short.buffer);
  view.setUint16(2, length);
  if (short[9] === UDP) view.setUint16(header + 4, length - header);
  return readdressed(short, short.subarray(16, 20).join('.'));
}

/**
 * Captured on the device, an answer is microseconds behind its question; here the two take different
 * wires, and the emulated router needs milliseconds to have the first one through.
 */
export function spaced(schedule: readonly Scheduled[]): Scheduled[] {
  let shift = 0;
  return schedule.map((packet, at) => {
    const before = schedule[at - 1];
    if (before !== undefined && before.way !== packet.way) {
      shift += Math.max(0, TURN_SECONDS - (packet.time - before.time));
    }
    return { ...packet, time: packet.time + shift };
  });
}

/** `tunnelled` says by which side an answer comes in. */
export function entrances(
  schedule: readonly Scheduled[],
  tunnelled: (packet: Scheduled) => boolean,
): Played[] {
  return schedule.flatMap((packet): Played[] => {
    const { way, bytes } = packet;
    if (way === 'out') return [{ packet, entrance: 'out' }];
    if (way === 'in') return [{ packet, entrance: tunnelled(packet) ? 'tunnel' : 'in' }];
    const routers = bytes.subarray(12, 16).join('.') === ROUTER_ADDRESS;
    return routers ? [] : [{ packet, entrance: 'query' }];
  });
}

/** The player's SCHEDULE. */
export function scheduleText(played: readonly Played[], lan: Cards, isp: Cards): string {
  return played
    .map(({ packet, entrance }) => {
      const card = entrance === 'out' || entrance === 'query' ? lan : isp;
      const frame = `${card.router}${card.own}0800${hex(packetFor(packet.bytes, entrance))}`;
      return `${Math.round(packet.time * 1e6)} ${card.index} ${frame}\n`;
    })
    .join('');
}

function packetFor(bytes: Uint8Array, entrance: Entrance): Uint8Array {
  const marked = bytes.slice();
  marked[8] = TTL[entrance];
  if (entrance === 'in') return readdressed(marked, HOME_ADDRESS);
  if (entrance === 'tunnel') return inGre(readdressed(marked, TUNNEL_HOME));
  return readdressed(marked, bytes.subarray(16, 20).join('.'));
}

/** RFC 2784 with the key of RFC 2890, from the proxy to the home. */
function inGre(inner: Uint8Array): Uint8Array {
  const outer = new Uint8Array(28 + inner.length);
  const view = new DataView(outer.buffer);
  view.setUint16(0, 0x4500);
  view.setUint16(2, outer.length);
  outer[8] = 64;
  outer[9] = GRE;
  outer.set(PROXY_ADDRESS.split('.').map(Number), 12);
  outer.set(HOME_ADDRESS.split('.').map(Number), 16);
  view.setUint16(20, GRE_KEY_PRESENT);
  view.setUint16(22, IPV4);
  view.setUint32(24, TUNNEL_KEY);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(10, ~sum & 0xffff);
  outer.set(inner, 28);
  return outer;
}

/** The player's ANSWERS: every DNS answer that the capture's router gave to a device. */
export function answersText(schedule: readonly Scheduled[]): string {
  return schedule
    .filter(({ way, bytes }) => {
      const header = (bytes[0]! & 15) * 4;
      const from = bytes.subarray(12, 16).join('.');
      return way === 'local' && from === ROUTER_ADDRESS && bytes[header + 1] === 53;
    })
    .flatMap(({ bytes }) => {
      const message = bytes.subarray((bytes[0]! & 15) * 4 + 8);
      const question = questionOf(message);
      return question === null ? [] : [`${question} ${hex(message)}\n`];
    })
    .join('');
}

/** Name and type as hex, letters in lower case; null for a message without a question. */
function questionOf(message: Uint8Array): string | null {
  let end = 12;
  while (end < message.length && message[end] !== 0) end += message[end]! + 1;
  if (message.length < 12 || end + 3 > message.length || message[5] !== 1) return null;
  const name = message.slice(12, end + 3);
  return hex(name.map((byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte)));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
