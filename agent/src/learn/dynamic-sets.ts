// learn/dynamic-sets: the agent's copy of the elements that the ruleset added itself: ports, peers and
// windows, by set. Filled from announced packets and from readings of the kernel's sets, and used to write the
// elements again when the table has to be loaded anew (learn/snapshot). Bounded by the caps of the kernel's sets.

import { fairEvictions } from '../bounds/fair-share.ts';
import type { App } from '../policy/policy.ts';
import { deviceOf, pairKey, portKey, SLACK } from '../ruleset/elements.ts';
import { type AppFeed, type FilledKind, setName } from '../ruleset/names.ts';
import { byteString, bytesIn } from '../wire/hex.ts';
import { destinationText, type Packet, sourceText, transportName } from '../wire/packet.ts';
import { rangeShowsPort, showsPort } from './endpoint-port.ts';
import { observePortmap } from './observe-portmap.ts';

/** An element of a kernel set, and when it expires (milliseconds). `key`: one character a byte (wire/hex): a home has
 * thousands of elements, and an array of bytes is four times as large. */
export interface TaughtElement {
  readonly key: string;
  readonly expires: number;
}

/** When each element expires (milliseconds), by set name and key. */
export type Taught = Map<string, Map<string, number>>;

export function createTaught(): Taught {
  return new Map();
}

/** Adds one element. Above `cap`, forgets an eighth: elements of the devices with the most, each device's
 * earliest to expire first (the least recently used). */
export function noteTaught(taught: Taught, set: string, one: TaughtElement, cap: number): void {
  const elements = taught.get(set) ?? new Map<string, number>();
  taught.set(set, elements);
  elements.set(one.key, Math.max(one.expires, elements.get(one.key) ?? 0));
  if (elements.size <= cap) return;
  const held = Array.from(elements, ([key, expires]) => ({
    key,
    expires,
    device: deviceOf(bytesIn(key)),
  })).sort((a, b) => a.expires - b.expires);
  for (const { key } of fairEvictions(held, Math.max(1, cap >> 3))) elements.delete(key);
}

/** Whether the element with this key expires at `time` or later (milliseconds). */
export function holdsUntil(taught: Taught, set: string, key: Uint8Array, time: number): boolean {
  return (taught.get(set)?.get(byteString(key)) ?? -1) >= time;
}

/** A reading of one kernel set in progress; it takes several turns of the event loop. */
export interface Reading {
  readonly set: string;
  /** Keys known when the reading began and not read so far. */
  readonly missing: Set<string>;
}

export function beginReading(taught: Taught, set: string): Reading {
  return { set, missing: new Set(taught.get(set)?.keys()) };
}

/** Adds an element read from the kernel. No cap: the kernel's set has its own. `isUnread`: the host program has added
 * it for an answer that the script has not read: it has the longest lease, as a peer in use, until the script gives it
 * its own. Asked only where the kernel keeps the element longer than was known. */
export function takeRead(
  taught: Taught,
  { set, missing }: Reading,
  one: TaughtElement,
  isUnread: (key: string) => boolean,
): void {
  missing.delete(one.key);
  if (one.expires > (taught.get(set)?.get(one.key) ?? 0) + SLACK && isUnread(one.key)) return;
  noteTaught(taught, set, one, Number.POSITIVE_INFINITY);
}

/** Ends the reading. `whole`: forgets the elements that were known and are not in the kernel. */
export function endReading(taught: Taught, { set, missing }: Reading, whole: boolean): void {
  const elements = taught.get(set);
  if (!whole || elements === undefined) return;
  for (const name of missing) elements.delete(name);
  if (elements.size === 0) taught.delete(set);
}

/** Elements of `set` that have not expired at `now` (milliseconds). */
export function taughtElements(taught: Taught, set: string, now: number): TaughtElement[] {
  const living: TaughtElement[] = [];
  for (const [key, expires] of taught.get(set) ?? [])
    if (expires > now) living.push({ key, expires });
  return living;
}

export function forgetTaught(taught: Taught, set: string, keys: readonly Uint8Array[]): void {
  for (const key of keys) taught.get(set)?.delete(byteString(key));
}

export function expireTaught(taught: Taught, now: number): void {
  for (const [set, elements] of taught) {
    for (const [key, expires] of elements) if (expires <= now) elements.delete(key);
    if (elements.size === 0) taught.delete(set);
  }
}

/** Forgets the sets of applications that are not configured any more. */
export function retainTaught(taught: Taught, apps: readonly string[]): void {
  for (const set of taught.keys()) {
    if (!apps.some((app) => set.startsWith(`${app}_`))) taught.delete(set);
  }
}

/** Adds the elements that the ruleset added for a packet it announced: the rules of ruleset/compile/prerouting
 * (evidence chains) and port-mapping, repeated on the same packet. `mac`: the device's; null: not known. `refusals`:
 * how often the kernel has announced the packet as `full`, each time for a new port or pair that it did not add. */
export function noteAnnounced(
  taught: Taught,
  app: App,
  feed: AppFeed,
  packet: Packet,
  mac: string | null,
  now: number,
  refusals = 0,
): void {
  const { caps, peers, ports } = app.profile;
  let left = refusals;
  const teach = (
    kind: 'udp' | 'tcp' | 'peer',
    keyOf: (device: string) => Uint8Array | null,
    { leaseSeconds }: { readonly leaseSeconds: number },
    cap: number,
  ): void => {
    let isWhole = true;
    const add = (form: FilledKind, device: string): void => {
      const key = keyOf(device);
      const set = setName(app.name, form, packet.family);
      if (key === null) return;
      // A known element is renewed, whatever the share of its device.
      if (left > 0 && !holdsUntil(taught, set, key, now)) isWhole = false;
      else
        noteTaught(taught, set, { key: byteString(key), expires: now + leaseSeconds * 1000 }, cap);
    };
    add(kind, sourceText(packet));
    if (mac !== null) add(`${kind}mac`, mac);
    if (!isWhole) left -= 1;
  };
  const port = (kind: 'udp' | 'tcp', number: number): void =>
    teach(kind, (device) => portKey(device, number), ports, caps.ports);
  if (feed === 'mapping') {
    const mapped = observePortmap(packet);
    if (mapped === null || 'malformed' in mapped) return;
    for (const transport of mapped.transports) port(transport, mapped.port);
    return;
  }
  const isPeer = (feed === 'port' || feed === 'peer') && peers.enabled;
  // A server learned by DNS or a TLS hello is a pair even where the profile disables peers.
  if (isPeer || feed === 'addr' || feed === 'hello') {
    // Before the port: of a device with too many pairs, the port that the same packet shows is in its set.
    const remote = destinationText(packet);
    teach('peer', (device) => pairKey(device, remote), peers, caps.peers);
  }
  const transport = transportName(packet.protocol);
  const shows =
    feed === 'port' ||
    (feed === 'range' && rangeShowsPort(app, packet)) ||
    (feed === 'addr' && showsPort(app, packet));
  if (shows && transport !== null) port(transport, packet.sourcePort);
}
