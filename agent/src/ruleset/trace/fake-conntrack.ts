// ruleset/trace/fake-conntrack: connection tracking of the model kernel: the flow and state of a packet.
// Without NAT: both directions have the device's own address, as on the LAN side. Timeouts are Linux defaults
// (net.netfilter.nf_conntrack_*).

import { hexBytes } from '../../wire/hex.ts';
import {
  ICMP,
  ICMPV6,
  type Packet,
  TCP,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
  UDP,
} from '../../wire/packet.ts';
import { u16At } from '../../wire/reader.ts';

export interface TrackedFlow {
  /** Tuples of the original and of the reply direction. */
  readonly original: string;
  readonly reply: string;
  readonly family: 4 | 6;
  /** Source of the first packet. */
  readonly source: Uint8Array;
  /** Destination port of the first packet; -1: none. */
  readonly port: number;
  readonly created: number;
  /** Packets in the original direction. */
  sent: number;
  mark: number;
  confirmed: boolean;
  seenReply: boolean;
  closing: boolean;
  expires: number;
}

export type FlowState = 'new' | 'established' | 'related' | 'invalid' | 'untracked';

export interface Tracked {
  readonly state: FlowState;
  /** Null: the packet is invalid or untracked; then every ct expression but state ends the rule. */
  readonly flow: TrackedFlow | null;
}

/** Confirmed flows by both of their tuples. */
export type ModelConntrack = Map<string, TrackedFlow>;

const SECOND = 1000;
const UDP_ALONE = 30 * SECOND;
const UDP_STREAM = 120 * SECOND;
const UDP_STREAM_AGE = 2 * SECOND;
const TCP_OPENING = 120 * SECOND;
const TCP_OPEN = 432000 * SECOND;
const TCP_CLOSING = 120 * SECOND;
const TCP_CLOSED = 10 * SECOND;
const ICMP_ALONE = 30 * SECOND;
const OTHER = 600 * SECOND;

const NOTHING: Tracked = { state: 'invalid', flow: null };

/** Finds or creates the flow of a packet. A new flow is added to the table by `confirm`. */
export function track(table: ModelConntrack, packet: Packet, now: number): Tracked {
  if (packet.quoted >= 0) return relate(table, packet, now);
  const ends = endsOf(packet);
  if (ends === null)
    return packet.protocol === ICMPV6 ? { state: 'untracked', flow: null } : NOTHING;
  const known = lookup(table, ends.forward, now);
  if (known !== null && !reopens(known, packet)) {
    touch(known, packet, ends.forward, now);
    const answered = known.seenReply ? 'established' : 'new';
    return { state: answered, flow: known };
  }
  if (!ends.opens) return NOTHING;
  if (known !== null) forget(table, known);
  const source = packet.bytes.slice(packet.source, packet.source + widthOf(packet));
  const flow: TrackedFlow = {
    original: ends.forward,
    reply: ends.backward,
    family: packet.family,
    source,
    port: packet.destinationPort,
    created: now,
    sent: 0,
    mark: 0,
    confirmed: false,
    seenReply: false,
    closing: false,
    expires: 0,
  };
  touch(flow, packet, ends.forward, now);
  return { state: 'new', flow };
}

/** Direction of a packet of the flow; an ICMP error has that of the packet it quotes. */
export function directionOf(flow: TrackedFlow, packet: Packet): 'original' | 'reply' {
  const tuple = packet.quoted >= 0 ? quotedTuple(packet) : endsOf(packet)?.forward;
  return tuple === flow.reply ? 'reply' : 'original';
}

/** Adds the flow to the table when its first packet has left the router. */
export function confirm(table: ModelConntrack, flow: TrackedFlow): void {
  flow.confirmed = true;
  table.set(flow.original, flow);
  table.set(flow.reply, flow);
}

/** Deletes the entry, like `conntrack -D`. */
export function forget(table: ModelConntrack, flow: TrackedFlow): void {
  table.delete(flow.original);
  table.delete(flow.reply);
}

/** The flow of a packet if it is known; changes no state. */
export function flowOf(table: ModelConntrack, packet: Packet, now: number): TrackedFlow | null {
  const ends = endsOf(packet);
  return ends === null ? null : lookup(table, ends.forward, now);
}

function lookup(table: ModelConntrack, tuple: string, now: number): TrackedFlow | null {
  const flow = table.get(tuple);
  if (flow === undefined) return null;
  if (flow.expires > now) return flow;
  forget(table, flow);
  return null;
}

/** A SYN on a closing connection starts a new flow on the same ports. */
function reopens(flow: TrackedFlow, packet: Packet): boolean {
  const flags = packet.tcpFlags & (TCP_SYN | TCP_ACK);
  return packet.protocol === TCP && flow.closing && flags === TCP_SYN;
}

function touch(flow: TrackedFlow, packet: Packet, tuple: string, now: number): void {
  if (tuple === flow.original) flow.sent += 1;
  if (tuple === flow.reply && flow.confirmed) flow.seenReply = true;
  if (packet.protocol === TCP && packet.tcpFlags & (TCP_FIN | TCP_RST)) flow.closing = true;
  flow.expires = now + lifeOf(flow, packet, now);
}

function lifeOf(flow: TrackedFlow, packet: Packet, now: number): number {
  if (packet.protocol === UDP) {
    const stream = flow.seenReply && now - flow.created > UDP_STREAM_AGE;
    return stream ? UDP_STREAM : UDP_ALONE;
  }
  if (packet.protocol === TCP) {
    if (packet.tcpFlags & TCP_RST) return TCP_CLOSED;
    if (flow.closing) return TCP_CLOSING;
    return flow.seenReply ? TCP_OPEN : TCP_OPENING;
  }
  return packet.protocol === ICMP || packet.protocol === ICMPV6 ? ICMP_ALONE : OTHER;
}

interface Ends {
  readonly forward: string;
  readonly backward: string;
  /** Whether such a packet may be the first of a flow. */
  readonly opens: boolean;
}

function endsOf(packet: Packet): Ends | null {
  const width = widthOf(packet);
  const from = hexBytes(packet.bytes.subarray(packet.source, packet.source + width));
  const to = hexBytes(packet.bytes.subarray(packet.destination, packet.destination + width));
  const { protocol } = packet;
  if (protocol === TCP || protocol === UDP) {
    if (packet.sourcePort < 0) return null;
    const there = tuple(protocol, from, packet.sourcePort, to, packet.destinationPort);
    const back = tuple(protocol, to, packet.destinationPort, from, packet.sourcePort);
    return { forward: there, backward: back, opens: protocol === UDP || opensTcp(packet) };
  }
  if (protocol === ICMP || protocol === ICMPV6) return echoEnds(packet, from, to);
  const there = tuple(protocol, from, 0, to, 0);
  return { forward: there, backward: tuple(protocol, to, 0, from, 0), opens: true };
}

/** First column of tcp_conntracks: SYN, or a bare ACK in mid-stream (tcp_loose). */
function opensTcp(packet: Packet): boolean {
  const flags = packet.tcpFlags;
  if (flags & (TCP_RST | TCP_FIN)) return false;
  const both = flags & (TCP_SYN | TCP_ACK);
  return both === TCP_SYN || both === TCP_ACK;
}

/** Only echo messages form a flow. Errors are related to one; conntrack tracks no other types. */
function echoEnds(packet: Packet, from: string, to: string): Ends | null {
  const request = packet.family === 4 ? 8 : 128;
  const answer = packet.family === 4 ? 0 : 129;
  const type = packet.icmpType;
  if (type !== request && type !== answer) return null;
  const identifier = u16At(packet.bytes, packet.transport + 4);
  const there = tuple(packet.protocol, from, identifier, to, type);
  const back = tuple(packet.protocol, to, identifier, from, type === request ? answer : request);
  return { forward: there, backward: back, opens: type === request };
}

/** An ICMP error belongs to the flow of the packet it quotes. */
function relate(table: ModelConntrack, packet: Packet, now: number): Tracked {
  const inner = quotedTuple(packet);
  const flow = inner === null ? null : lookup(table, inner, now);
  return flow === null ? NOTHING : { state: 'related', flow };
}

/** A quote has at least 8 bytes of transport header (RFC 792): enough for ports or an echo's id. */
function quotedTuple(packet: Packet): string | null {
  const { bytes, quoted, payloadEnd, family } = packet;
  const header = family === 4 ? (bytes[quoted]! & 15) * 4 : 40;
  if (payloadEnd - quoted < header + 8 || bytes[quoted]! >> 4 !== family) return null;
  const protocol = bytes[quoted + (family === 4 ? 9 : 6)]!;
  const width = widthOf(packet);
  const first = quoted + (family === 4 ? 12 : 8);
  const from = hexBytes(bytes.subarray(first, first + width));
  const to = hexBytes(bytes.subarray(first + width, first + 2 * width));
  const at = quoted + header;
  if (protocol === TCP || protocol === UDP) {
    return tuple(protocol, from, u16At(bytes, at), to, u16At(bytes, at + 2));
  }
  if (protocol === ICMP || protocol === ICMPV6) {
    return tuple(protocol, from, u16At(bytes, at + 4), to, bytes[at]!);
  }
  return tuple(protocol, from, 0, to, 0);
}

function tuple(protocol: number, from: string, a: number, to: string, b: number): string {
  return `${protocol} ${from} ${a} ${to} ${b}`;
}

function widthOf(packet: Packet): number {
  return packet.family === 4 ? 4 : 16;
}
