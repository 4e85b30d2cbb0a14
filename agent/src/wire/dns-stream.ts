// wire/dns-stream: DNS over TCP. Reassembles the segments of each flow and returns complete messages (RFC 1035
// section 4.2.2: two bytes of length, then the message). Only the segment that completes a message must be held: a
// client cannot use a part of a message.
import { TCP_RST, TCP_SYN } from './packet.ts';
import { u16At } from './reader.ts';

export interface StreamLimits {
  /** Flows followed at the same time; one more evicts the longest idle flow of the device with most flows. */
  readonly flows: number;
  /** Bytes buffered for one flow, in order and out of order together. */
  readonly bytes: number;
  /** Bytes buffered for all flows; above this, flows of the device with most bytes are evicted. */
  readonly total: number;
  /** Out-of-order segments buffered for one flow. */
  readonly pieces: number;
  /** Milliseconds without a segment after which a flow is forgotten. */
  readonly idleMilliseconds: number;
}

/**
 * `bytes` is one message of the largest size (64 KB) and its out-of-order segments: 64 full Ethernet frames are 93
 * KB. `total`: half a megabyte, affordable on a router of 64 MB, holds eight such messages.
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
  /** Sequence number after the last byte of `ready`. */
  next: number;
  /** False if the flow was joined after its SYN: an earlier segment may still arrive. */
  anchored: boolean;
  /** The SYN was seen and no segment was discarded since: every message of the flow was read. */
  whole: boolean;
  /** Bytes in order that belong to no complete message yet. */
  ready: Uint8Array;
  /** Segments after a gap, ordered by sequence number. */
  ahead: Piece[];
  lastSeen: number;
  /** keptBytes after the last segment. */
  kept: number;
}

export type SavedStream = Readonly<Flow>;

export interface DnsStreams {
  readonly limits: StreamLimits;
  /** Least recently used first: a Map keeps insertion order. */
  readonly flows: Map<string, Flow>;
  /** Flows evicted, and flows whose data was discarded because a limit was exceeded. */
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
 * Takes one segment of the flow `key` (any text that identifies one direction of a connection) of the home's
 * `device` at `now` (milliseconds). Returns copies of the DNS messages that it completes, without their length
 * field; mostly none or one. A closed flow is kept until it is idle, since its last segment may be retransmitted.
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

/** Whether all data of the flow `key` has been read. */
export function isWhole(streams: DnsStreams, key: string): boolean {
  return streams.flows.get(key)?.whole === true;
}

/** A copy of the flow, taken before a segment that may have to be retransmitted; null: no such flow yet. */
export function saveStream(streams: DnsStreams, key: string): SavedStream | null {
  const flow = streams.flows.get(key);
  return flow === undefined ? null : { ...flow, ahead: [...flow.ahead] };
}

/** Restores `saved` after its next segment was dropped: the retransmission is then read like the first. */
export function restoreStream(streams: DnsStreams, key: string, saved: SavedStream | null): void {
  if (saved === null) streams.flows.delete(key);
  else streams.flows.set(key, { ...saved, ahead: [...saved.ahead] });
}

/** Evicts flows until the bytes of all flows are within `limits.total`. */
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

/** Evicts the longest idle flow of the device with the greatest total weight. */
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

/** Forgets flows that were idle for too long; returns how many. */
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
  // A SYN with another sequence number is a new connection on the same ports; the same number is a retransmission.
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
  // Signed distance between 32-bit sequence numbers (RFC 9293 section 3.4).
  const distance = (sequence - flow.next) | 0;
  if (distance > 0) {
    putAhead(flow, { sequence, bytes });
    return;
  }
  const before = (sequence - firstSequence(flow)) | 0;
  if (!flow.anchored && before < 0) {
    // An earlier segment arrived after the segment that was taken for the first.
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

/** Inserts by sequence number from the end, since most segments arrive in order. */
function putAhead({ ahead }: Flow, piece: Piece): void {
  let at = ahead.length;
  while (at > 0 && ((ahead[at - 1]!.sequence - piece.sequence) | 0) > 0) at -= 1;
  ahead.splice(at, 0, piece);
}

/** Moves segments that no gap precedes any more into `ready`. */
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
  // 64 bytes are added for each segment, so that a thousand one-byte segments do not stay below the limit.
  return flow.ahead.reduce((sum, piece) => sum + piece.bytes.length + 64, flow.ready.length);
}
