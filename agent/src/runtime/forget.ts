// runtime/forget: removes learned endpoints and elements from the stores and from the kernel's sets: on `whp
// forget`, or because a policy excepts their name. Live flows are not ended.

import type { Sets } from '../kernel/sets.ts';
import { retainAliases } from '../learn/aliases.ts';
import { forgetTaught } from '../learn/dynamic-sets.ts';
import { type Endpoint, findEndpoint, findPair, removeEndpoints } from '../learn/endpoints.ts';
import { forgetPair } from '../learn/pairs.ts';
import { forgetSuspects } from '../learn/suspects.ts';
import { inParts, now } from '../os/clock.ts';
import {
  addressKey,
  addressOf,
  deviceKey,
  macKey,
  naming,
  pairOf,
  portOf,
} from '../ruleset/elements.ts';
import { LEARNED_SETS, type LearnedKind, setName, setsOf } from '../ruleset/names.ts';
import type { State } from '../step/state.ts';
import { bytesIn } from '../wire/hex.ts';
import type { Agent } from './agent.ts';
import { keepForgotten } from './kept.ts';

/** Elements deleted in one turn of the event loop. */
const AT_ONCE = 64;
/** How often a set is read. */
const TRIES = 5;

/** Forgets everything learned of `apps`, or only about `address` (a device, server or peer). Returns the number of
 * entries. */
export async function forgetLearned(
  agent: Agent,
  apps: readonly string[],
  address: string | null,
): Promise<number> {
  const { sets } = agent.kernel;
  const names = address === null ? null : namesOf(agent, address);
  let [endpoints, gone] = [forgetStored(agent, apps, address, names), 0];
  for (const app of apps) {
    for (const kind of LEARNED_SETS) {
      for (const set of setsOf(app, kind)) {
        const read = async () =>
          names === null ? await allKeys(sets, set) : keysAbout(sets, set, kind, names);
        await emptied(read, (part) => {
          // Answers may have taught entries again since then: a store must not have elements that a set lacks.
          if (part.some((key) => isStored(agent.state, app, key)))
            endpoints += forgetStored(agent, apps, address, names);
          forgetTaught(agent.state.taught, set, part);
          gone += deleteKeys(sets, set, part);
        });
      }
    }
  }
  keepForgotten(agent);
  // An endpoint may have expired in the kernel and not yet in the store.
  return Math.max(gone, endpoints);
}

/** Reads and removes until nothing is read. The kernel continues a dump by the number of elements it has put out: where
 * one of these has expired meanwhile, another one is left out. */
async function emptied(
  read: () => Promise<readonly Uint8Array[]>,
  remove: (part: readonly Uint8Array[]) => void,
): Promise<void> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const keys = await read();
    if (keys.length === 0) return;
    await inParts(keys, AT_ONCE, (part) => {
      remove(part);
      return null;
    });
  }
}

/** Whether a store has this element. To remove passes over all of a store, and thousands of keys are forgotten. */
function isStored({ learned, pairs }: State, app: string, key: Uint8Array): boolean {
  const address = addressOf(key);
  if (address !== null) return findEndpoint(learned, app, address) !== null;
  const pair = pairOf(key);
  return pair !== null && findPair(pairs, app, pair.device, pair.peer) !== null;
}

/** Removes the entries from the stores. Returns the number of endpoints. */
function forgetStored(
  { state }: Agent,
  apps: readonly string[],
  address: string | null,
  names: readonly string[] | null,
): number {
  const endpoints = removeEndpoints(
    state.learned,
    (one) => apps.includes(one.app) && (address === null || address === one.address),
  );
  removeEndpoints(
    state.pairs,
    ({ app, address: remote, device, mac }) =>
      apps.includes(app) &&
      (names === null || names.some((name) => [remote, device, mac].includes(name))),
  );
  forgetSuspects(state.suspects, apps, names);
  retainAliases(
    state.observer.aliases,
    ({ app }, device) => !apps.includes(app) || !(names?.includes(device) ?? true),
  );
  return endpoints.length;
}

/** The address, and the MAC of the device with it. */
function namesOf({ kernel, settings, state }: Agent, address: string): readonly string[] {
  const mac =
    kernel.routing.neighbours().get(address) ??
    settings.hosts.find((one) => one.address === address)?.mac;
  return mac === undefined || state.gateways.has(mac) ? [address] : [address, mac];
}

async function allKeys(sets: Sets, set: string): Promise<Uint8Array[]> {
  const keys = new Set<string>();
  await sets.readInTurns(set, ({ key }) => keys.add(key));
  return Array.from(keys, bytesIn);
}

/** The keys of a set that are about one of `names`. */
function keysAbout(
  sets: Sets,
  set: string,
  kind: LearnedKind,
  names: readonly string[],
): Uint8Array[] {
  return names.flatMap((name) => {
    const bytes = macKey(name) ?? addressKey(name);
    const elements = sets.read(set, undefined, bytes === null ? null : naming(bytes));
    if (!elements.ok) return [];
    return elements.value.map(({ key }) => key).filter((key) => isAbout(kind, key, name));
  });
}

/** Returns the number of deleted elements. If the transaction is refused (no room to add), each half is tried. */
function deleteKeys(sets: Sets, set: string, keys: readonly Uint8Array[]): number {
  if (keys.length === 0) return 0;
  const elements = keys.map((key) => ({ key }));
  // `add` comes first, so that `delete` succeeds for an element that has expired.
  const changes = (['add', 'delete'] as const).map((operation) => ({ operation, set, elements }));
  if (sets.change(changes) === null) return keys.length;
  if (keys.length === 1) return 0;
  const half = keys.length >> 1;
  return deleteKeys(sets, set, keys.slice(0, half)) + deleteKeys(sets, set, keys.slice(half));
}

function isAbout(kind: LearnedKind, key: Uint8Array, name: string): boolean {
  if (kind === 'portmapmac') return String(key) === String(deviceKey(name));
  if (/^(?:udp|tcp)/.test(kind)) return portOf(key)?.device === name;
  const alone = kind === 'peermac' ? null : addressOf(key);
  if (alone !== null) return alone === name;
  const pair = pairOf(key);
  return pair !== null && (pair.device === name || pair.peer === name);
}

/** Forgets endpoints whose names the policy excepts. */
export function forgetExcepted({ policy, state, effects }: Agent): void {
  const except = new Map(policy.apps.map(({ name, profile }) => [name, profile.dns.except]));
  const at = now();
  // What has expired is not in the kernel, where to delete it would fail.
  const isKept = ({ app, name, root = name, kept }: Endpoint): boolean =>
    kept > at &&
    (except.get(app) ?? []).some(({ value }) =>
      [name, root].some((one) => one === value || one.endsWith(`.${value}`)),
    );
  for (const pair of removeEndpoints(state.pairs, isKept)) {
    effects.run(forgetPair(state, pair));
  }
  for (const { app, address, family } of removeEndpoints(state.learned, isKept)) {
    const set = setName(app, 'addr', family);
    effects.run([{ kind: 'forget', set, keys: [addressKey(address)!] }]);
  }
}
