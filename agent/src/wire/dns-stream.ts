// DNS over TCP: puts the segments of each flow in order and hands out the messages they complete
// (RFC 1035 section 4.2.2: two bytes of length, then the message). Only the segment that completes
// a message has to be held back, since a client can use nothing before it. Next station: dns-walk.
import { TCP_RST, TCP_SYN } from './packet.ts';
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
const STREAM_LIMITS: StreamLimits = {
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
  /** Its beginning was seen, and nothing of it was given up since: what it carries is known. */
  whole: boolean;
  /** Bytes in order that no message has taken yet. */
  ready: Uint8Array;
  /** Segments ahead of a gap, in the order of their sequence numbers. */
  ahead: Piece[];
  lastSeen: number;
  /** keptBytes, as of its last segment. */
  kept: number;
}

export type SavedStream = Readonly<Flow>;

export interface DnsStreams {
  readonly limits: StreamLimits;
  /** Least recently used first: a Map keeps insertion order. */
  readonly flows: Map<string, Flow>;
  /** Flows given up (evicted) or no longer read (overflowed). */
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
  return { limits, flows: new Map(), dropped: { evicted: 0, overflowed: 0 } };
}

/**
 * Takes one segment of the flow `key` (any text that names one direction of a connection) of the
 * home's `device` at time `now` (milliseconds). Answers the DNS messages that it completes, each a copy without its
 * length; mostly none or one. What has ended stays until it is idle: its last segment may come again.
 */
export function feedStream(
  streams: DnsStreams,
  key: string,
  segment: Segment,
  now: number,
  device = key,
): Uint8Array[] {
  if ((segment.flags & TCP_RST) !== 0) {
    streams.flows.delete(key);
    return [];
  }
  const flow = flowFor(streams, key, segment, now, device);
  const sequence = segment.flags & TCP_SYN ? segment.sequence + 1 : segment.sequence;
  if (segment.end > segment.offset) {
    insert(flow, sequence >>> 0, segment.bytes.slice(segment.offset, segment.end));
    joinAhead(flow);
  }
  const messages = takeMessages(flow);
  flow.kept = keptBytes(flow);
  if (flow.kept > streams.limits.bytes || flow.ahead.length > streams.limits.pieces) {
    flow.ready = new Uint8Array(0);
    flow.ahead = [];
    flow.kept = 0;
    flow.whole = false;
    streams.dropped.overflowed += 1;
  }
  if (segment.end > segment.offset) keepTotal(streams);
  return messages;
}

/** Whether everything that the flow `key` has carried was read. */
export function isWhole(streams: DnsStreams, key: string): boolean {
  return streams.flows.get(key)?.whole === true;
}

/** The flow as it is before a segment that may have to come again; null: there is none yet. */
export function saveStream(streams: DnsStreams, key: string): SavedStream | null {
  const flow = streams.flows.get(key);
  return flow === undefined ? null : { ...flow, ahead: [...flow.ahead] };
}

/** The segment behind `saved` was not let through: its repetition is read like the first. */
export function restoreStream(streams: DnsStreams, key: string, saved: SavedStream | null): void {
  if (saved === null) streams.flows.delete(key);
  else streams.flows.set(key, { ...saved, ahead: [...saved.ahead] });
}

/** Gives up flows until what is kept of all together is within the limit. */
function keepTotal(streams: DnsStreams): void {
  const all = () => {
    let sum = 0;
    for (const { kept } of streams.flows.values()) sum += kept;
    return sum;
  };
  for (let kept = all(); kept > streams.limits.total; kept = all()) {
    giveUpOne(streams, (flow) => flow.kept);
    streams.dropped.overflowed += 1;
  }
}

/** Forgets the flow silent for longest of the device whose flows weigh most. */
function giveUpOne(streams: DnsStreams, weight: (flow: Flow) => number): void {
  const byDevice = new Map<string, number>();
  for (const flow of streams.flows.values()) {
    byDevice.set(flow.device, (byDevice.get(flow.device) ?? 0) + weight(flow));
  }
  const most = Math.max(...byDevice.values());
  for (const [key, flow] of streams.flows) {
    if (byDevice.get(flow.device) !== most) continue;
    streams.flows.delete(key);
    return;
  }
}

/** Forgets the flows that were silent for too long; answers how many. */
export function expireStreams(streams: DnsStreams, now: number): number {
  let expired = 0;
  for (const [key, flow] of streams.flows) {
    if (now - flow.lastSeen < streams.limits.idleMilliseconds) break;
    streams.flows.delete(key);
    expired += 1;
  }
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
  const flow =
    known === undefined || stale
      ? {
          device,
          next,
          anchored: isSyn,
          whole: isSyn,
          ready: new Uint8Array(0),
          ahead: [],
          lastSeen: now,
          kept: 0,
        }
      : known;
  flow.lastSeen = now;
  streams.flows.delete(key);
  streams.flows.set(key, flow);
  if (streams.flows.size > streams.limits.flows) {
    giveUpOne(streams, () => 1);
    streams.dropped.evicted += 1;
  }
  return flow;
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
  const joined = new Uint8Array(flow.ready.length + fresh.length);
  joined.set(flow.ready);
  joined.set(fresh, flow.ready.length);
  flow.ready = joined;
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
    flow.anchored = true;
    insert(flow, piece.sequence, piece.bytes);
  }
}

function takeMessages(flow: Flow): Uint8Array[] {
  const messages: Uint8Array[] = [];
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
