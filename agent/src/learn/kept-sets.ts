// learn/kept-sets: turns learned state into the sets kept on flash, and back at the next start with a fresh lease
// for each entry: the time without power is unknown (the clock begins in 1970). runtime/table writes the restored
// elements in the transaction that loads the table. Pure.

import type { App } from '../policy/policy.ts';
import { addressOf, MAC_FIELD, pairOf } from '../ruleset/elements.ts';
import { FAMILIES, formatAddress, isRoutable } from '../wire/address.ts';
import { byteString, bytesIn } from '../wire/hex.ts';
import { findEndpoint } from './endpoints.ts';
import type { KeptElement, KeptSets } from './kept-text.ts';
import type { Hellos } from './named-servers.ts';
import { adoptElements, heldElements, learnedSetsOf, type Memory } from './snapshot.ts';

/** Shortest life of a restored entry, seconds: devices go on using resolved addresses and running calls. */
export const FRESH_SECONDS = 3600;
/** An entry whose end moved by more than this was renewed since the start. Milliseconds; loading the table takes
 * some of them on a busy router. */
const SLACK = 60_000;

interface Restored {
  /** When the entry ends unless renewed, and how much of that was added at the start; milliseconds. */
  readonly until: number;
  readonly gift: number;
}

/** Entries that came from an earlier agent's file, by set and key. */
export type Restorations = Map<string, Restored>;

export interface Remembered extends Memory {
  readonly hellos: Hellos;
  readonly restored: Restorations;
}

/** A window lasts milliseconds or seconds: it is over before it could be restored. */
const isMoment = (set: string): boolean => /_(?:request|portmap)/.test(set);

function nameOf(set: string, key: string): string {
  return `${set} ${key}`;
}

/** Whether the element came from the file and was not renewed since. */
export function isRestored(
  restored: Restorations,
  set: string,
  key: Uint8Array,
  expires: number,
): boolean {
  const found = restored.get(nameOf(set, byteString(key)));
  return found !== undefined && expires <= found.until + SLACK;
}

/** The sets to keep at `now` (milliseconds). The life added at the start is subtracted: otherwise repeated
 * restarts would keep an entry for ever. */
export function setsToKeep(memory: Remembered, apps: readonly App[], now: number): KeptSets {
  const held = heldElements(memory, now);
  const sets = new Map<string, KeptElement[]>();
  for (const app of apps) {
    for (const set of learnedSetsOf(app)) {
      if (isMoment(set)) continue;
      const originOf = originsIn(memory, app.name, set);
      const elements: KeptElement[] = [];
      const list = held.get(set) ?? [];
      for (let at = 0; at < list.length; at++) {
        const { key, left } = list[at]!;
        const found = memory.restored.get(nameOf(set, key));
        const renewed = found === undefined || now + left > found.until + SLACK;
        const own = Math.floor((left - (renewed ? 0 : found.gift)) / 1000);
        if (own < 1) continue;
        const { device, name } = originOf(key);
        elements.push({ key, left: own, device, name });
      }
      if (elements.length > 0) sets.set(set, elements);
    }
  }
  return sets;
}

type Origin = Pick<KeptElement, 'device' | 'name'>;

/** Who asked for an element of `set`, and by which name. A set has thousands of elements: what its name says is read
 * once. */
function originsIn(
  { learned, hellos }: Remembered,
  app: string,
  set: string,
): (key: string) => Origin {
  if (set.startsWith(`${app}_addr`)) {
    return (key) => {
      const { device = '', name = '' } =
        findEndpoint(learned, app, addressOf(bytesIn(key)) ?? '') ?? {};
      return { device, name };
    };
  }
  if (!set.startsWith(`${app}_hello`)) return () => NOBODY;
  return (key) => {
    const pair = pairOf(bytesIn(key));
    return (pair && hellos.named.get(`${app} ${pair.device} ${pair.peer}`)?.server) ?? NOBODY;
  };
}

const NOBODY: Origin = { device: '', name: '' };

/** Adds what an earlier agent kept, within the caps of the present profiles. Returns how many entries were taken
 * and how many left out: those of applications that are gone, and addresses that are not public or `isOwn`. */
export function restoreSets(
  memory: Remembered,
  apps: readonly App[],
  sets: KeptSets,
  isOwn: (address: string) => boolean,
  now: number,
): { readonly taken: number; readonly left: number } {
  const count = (): number =>
    Array.from(heldElements(memory, now).values()).reduce((sum, list) => sum + list.length, 0);
  const before = count();
  for (const app of apps) {
    const names = learnedSetsOf(app).filter((set) => !isMoment(set));
    const good = new Map(
      names.map((set) => {
        // With less room than before, a store forgets its first entries, and an address set takes no
        // more: so those with the longest lease left are last for a store, first for an address set.
        const sign = set.startsWith(`${app.name}_addr`) ? -1 : 1;
        const isWelcome = welcomeIn(set, isOwn);
        const welcome = (sets.get(set) ?? []).filter(({ key }) => isWelcome(key));
        return [set, welcome.sort((a, b) => sign * (a.left - b.left))] as const;
      }),
    );
    const read = (set: string) => {
      const lifeOf = freshLife(app, set);
      return (good.get(set) ?? []).map(({ key, left }) => {
        const life = lifeOf(left);
        const until = now + life * 1000;
        const gift = Math.max(0, life - left) * 1000;
        memory.restored.set(nameOf(set, key), { until, gift });
        return { key, left: life * 1000 };
      });
    };
    const origins = (good.get(`${app.name}_addr4`) ?? [])
      .concat(good.get(`${app.name}_addr6`) ?? [])
      .flatMap(({ key, device, name }) => {
        const address = addressOf(bytesIn(key));
        return address === null || name === '' ? [] : [{ app: app.name, address, device, name }];
      });
    adoptElements(memory, app, read, origins, now);
    restoreNames(memory.hellos, app, good, now);
  }
  const taken = count() - before;
  const all = Array.from(sets.values()).reduce((sum, list) => sum + list.length, 0);
  return { taken, left: all - taken };
}

/** From what was left of an element of `set`: at least an hour, at most the profile's lease. Seconds. */
function freshLife({ name, profile }: App, set: string): (left: number) => number {
  const { endpoints, ports, peers } = profile;
  const kind = set.slice(name.length + 1);
  const lease = kind.startsWith('addr')
    ? endpoints.ttlMaximumSeconds
    : /^(?:udp|tcp)/.test(kind)
      ? ports.leaseSeconds
      : peers.leaseSeconds;
  return (left) => Math.min(lease, Math.max(left, FRESH_SECONDS));
}

/** Which keys may be restored. A key begins with the device (MAC or address), except an endpoint's. Keys of ports
 * end with a port, all others with the address of a server or peer; after a MAC, of either family. */
function welcomeIn(set: string, isOwn: (address: string) => boolean): (key: string) => boolean {
  const [, kind = '', mac = '', family = ''] = /_([a-z]+?)(mac)?([46]?)$/.exec(set) ?? [];
  const width = family === '6' ? 16 : 4;
  const device = mac !== '' ? MAC_FIELD : kind === 'addr' ? 0 : width;
  if (kind === 'udp' || kind === 'tcp') return (key) => key.length === device + PORT_FIELD;
  return (key) => {
    const rest = key.length - device;
    if (rest !== width && !(mac !== '' && rest === 16)) return false;
    const family = rest === 16 ? 6 : 4;
    const bytes = bytesIn(key);
    return isRoutable(bytes, device, family) && !isOwn(formatAddress(bytes, device, family));
  };
}

/** Bytes of a port in a key: fields of a concatenation are padded to 4 bytes. */
const PORT_FIELD = 4;

/** Restores the name that each device gave a server in its TLS hello. */
function restoreNames(
  hellos: Hellos,
  app: App,
  sets: ReadonlyMap<string, readonly KeptElement[]>,
  now: number,
): void {
  for (const family of FAMILIES) {
    const set = `${app.name}_hello${family}`;
    const lifeOf = freshLife(app, set);
    for (const { key, left, name } of sets.get(set) ?? []) {
      const pair = pairOf(bytesIn(key));
      if (pair === null || name === '') continue;
      const server = { app: app.name, device: pair.device, address: pair.peer, name, flow: '' };
      const until = now + lifeOf(left) * 1000;
      hellos.named.set(`${app.name} ${pair.device} ${pair.peer}`, { server, until });
    }
  }
}

/** Drops the records of restored entries that are over. */
export function expireRestored(restored: Restorations, now: number): void {
  for (const [name, { until }] of restored) if (until + SLACK < now) restored.delete(name);
}
