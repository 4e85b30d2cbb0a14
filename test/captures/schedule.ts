// Prepares a capture for a real router: the packets that the router would see, in order. Gaps above 250 ms
// become 250 ms, so the order relative to the 200 ms request window is unchanged. Longer timeouts (4 s,
// conntrack's 30 s) shrink for the model too: it replays the shortened capture.
import { readFileSync } from 'node:fs';
import { type Direction, homePrefixes, wayOf } from '../../agent/src/replay/direction.ts';
import {
  decodePacket,
  destinationText,
  type Packet,
  sourceText,
  TCP,
  UDP,
} from '../../agent/src/wire/packet.ts';
import { captureFrames } from '../../agent/src/wire/pcap.ts';
import { readdressed } from '../fixtures/packets.ts';
import { flowKey } from './ndpi.ts';
import { FOLDER } from './samples.ts';

export const ROUTER = '192.168.1.1';
const GAP_SECONDS = 0.25;

export interface Scheduled {
  /** Seconds from the first packet. */
  readonly time: number;
  readonly way: Direction;
  readonly key: string;
  readonly device: string;
  readonly bytes: Uint8Array;
}

/** The whole IPv4 packets of UDP and TCP that cross the router or are addressed to it. */
export function scheduleOf(sample: string): Scheduled[] {
  const file = readFileSync(`${FOLDER}/${sample}`);
  const home = homePrefixes([]);
  if (!home.ok) throw new Error('no prefixes');
  const out: Scheduled[] = [];
  let before: number | null = null;
  let time = 0;
  for (const frame of captureFrames(new Uint8Array(file))) {
    if ('malformed' in frame) throw new Error(frame.malformed);
    const packet = decodePacket(frame.bytes, frame.offset, frame.end);
    if ('malformed' in packet || !isWhole(packet)) continue;
    const way = wayOf(home.value, packet);
    if (way === 'foreign' || (way === 'local' && !isRouters(packet))) continue;
    time += Math.min(GAP_SECONDS, Math.max(0, frame.time - (before ?? frame.time)));
    before = Math.max(frame.time, before ?? 0);
    out.push(scheduled(time, way, packet, frame.bytes.slice(frame.offset)));
  }
  return out;
}

function scheduled(time: number, way: Direction, packet: Packet, rest: Uint8Array): Scheduled {
  const [source, destination] = [sourceText(packet), destinationText(packet)];
  const key = flowKey(
    packet.protocol,
    `${source}:${packet.sourcePort}`,
    `${destination}:${packet.destinationPort}`,
  );
  const device = way === 'in' || source === ROUTER ? destination : source;
  // A capture on the sender often has no checksums yet: computes them.
  const bytes = readdressed(rest.slice(0, packet.length), destination);
  return { time, way, key, device, bytes };
}

function isWhole(packet: Packet): boolean {
  const { family, protocol, truncated, moreFragments, fragmentOffset } = packet;
  const known = family === 4 && (protocol === UDP || protocol === TCP);
  return known && !truncated && !moreFragments && fragmentOffset === 0;
}

function isRouters(packet: Packet): boolean {
  const { sourcePort, destinationPort } = packet;
  if (sourceText(packet) === ROUTER) return sourcePort === 53;
  return destinationText(packet) === ROUTER && (destinationPort === 53 || destinationPort === 5351);
}
