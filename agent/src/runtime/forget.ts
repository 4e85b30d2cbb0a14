// runtime/forget: takes what was learned out of the store and out of the kernel's sets before its
// time: by the owner's word, or because a name is now kept direct. Live flows are not touched.

import { readNeighbours } from '../kernel/routing.ts';
import { changeSets, readSet, type SetSocket } from '../kernel/sets.ts';
import { retainAliases } from '../learn/aliases.ts';
import { forgetTaught } from '../learn/dynamic-sets.ts';
import { type Endpoint, removeEndpoints } from '../learn/endpoints.ts';
import { forgetPair } from '../learn/pairs.ts';
import { forgetSuspects } from '../learn/suspects.ts';
import { addressKey, addressOf, macKey, naming, pairOf, portOf } from '../ruleset/elements.ts';
import { LEARNED_SETS, type LearnedKind, setName, setsOf } from '../ruleset/names.ts';
import type { Agent } from './agent.ts';
import { keepForgotten } from './kept.ts';

/** All that is learned of `apps`, or of `address` alone (a device, a server or a peer). Answers how
 * many entries went, or what went wrong. */
export function forgetLearned(
  agent: Agent,
  apps: readonly string[],
  address: string | null,
): number | string {
  const { sets } = agent.effects;
  if (typeof sets === 'string') return sets;
  const endpoints = removeEndpoints(
    agent.state.learned,
    (one) => apps.includes(one.app) && (address === null || address === one.address),
  );
  const names = address === null ? null : namesOf(agent, address);
  removeEndpoints(
    agent.state.pairs,
    ({ app, address: remote, device, mac }) =>
      apps.includes(app) &&
      (names === null || names.some((name) => [remote, device, mac].includes(name))),
  );
  forgetSuspects(agent.state.suspects, apps, names);
  retainAliases(
    agent.state.observer.aliases,
    ({ app }, device) => !apps.includes(app) || !(names?.includes(device) ?? true),
  );
  let gone = 0;
  for (const app of apps) {
    for (const kind of LEARNED_SETS) {
      for (const set of setsOf(app, kind)) {
        const keys = keysOf(sets, set, kind, names);
        forgetTaught(agent.state.taught, set, keys);
        gone += deleteKeys(sets, set, keys);
      }
    }
  }
  keepForgotten(agent);
  // The kernel may have forgotten an endpoint a moment before the store.
  return Math.max(gone, endpoints.length);
}

/** An address and, of a device, the MAC that it is known by. */
function namesOf({ paths, settings, state }: Agent, address: string): readonly string[] {
  const mac =
    readNeighbours(paths).get(address) ??
    settings.hosts.find((one) => one.address === address)?.mac;
  return mac === undefined || state.gateways.has(mac) ? [address] : [address, mac];
}

/** The keys of a set that are about one of `names`; null: all. */
function keysOf(
  sets: SetSocket,
  set: string,
  kind: LearnedKind,
  names: readonly string[] | null,
): Uint8Array[] {
  const found = (names ?? [null]).flatMap((name) => {
    const bytes = name === null ? null : (macKey(name) ?? addressKey(name));
    const elements = readSet(sets, set, undefined, bytes === null ? null : naming(bytes));
    if (typeof elements === 'string') return [];
    return elements.filter(({ key }) => name === null || isAbout(kind, key, name));
  });
  return found.map(({ key }) => key);
}

/** An element that expires between reading and deleting takes its transaction down: then one by one. */
function deleteKeys(sets: SetSocket, set: string, keys: readonly Uint8Array[]): number {
  const remove = (some: readonly Uint8Array[]): string | null =>
    changeSets(sets, [{ operation: 'delete', set, elements: some.map((key) => ({ key })) }]);
  if (keys.length === 0 || remove(keys) === null) return keys.length;
  return keys.filter((key) => remove([key]) === null).length;
}

function isAbout(kind: LearnedKind, key: Uint8Array, name: string): boolean {
  if (kind === 'askedmac') return String(key) === String(macKey(name));
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
