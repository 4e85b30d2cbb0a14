// step/packet: shared by the files of step/: decodes a packet, extracts its DNS messages, and notes what could
// not be read.
import { reportOnce } from '../bounds/log-once.ts';
import type { Effect } from '../learn/effect.ts';
import { feedStream } from '../wire/dns-stream.ts';
import {
  decodePacket,
  destinationText,
  type Packet,
  sourceText,
  TCP,
  UDP,
} from '../wire/packet.ts';
import type { PacketSpan, Sender, State } from './state.ts';

/** Most reasons kept. */
const REASONS = 8;

export function read(state: State, span: PacketSpan): Packet | null {
  const packet = decodePacket(span.bytes, span.offset, span.end);
  if (!('malformed' in packet)) return packet;
  note(state, `packet: ${packet.malformed}`);
  return null;
}

/** The MAC that identifies the sending device; null: the packet came by another router, or without Ethernet. */
export function macOf({ gateways }: State, { mac }: Sender): string | null {
  return mac === null || gateways.has(mac) ? null : mac;
}

/** Decodes a packet that has to be complete; counts it if the kernel copied only a part. */
export function readWhole(state: State, span: PacketSpan): Packet | null {
  const packet = read(state, span);
  if (packet?.truncated === true) state.counters.cut += 1;
  return packet;
}

export function note(state: State, reason: string): void {
  state.counters.malformed += 1;
  state.reasons.push(reason);
  if (state.reasons.length > REASONS) state.reasons.shift();
}

export function report(state: State, topic: string, text: string, now: number): Effect[] {
  const line = reportOnce(state.reports, topic, text, now);
  return line === null ? [] : [{ kind: 'report', text: line }];
}

/** The DNS messages in a packet: one in UDP; in TCP, those that its segment completes. */
export function messagesOf(
  state: State,
  packet: Packet,
  device: string,
  now: number,
): readonly PacketSpan[] {
  const { bytes, payload: offset, payloadEnd: end } = packet;
  if (packet.protocol === UDP) return [{ bytes, offset, end }];
  if (packet.protocol !== TCP) return [];
  const segment = { sequence: packet.tcpSequence, flags: packet.tcpFlags, bytes, offset, end };
  return feedStream(state.streams, streamKey(packet), segment, now, device).map((message) => ({
    bytes: message,
    offset: 0,
    end: message.length,
  }));
}

export function streamKey(packet: Packet): string {
  const { sourcePort, destinationPort } = packet;
  return `${sourceText(packet)} ${sourcePort} ${destinationText(packet)} ${destinationPort}`;
}
