// learn/named-servers: servers that devices named in a TLS ClientHello (SNI), and hellos of which only the first
// segment has arrived. Bounded, since a device can send any number. observe-hello stores the parts, step/hello
// the servers.

import { fairEvictions } from '../bounds/fair-share.ts';
import { familyIn } from '../wire/address.ts';

export interface NamedServer {
  readonly app: string;
  readonly device: string;
  readonly address: string;
  readonly name: string;
  /** flowText of the flow; `sendAgain` counts by it. */
  readonly flow: string;
}

interface Part {
  readonly bytes: Uint8Array;
  /** TCP sequence number after these bytes. */
  readonly next: number;
  readonly at: number;
}

export interface Hellos {
  /** By flow, oldest first. */
  readonly parts: Map<string, Part>;
  /** By app, device and address, least recently named first; `until` in milliseconds. */
  readonly named: Map<string, { readonly server: NamedServer; readonly until: number }>;
  /** Flows whose hello went through the rules again: how often, and when last. */
  readonly again: Map<string, { readonly count: number; readonly at: number }>;
}

/** Most first segments kept, of at most 1,600 bytes each. */
const PARTS = 64;
const AGAIN = 256;
/** Most repetitions of one flow's hello: the device retransmits it, and each copy is judged again. */
const COPIES = 4;
/** As long as the ruleset waits for the second segment. */
const PATIENCE_MILLISECONDS = 3000;

export function createHellos(): Hellos {
  return { parts: new Map(), named: new Map(), again: new Map() };
}

/** Keeps the first segment of a hello until the next one arrives. */
export function keepPart(hellos: Hellos, flow: string, part: Part): void {
  hellos.parts.delete(flow);
  hellos.parts.set(flow, part);
  dropOldest(hellos.parts, PARTS);
}

/** Takes out the first segment of a flow's hello if `sequence` follows it; null: there is none. */
export function takePart(hellos: Hellos, flow: string, sequence: number): Uint8Array | null {
  const part = hellos.parts.get(flow);
  if (part === undefined || part.next !== sequence) return null;
  hellos.parts.delete(flow);
  return part.bytes;
}

/** Notes for `seconds` that a device named a server. `cap` is per app and family. Returns the servers evicted. */
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
    one.app === server.app && familyIn(one.address) === familyIn(server.address);
  const held = Array.from(hellos.named, ([old, { server: one }]) => ({ old, one }))
    .filter(({ one }) => sameSet(one))
    .map(({ old, one }) => ({ old, one, device: one.device }));
  // A flood of one device evicts that device's servers.
  for (const { old, one } of fairEvictions(held, held.length - cap)) {
    hellos.named.delete(old);
    evicted.push(one);
  }
  return evicted;
}

/** Whether the rules shall judge this flow's hello again now that its server is known. If the set does not
 * contain the pair (the app is limited to other devices, the set is full), the hello is queued again, and passes
 * after COPIES times. */
export function sendAgain(hellos: Hellos, flow: string, now: number): boolean {
  const times = hellos.again.get(flow)?.count ?? 0;
  hellos.again.delete(flow);
  hellos.again.set(flow, { count: times + 1, at: now });
  dropOldest(hellos.again, AGAIN);
  return times < COPIES;
}

/** Whether this flow's hello named an application's server lately and this copy shall be judged again; counts the
 * copy. */
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

/** Removes what has expired by `now` (milliseconds). */
export function expireHellos(hellos: Hellos, now: number): void {
  for (const [flow, { at }] of hellos.parts) {
    if (now - at > PATIENCE_MILLISECONDS) hellos.parts.delete(flow);
  }
  for (const [flow, { at }] of hellos.again) {
    if (now - at > PATIENCE_MILLISECONDS) hellos.again.delete(flow);
  }
  for (const [key, { until }] of hellos.named) if (until <= now) hellos.named.delete(key);
}
