// DNS over TCP: puts the segments of each flow in order and hands out the messages they complete
// (RFC 1035 section 4.2.2: two bytes of length, then the message). Only the segment that completes
// a message has to be held back, since a client can use nothing before it. Next station: dns-names.
import { expireLost, isLost, type LostStreams, noteLost } from './lost-streams.ts';
import { TCP_FIN, TCP_RST, TCP_SYN } from './packet.ts';
import { u16At } from './reader.ts';

export interface StreamLimits {
  /** Flows followed at once; the one silent for longest makes room. */
  readonly flows: number;
  /** Bytes kept for one flow, in order and out of order together. */
  readonly bytes: number;
  /** Bytes kept for all flows together; beyond that the device that has most of them loses. */
  readonly total: number;
  /** Segments of one flow that are kept ahead of a gap. */
  readonly pieces: number;
  /** Milliseconds of silence after which a flow is forgotten. */
  readonly idleMilliseconds: number;
}

/**
 * Room in a flow for one message of the largest size and the segments that overtake it: 64 of a full
 * Ethernet frame are 93 KB, more than a message. Half a megabyte of all flows is what a router of 64 MB
 * can spare, and eight such messages at once.
 */
export const STREAM_LIMITS: StreamLimits = {
  flows: 64,
  bytes: 98304,
  total: 524288,
  pieces: 64,
  idleMilliseconds: 30000,
};

interface Piece {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

interface Flow {
  readonly device: string;
  /** Sequence number behind the last byte of `ready`. */
  next: number;
  /** False when the flow was joined half-way: an earlier segment may still come. */
  anchored: boolean;
  /** Bytes in order that no message has taken yet. */
  ready: Uint8Array;
  /** Segments ahead of a gap, in the order of their sequence numbers. */
  ahead: Piece[];
  lastSeen: number;
  /** keptBytes, as of its last segment. */
  kept: number;
}

export interface DnsStreams {
  readonly limits: StreamLimits;
  /** Least recently used first: a Map keeps insertion order. */
  readonly flows: Map<string, Flow>;
  /** Given up in the middle of a message. */
  readonly lost: LostStreams;
  /** Flows given up, by reason. */
  readonly dropped: { evicted: number; overflowed: number };
}

export interface Segment {
  readonly sequence: number;
  readonly flags: number;
  readonly bytes: Uint8Array;
  /** The payload is bytes[offset, end). */
  readonly offset: number;
  readonly end: number;
}

export function createStreams(limits: StreamLimits = STREAM_LIMITS): DnsStreams {
  return { limits, flows: new Map(), lost: new Map(), dropped: { evicted: 0, overflowed: 0 } };
}

/**
 * Takes one segment of the flow `key` (any text that names one direction of a connection) of the
 * home's `device` at time `now` (milliseconds). Answers the DNS messages that it completes, each a copy without its
 * length; mostly none or one.
 */
export function feedStream(
  streams: DnsStreams,
  key: string,
  segment: Segment,
  now: number,
  device = key,
): Uint8Array[] {
  if ((segment.flags & (TCP_RST | TCP_SYN)) !== 0) streams.lost.delete(key);
  if ((segment.flags & TCP_RST) !== 0) {
    streams.flows.delete(key);
    return [];
  }
  if (isLost(streams.lost, key, now)) return [];
  const flow = flowFor(streams, key, segment, now, device);
  const sequence = segment.flags & TCP_SYN ? segment.sequence + 1 : segment.sequence;
  if (segment.end > segment.offset) {
    insert(flow, sequence >>> 0, segment.bytes.slice(segment.offset, segment.end));
    joinAhead(flow);
  }
  const messages = takeMessages(flow);
  flow.kept = keptBytes(flow);
  const { bytes, pieces } = streams.limits;
  if (flow.kept > MOST_UNTOLD && isUntold(flow)) streams.flows.delete(key);
  else if (flow.kept > bytes || flow.ahead.length > pieces) {
    giveUp(streams, key, flow, 'more of a message comes at once than is kept', now);
    streams.dropped.overflowed += 1;
  } else if ((segment.flags & TCP_FIN) !== 0 && flow.ahead.length === 0) {
    streams.flows.delete(key);
  }
  if (segment.end > segment.offset) keepTotal(streams, now);
  return messages;
}

/** Gives up flows until what is kept of all together is within the limit. */
function keepTotal(streams: DnsStreams, now: number): void {
  const all = () => {
    let sum = 0;
    for (const { kept } of streams.flows.values()) sum += kept;
    return sum;
  };
  for (let kept = all(); kept > streams.limits.total; kept = all()) {
    giveUpOne(streams, (flow) => flow.kept, 'its device has too many messages under way', now);
    streams.dropped.overflowed += 1;
  }
}

/** Gives up the flow silent for longest of the device whose flows weigh most. */
function giveUpOne(
  streams: DnsStreams,
  weight: (flow: Flow) => number,
  reason: string,
  now: number,
): void {
  const byDevice = new Map<string, number>();
  for (const flow of streams.flows.values()) {
    byDevice.set(flow.device, (byDevice.get(flow.device) ?? 0) + weight(flow));
  }
  const most = Math.max(...byDevice.values());
  for (const [key, flow] of streams.flows) {
    if (byDevice.get(flow.device) !== most) continue;
    giveUp(streams, key, flow, reason, now);
    return;
  }
}

/** Forgets a flow. In the middle of what may be an answer it is remembered as lost: nobody knows where
 * its next message begins. */
function giveUp(streams: DnsStreams, key: string, flow: Flow, reason: string, now: number): void {
  streams.flows.delete(key);
  if (flow.kept > 0 && mayBeMessage(flow.ready)) loseFlow(streams, key, flow.device, reason, now);
}

/**
 * Whether these can be the first bytes of a message with its length: what else is spoken on port 53 (SSH,
 * a VPN) hardly ever looks so, and is let alone. RFC 1035 section 4.1.1: operation 0, one question.
 */
function mayBeMessage(ready: Uint8Array): boolean {
  if (ready.length < 8) return true;
  return (ready[4]! & 0x78) === 0 && u16At(ready, 6) === 1;
}

/** Bytes of a flow joined half-way that are kept for the case that an earlier segment was overtaken. */
const MOST_UNTOLD = 16384;

/** A flow joined half-way, whose first bytes are no message: its first segment was overtaken, or it is no
 * DNS. */
function isUntold(flow: Flow): boolean {
  return !flow.anchored && !mayBeMessage(flow.ready);
}

/** From now on lostReason answers for the flow, until it ends or begins anew. */
export function loseFlow(
  streams: DnsStreams,
  key: string,
  device: string,
  reason: string,
  now: number,
): void {
  streams.flows.delete(key);
  noteLost(streams.lost, key, device, reason, now);
}

/** Why the messages of the flow `key` can be read no more, or null. */
export function lostReason(streams: DnsStreams, key: string): string | null {
  return streams.lost.get(key)?.reason ?? null;
}

/**
 * Takes messages back that the last segment of a flow completed, since that segment does not reach its
 * device: when it comes again they are handed out again. `next`: the sequence number behind it.
 */
export function giveBack(
  streams: DnsStreams,
  key: string,
  messages: readonly Uint8Array[],
  next: number,
  now: number,
  device = key,
): void {
  if (messages.length === 0) return;
  const known = streams.flows.get(key);
  const flow = known ?? newFlow(device, next, true, now);
  streams.flows.set(key, flow);
  const back = messages.flatMap((one) => [Uint8Array.of(one.length >> 8, one.length & 255), one]);
  flow.ready = joined([...back, flow.ready]);
  flow.kept = keptBytes(flow);
  if (flow.kept <= streams.limits.bytes) return;
  giveUp(streams, key, flow, 'more of a message comes at once than is kept', now);
  streams.dropped.overflowed += 1;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Forgets the flows that were silent for too long; answers how many. */
export function expireStreams(streams: DnsStreams, now: number): number {
  let expired = 0;
  for (const [key, flow] of streams.flows) {
    if (now - flow.lastSeen < streams.limits.idleMilliseconds) break;
    giveUp(streams, key, flow, 'its message stopped half-way', now);
    expired += 1;
  }
  expireLost(streams.lost, now);
  return expired;
}

function flowFor(
  streams: DnsStreams,
  key: string,
  segment: Segment,
  now: number,
  device: string,
): Flow {
  const isSyn = (segment.flags & TCP_SYN) !== 0;
  const next = (isSyn ? segment.sequence + 1 : segment.sequence) >>> 0;
  const known = streams.flows.get(key);
  // A SYN with another number is a new connection on the same ports; the same one is a repeat.
  const stale = known !== undefined && isSyn && firstSequence(known) !== next;
  const flow = known === undefined || stale ? newFlow(device, next, isSyn, now) : known;
  flow.lastSeen = now;
  streams.flows.delete(key);
  streams.flows.set(key, flow);
  if (streams.flows.size > streams.limits.flows) {
    makeRoom(streams, key, now);
    streams.dropped.evicted += 1;
  }
  return flow;
}

function newFlow(device: string, next: number, anchored: boolean, now: number): Flow {
  const ready = new Uint8Array(0);
  return { device, next, anchored, ready, ahead: [], lastSeen: now, kept: 0 };
}

/** Of a flow that is between two messages nothing has to be known. */
function makeRoom(streams: DnsStreams, newest: string, now: number): void {
  for (const [key, { kept }] of streams.flows) {
    if (kept > 0 || key === newest) continue;
    streams.flows.delete(key);
    return;
  }
  giveUpOne(streams, () => 1, 'its device has too many messages under way', now);
}

function firstSequence(flow: Flow): number {
  return (flow.next - flow.ready.length) >>> 0;
}

function insert(flow: Flow, sequence: number, bytes: Uint8Array): void {
  // Signed distance in the 32-bit circle (RFC 9293 section 3.4).
  const distance = (sequence - flow.next) | 0;
  if (distance > 0) {
    putAhead(flow, { sequence, bytes });
    return;
  }
  const before = (sequence - firstSequence(flow)) | 0;
  if (!flow.anchored && before < 0) {
    // The segment that was taken for the first was overtaken by an earlier one.
    putAhead(flow, { sequence: firstSequence(flow), bytes: flow.ready });
    flow.ready = bytes;
    flow.next = (sequence + bytes.length) >>> 0;
    return;
  }
  const fresh = bytes.subarray(-distance);
  if (-distance >= bytes.length) return;
  flow.ready = joined([flow.ready, fresh]);
  flow.next = (flow.next + fresh.length) >>> 0;
}

/** Keeps the segments ahead of a gap in order; most come in order. */
function putAhead({ ahead }: Flow, piece: Piece): void {
  let at = ahead.length;
  while (at > 0 && ((ahead[at - 1]!.sequence - piece.sequence) | 0) > 0) at -= 1;
  ahead.splice(at, 0, piece);
}

/** Moves what no longer lies behind a gap into `ready`. */
function joinAhead(flow: Flow): void {
  while (flow.ahead.length > 0 && ((flow.ahead[0]!.sequence - flow.next) | 0) <= 0) {
    const piece = flow.ahead.shift()!;
    insert(flow, piece.sequence, piece.bytes);
  }
}

function takeMessages(flow: Flow): Uint8Array[] {
  const messages: Uint8Array[] = [];
  if (isUntold(flow)) return messages;
  let at = 0;
  while (flow.ready.length - at >= 2) {
    const end = at + 2 + u16At(flow.ready, at);
    if (end > flow.ready.length) break;
    messages.push(flow.ready.slice(at + 2, end));
    at = end;
  }
  if (at > 0) {
    flow.ready = flow.ready.slice(at);
    flow.anchored = true;
  }
  return messages;
}

function keptBytes(flow: Flow): number {
  // A piece costs more than its bytes: a thousand one-byte segments must not go unnoticed.
  return flow.ahead.reduce((sum, piece) => sum + piece.bytes.length + 64, flow.ready.length);
}
