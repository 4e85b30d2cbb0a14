// runtime/forget: takes what was learned out of the store and out of the kernel's sets before its
// time: by the owner's word, or because a name is now kept direct. Live flows are not touched.

import type { Sets } from '../kernel/sets.ts';
import { retainAliases } from '../learn/aliases.ts';
import { forgetTaught } from '../learn/dynamic-sets.ts';
import { type Endpoint, removeEndpoints } from '../learn/endpoints.ts';
import { forgetPair } from '../learn/pairs.ts';
import { forgetSuspects } from '../learn/suspects.ts';
import { inParts } from '../os/clock.ts';
import { addressKey, addressOf, macKey, naming, pairOf, portOf } from '../ruleset/elements.ts';
import { LEARNED_SETS, type LearnedKind, setName, setsOf } from '../ruleset/names.ts';
import type { Agent } from './agent.ts';
import { keepForgotten } from './kept.ts';

/** Elements that go in one turn of the event loop. */
const AT_ONCE = 64;

/** All that is learned of `apps`, or of `address` alone (a device, a server or a peer). Answers how
 * many entries went. */
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
        const keys = names === null ? await allKeys(sets, set) : keysAbout(sets, set, kind, names);
        await inParts(keys, AT_ONCE, (part) => {
          // What was learned again meanwhile: the stores never hold more than the sets.
          endpoints += forgetStored(agent, apps, address, names);
          forgetTaught(agent.state.taught, set, part);
          gone += deleteKeys(sets, set, part);
          return null;
        });
      }
    }
  }
  keepForgotten(agent);
  // The kernel may have forgotten an endpoint a moment before the store.
  return Math.max(gone, endpoints);
}

/** What the stores hold of it. Answers how many addresses of the application's there were. */
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

/** An address and, of a device, the MAC that it is known by. */
function namesOf({ kernel, settings, state }: Agent, address: string): readonly string[] {
  const mac =
    kernel.routing.neighbours().get(address) ??
    settings.hosts.find((one) => one.address === address)?.mac;
  return mac === undefined || state.gateways.has(mac) ? [address] : [address, mac];
}

async function allKeys(sets: Sets, set: string): Promise<Uint8Array[]> {
  const keys = new Map<string, Uint8Array>();
  await sets.readInTurns(set, ({ key }) => keys.set(String(key), key));
  return Array.from(keys.values());
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

/** Answers how many went. Of a transaction that is refused (no room to add) each half is tried. */
function deleteKeys(sets: Sets, set: string, keys: readonly Uint8Array[]): number {
  if (keys.length === 0) return 0;
  const elements = keys.map((key) => ({ key }));
  // Adding first makes the deletion succeed whatever the kernel has forgotten by itself.
  const changes = (['add', 'delete'] as const).map((operation) => ({ operation, set, elements }));
  if (sets.change(changes) === null) return keys.length;
  if (keys.length === 1) return 0;
  const half = keys.length >> 1;
  return deleteKeys(sets, set, keys.slice(0, half)) + deleteKeys(sets, set, keys.slice(half));
}

function isAbout(kind: LearnedKind, key: Uint8Array, name: string): boolean {
  if (kind === 'portmapmac') return String(key) === String(macKey(name));
  if (/^(?:udp|tcp)/.test(kind)) return portOf(key)?.device === name;
  const alone = kind === 'peermac' ? null : addressOf(key);
  if (alone !== null) return alone === name;
  const pair = pairOf(key);
  return pair !== null && (pair.device === name || pair.peer === name);
}

/** Takes endpoints back whose names a new policy keeps direct. */
export function forgetExcepted({ policy, state, effects }: Agent): void {
  const except = new Map(policy.apps.map(({ name, profile }) => [name, profile.dns.except]));
  const isKept = ({ app, name, root = name }: Endpoint): boolean =>
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
