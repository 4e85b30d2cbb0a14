// learn/snapshot: all learned state as elements of the kernel's sets: written into a new table at its load, and
// read back from a loaded table after a restart of the agent.

import type { App } from '../policy/policy.ts';
import { CLIENT_MILLISECONDS } from '../ruleset/compile/ended-flows.ts';
import { addressOf, macKey } from '../ruleset/elements.ts';
import { clientSet, GATEWAYS, LEARNED_SETS, setName, setsOf } from '../ruleset/names.ts';
import type { Held, HeldElement } from '../ruleset/transaction.ts';
import { FAMILIES } from '../wire/address.ts';
import { byteString, bytesIn } from '../wire/hex.ts';
import { noteTaught, type Taught, taughtElements } from './dynamic-sets.ts';
import { type Endpoint, type Learned, livingEndpoints, restoreEndpoint } from './endpoints.ts';
import { capOf } from './evict.ts';
import { leftOf, type Silence } from './silence.ts';

export interface Memory {
  readonly learned: Learned;
  readonly taught: Taught;
  /** MACs of other routers of the home. */
  readonly gateways: ReadonlySet<string>;
  readonly silence?: Silence;
}

/** Timeout of elements that the agent itself deletes, milliseconds. */
const A_YEAR = 365 * 86_400_000;

/** The elements valid at `now` (milliseconds), by set. */
export function heldElements(memory: Memory, now: number): Held {
  const held = new Map<string, HeldElement[]>();
  for (const { app, key, family, kept } of livingEndpoints(memory.learned, now)) {
    const set = setName(app, 'addr', family);
    const elements = held.get(set) ?? [];
    elements.push({ key, left: kept - now });
    held.set(set, elements);
  }
  const gateways = Array.from(memory.gateways, (mac) => ({
    key: byteString(macKey(mac)!),
    left: A_YEAR,
  }));
  if (gateways.length > 0) held.set(GATEWAYS, gateways);
  for (const set of memory.taught.keys()) {
    const elements = taughtElements(memory.taught, set, now).map(({ key, expires }) => ({
      key,
      left: expires - now,
    }));
    if (elements.length > 0) held.set(set, elements);
  }
  for (const end of memory.silence?.values() ?? []) {
    const elements = held.get(end.set) ?? [];
    elements.push({ key: byteString(end.key), left: leftOf(end, now) });
    held.set(end.set, elements);
  }
  return held;
}

/** `held` with the devices of its ports and peers in the set of devices that have used an application, which a
 * new table needs too (ruleset/compile/ended-flows). */
export function withDevices(held: Held): Held {
  const all = new Map(held);
  for (const family of FAMILIES) {
    const width = family === 4 ? 4 : 16;
    const devices = new Map<string, HeldElement>();
    for (const [set, elements] of held) {
      if (!/_(?:udp|tcp|peer)[46]$/.test(set) || !set.endsWith(String(family))) continue;
      for (const { key } of elements) {
        const device = key.slice(0, width);
        if (!devices.has(device)) devices.set(device, { key: device, left: CLIENT_MILLISECONDS });
      }
    }
    if (devices.size > 0) all.set(clientSet(family), Array.from(devices.values()));
  }
  return all;
}

/** Names of the learned sets of `app`, without the 200 ms window: it is over before a set could be read. */
export function learnedSetsOf(app: App): string[] {
  return READABLE.flatMap((kind) => setsOf(app.name, kind));
}

const READABLE = LEARNED_SETS.filter((kind) => kind !== 'request');

/** Name and device of the endpoints that an earlier agent learned. */
export type Origins = readonly Pick<Endpoint, 'app' | 'address' | 'name' | 'device'>[];

/** Name of an endpoint found in the kernel without a known origin. */
const ADOPTED = 'adopted from the loaded table';

/** Takes over the elements of a loaded table: endpoints with the names that an earlier agent left in `origins`;
 * ports, peers and portmap windows as they are. Returns how many. */
export function adoptElements(
  memory: Memory,
  app: App,
  read: (set: string) => readonly HeldElement[],
  origins: Origins,
  now: number,
): number {
  const { caps } = app.profile;
  const known = new Map(
    origins.filter((one) => one.app === app.name).map((one) => [one.address, one]),
  );
  let count = 0;
  const sets = READABLE.flatMap((kind) => setsOf(app.name, kind).map((set) => ({ set, kind })));
  for (const { set, kind } of sets) {
    for (const { key, left } of read(set)) {
      if (left <= 0) continue;
      const expires = now + left;
      const address = kind === 'addr' ? addressOf(bytesIn(key)) : null;
      if (kind !== 'addr') noteTaught(memory.taught, set, { key, expires }, capOf(caps, kind));
      else if (address === null) continue;
      else {
        const { name = ADOPTED, device = '' } = known.get(address) ?? {};
        const endpoint = { app: app.name, address, key, name, device, expires };
        restoreEndpoint(memory.learned, endpoint, caps.endpoints, now);
      }
      count += 1;
    }
  }
  return count;
}
