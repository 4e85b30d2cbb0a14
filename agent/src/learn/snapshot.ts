// All that is learned, in the shape of the kernel's sets: what a table that has to be written anew
// gets from the start, and what a reading of a standing table gives back after a restart. Before:
// endpoints, dynamic-sets. After: ruleset/transaction.
import type { App } from '../policy/policy.ts';
import { USING_MILLISECONDS } from '../ruleset/compile/ended-flows.ts';
import { addressKey, addressOf, deviceOf, macKey } from '../ruleset/elements.ts';
import { GATEWAYS, LEARNED_SETS, setName, setsOf, usingSet } from '../ruleset/names.ts';
import type { Held, HeldElement } from '../ruleset/transaction.ts';
import { noteTaught, type Taught, taughtElements } from './dynamic-sets.ts';
import { type Endpoint, type Learned, learnedEndpoints, restoreEndpoint } from './endpoints.ts';
import { leftOf, type Silence } from './silence.ts';

export interface Memory {
  readonly learned: Learned;
  readonly taught: Taught;
  /** MACs of other routers at home. */
  readonly gateways: ReadonlySet<string>;
  readonly silence?: Silence;
}

/** Milliseconds: for good, as far as an agent has to think. */
const A_YEAR = 365 * 86_400_000;

/** What holds at `now` (milliseconds), by set. */
export function heldElements(memory: Memory, now: number): Held {
  const held = new Map<string, HeldElement[]>();
  for (const { app, address, family, kept } of learnedEndpoints(memory.learned)) {
    const key = addressKey(address);
    if (key === null || kept <= now) continue;
    const set = setName(app, 'addr', family);
    const elements = held.get(set) ?? [];
    elements.push({ key, left: kept - now });
    held.set(set, elements);
  }
  const gateways = Array.from(memory.gateways, (mac) => ({ key: macKey(mac)!, left: A_YEAR }));
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
    elements.push({ key: end.key, left: leftOf(end, now) });
    held.set(end.set, elements);
  }
  return held;
}

/** `held` with the devices that its ports and peers are of: they have used an application, and the table that
 * is written anew has to know them (ruleset/compile/ended-flows). */
export function withDevices(held: Held): Held {
  const all = new Map(held);
  for (const family of [4, 6] as const) {
    const width = family === 4 ? 4 : 16;
    const devices = new Map<string, HeldElement>();
    for (const [set, elements] of held) {
      if (!/_(?:udp|tcp|peer)[46]$/.test(set) || !set.endsWith(String(family))) continue;
      for (const { key } of elements) {
        const device = { key: key.subarray(0, width), left: USING_MILLISECONDS };
        devices.set(deviceOf(key), device);
      }
    }
    if (devices.size > 0) all.set(usingSet(family), Array.from(devices.values()));
  }
  return all;
}

/** The names of the learned sets of `app`; the 200 ms window is gone before it could be read. */
export function learnedSetsOf(app: App): string[] {
  return LEARNED_SETS.filter((kind) => kind !== 'window').flatMap((kind) => setsOf(app.name, kind));
}

/** What an endpoint was learned from, when an earlier agent learned it. */
export type Origins = readonly Pick<Endpoint, 'app' | 'address' | 'name' | 'device'>[];

/** Name of an endpoint that stood in the kernel and that nobody can explain any more. */
const ADOPTED = 'adopted from the standing table';

/**
 * Takes in what a standing table holds: endpoints with the names that an earlier agent left, ports,
 * peers and asked windows as they are. Answers how many elements.
 */
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
  for (const set of learnedSetsOf(app)) {
    const isAddress = set.startsWith(`${app.name}_addr`);
    const cap = set.includes('_peer')
      ? caps.peers
      : set.includes('_asked')
        ? caps.devices
        : set.includes('_hello')
          ? caps.endpoints
          : caps.ports;
    for (const { key, left } of read(set)) {
      if (left <= 0) continue;
      const expires = now + left;
      const address = isAddress ? addressOf(key) : null;
      if (!isAddress) noteTaught(memory.taught, set, { key, expires }, cap);
      else if (address === null) continue;
      else {
        const { name = ADOPTED, device = '' } = known.get(address) ?? {};
        const endpoint = { app: app.name, address, name, device, expires };
        restoreEndpoint(memory.learned, endpoint, caps.endpoints, now);
      }
      count += 1;
    }
  }
  return count;
}
