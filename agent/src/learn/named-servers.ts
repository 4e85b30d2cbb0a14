// Servers that devices have named in a TLS hello, and hellos of which only the first segment has
// come. Bounded: a device can send any number of hellos. observe-hello fills it, step/step asks it.

import { fairEvictions } from '../bounds/fair-share.ts';

export interface NamedServer {
  readonly app: string;
  readonly device: string;
  readonly address: string;
  readonly name: string;
  /** The flow, in words: a hello is sent through the rules again once for each. */
  readonly flow: string;
}

interface Part {
  readonly bytes: Uint8Array;
  /** Sequence number of the byte that follows. */
  readonly next: number;
  readonly at: number;
}

export interface Hellos {
  /** By flow, oldest first. */
  readonly parts: Map<string, Part>;
  /** By app, device and address, the one named longest ago first: until when, in milliseconds. */
  readonly named: Map<string, { readonly server: NamedServer; readonly until: number }>;
  /** Flows whose hello went through the rules again: how often, and when last. */
  readonly again: Map<string, { readonly count: number; readonly at: number }>;
}

/** Flows whose second segment is waited for: 64 of at most 1,500 bytes. */
const PARTS = 64;
const AGAIN = 256;
/** A hello that is held comes again, sent once more by its device: each copy is refused. */
const COPIES = 4;
/** As long as the ruleset waits for the second part. */
const PATIENCE_MILLISECONDS = 3000;

export function createHellos(): Hellos {
  return { parts: new Map(), named: new Map(), again: new Map() };
}

/** Keeps the first part of a hello until the next segment comes. */
export function keepPart(hellos: Hellos, flow: string, part: Part): void {
  hellos.parts.delete(flow);
  hellos.parts.set(flow, part);
  dropOldest(hellos.parts, PARTS);
}

/** The first part of a flow's hello, when `sequence` goes on where it ended; it is forgotten. */
export function takePart(hellos: Hellos, flow: string, sequence: number): Uint8Array | null {
  const part = hellos.parts.get(flow);
  if (part === undefined || part.next !== sequence) return null;
  hellos.parts.delete(flow);
  return part.bytes;
}

/**
 * Notes that a device named a server, for `seconds`. `cap` is counted per app, both families. Answers
 * the servers that had to make room.
 */
export function learnServer(
  hellos: Hellos,
  server: NamedServer,
  seconds: number,
  cap: number,
  now: number,
): readonly NamedServer[] {
  const key = `${server.app} ${server.device} ${server.address}`;
  hellos.named.delete(key);
  hellos.named.set(key, { server, until: now + seconds * 1000 });
  const evicted: NamedServer[] = [];
  const sameSet = (one: NamedServer) =>
    one.app === server.app && one.address.includes(':') === server.address.includes(':');
  const held = Array.from(hellos.named, ([old, { server: one }]) => ({ old, one }))
    .filter(({ one }) => sameSet(one))
    .map(({ old, one }) => ({ old, one, device: one.device }));
  // One device's flood evicts that device's servers.
  for (const { old, one } of fairEvictions(held, held.length - cap)) {
    hellos.named.delete(old);
    evicted.push(one);
  }
  return evicted;
}

/**
 * Whether the hello of a flow that has named a server is to go through the rules once more. Where they
 * do not take the pair (applications limited to other devices, a set without room) it comes back, and
 * passes in the end.
 */
export function sendAgain(hellos: Hellos, flow: string, now: number): boolean {
  const times = hellos.again.get(flow)?.count ?? 0;
  hellos.again.delete(flow);
  hellos.again.set(flow, { count: times + 1, at: now });
  dropOldest(hellos.again, AGAIN);
  return times < COPIES;
}

/** Whether the hello of this flow has named an application's server just now, and copies of it are
 * still to be refused. */
export function wasNamed(hellos: Hellos, flow: string): boolean {
  const last = hellos.again.get(flow);
  if (last === undefined || last.count > COPIES) return false;
  hellos.again.set(flow, { ...last, count: last.count + 1 });
  return true;
}

function dropOldest(map: Map<string, unknown>, cap: number): void {
  for (const key of map.keys()) {
    if (map.size <= cap) return;
    map.delete(key);
  }
}

/** Forgets what is over by `now` (milliseconds). */
export function expireHellos(hellos: Hellos, now: number): void {
  for (const [flow, { at }] of hellos.parts) {
    if (now - at > PATIENCE_MILLISECONDS) hellos.parts.delete(flow);
  }
  for (const [flow, { at }] of hellos.again) {
    if (now - at > PATIENCE_MILLISECONDS) hellos.again.delete(flow);
  }
  for (const [key, { until }] of hellos.named) if (until <= now) hellos.named.delete(key);
}
