// What the ruleset has learned by itself, as far as the agent knows: ports, peers and asked windows,
// by set. Filled from what the ruleset announces and from readings of the kernel's sets; asked when
// somebody has deleted the table and it is written again with everything it knew. Before:
// netlink/nflog, wire/packet. After: ruleset/render. Bounded by the same caps as the kernel's sets.
import type { App } from '../policy/policy.ts';
import { findRange } from '../policy/range-match.ts';
import { deviceOf, pairKey, portKey } from '../ruleset/elements.ts';
import { type AppFeed, setName } from '../ruleset/names.ts';
import { destinationText, type Packet, sourceText, TCP, UDP } from '../wire/packet.ts';
import { observePortmap } from './observe-portmap.ts';
import { fairEvictions } from './shares.ts';

/** An element of one of the kernel's sets and the time (milliseconds) at which it expires. */
export interface TaughtElement {
  readonly key: Uint8Array;
  readonly expires: number;
}

/** By set, by key as text. */
export type Taught = Map<string, Map<string, TaughtElement>>;

export function createTaught(): Taught {
  return new Map();
}

function nameOf(key: Uint8Array): string {
  return String.fromCharCode(...key);
}

/** Takes in one element; of more than `cap` an eighth is forgotten, of the devices that have most, and of
 * each what was unused for longest: it expires first. */
export function noteTaught(taught: Taught, set: string, one: TaughtElement, cap: number): void {
  const elements = taught.get(set) ?? new Map<string, TaughtElement>();
  taught.set(set, elements);
  const name = nameOf(one.key);
  const known = elements.get(name);
  elements.delete(name);
  elements.set(name, known === undefined || known.expires < one.expires ? one : known);
  if (elements.size <= cap) return;
  const held = Array.from(elements, ([old, { key, expires }]) => ({
    old,
    expires,
    device: deviceOf(key),
  })).sort((a, b) => a.expires - b.expires);
  for (const { old } of fairEvictions(held, Math.max(1, cap >> 3))) elements.delete(old);
}

/** Whether the element of this key holds until `time` at least (milliseconds). */
export function holdsUntil(taught: Taught, set: string, key: Uint8Array, time: number): boolean {
  return (taught.get(set)?.get(nameOf(key))?.expires ?? -1) >= time;
}

/** A reading of one of the kernel's sets, which may take its time. */
export interface Reading {
  readonly set: string;
  /** Known when it began, and not met so far. */
  readonly missing: Set<string>;
}

export function beginReading(taught: Taught, set: string): Reading {
  return { set, missing: new Set(taught.get(set)?.keys()) };
}

/** Takes in an element that the kernel has; there are no more than its set has room for. */
export function takeRead(taught: Taught, { set, missing }: Reading, one: TaughtElement): void {
  missing.delete(nameOf(one.key));
  noteTaught(taught, set, one, Number.POSITIVE_INFINITY);
}

/** What was known before and was not in a set that was read whole is forgotten. */
export function endReading(taught: Taught, { set, missing }: Reading, whole: boolean): void {
  const elements = taught.get(set);
  if (!whole || elements === undefined) return;
  for (const name of missing) elements.delete(name);
  if (elements.size === 0) taught.delete(set);
}

/** Elements of `set` that still hold at `now` (milliseconds). */
export function taughtElements(taught: Taught, set: string, now: number): TaughtElement[] {
  return Array.from(taught.get(set)?.values() ?? []).filter(({ expires }) => expires > now);
}

export function forgetTaught(taught: Taught, set: string, keys: readonly Uint8Array[]): void {
  for (const key of keys) taught.get(set)?.delete(nameOf(key));
}

export function expireTaught(taught: Taught, now: number): void {
  for (const [set, elements] of taught) {
    for (const [name, { expires }] of elements) if (expires <= now) elements.delete(name);
    if (elements.size === 0) taught.delete(set);
  }
}

/** Forgets the sets of applications that are no longer configured. */
export function retainTaught(taught: Taught, apps: readonly string[]): void {
  for (const set of taught.keys()) {
    if (!apps.some((app) => set.startsWith(`${app}_`))) taught.delete(set);
  }
}

/**
 * The elements that the ruleset has added for a packet it announces: the same rules as in
 * ruleset/compile-new (evidence chains) and compile-local (mappings), on the same packet.
 */
export function noteAnnounced(
  taught: Taught,
  app: App,
  feed: AppFeed,
  packet: Packet,
  now: number,
): void {
  const { profile } = app;
  const { family } = packet;
  const device = sourceText(packet);
  const note = (kind: 'udp' | 'tcp' | 'peer', key: Uint8Array | null, lease: number): void => {
    if (key === null) return;
    const cap = kind === 'peer' ? profile.caps.peers : profile.caps.ports;
    const one = { key, expires: now + lease * 1000 };
    noteTaught(taught, setName(app.name, kind, family), one, cap);
  };
  const lease = profile.ports.leaseSeconds;
  if (feed === 'mapping') {
    const mapped = observePortmap(packet);
    if (mapped === null || 'malformed' in mapped) return;
    for (const transport of mapped.transports) note(transport, portKey(device, mapped.port), lease);
    return;
  }
  const transport = packet.protocol === UDP ? 'udp' : packet.protocol === TCP ? 'tcp' : null;
  if (feed === 'range' && transport !== null && teachesPort(app, packet, transport)) {
    note(transport, portKey(device, packet.sourcePort), lease);
  }
  if (feed === 'port' && transport !== null) {
    note(transport, portKey(device, packet.sourcePort), lease);
  }
  if ((feed === 'port' || feed === 'peer') && profile.peers.enabled) {
    note('peer', pairKey(device, destinationText(packet)), profile.peers.leaseSeconds);
  }
}

function teachesPort(app: App, packet: Packet, protocol: 'udp' | 'tcp'): boolean {
  const { bytes, destination: offset, destinationPort: port, family } = packet;
  const at = { bytes, offset, family, protocol, port };
  const teaching = app.profile.ranges.filter(({ learn }) => learn.includes(protocol));
  return findRange(teaching, at) !== null;
}
