// control/forget: takes what was learned out of the store and out of the kernel's sets before its
// time: by the owner's word, or because a name is now kept direct. Live flows are not touched.

import { keepForgotten } from '../keeping.ts';
import { forgetEndpoints } from '../learn/forget.ts';
import { forgetTaught } from '../learn/taught.ts';
import { addressKey, addressOf, naming, pairOf, portOf } from '../ruleset/elements.ts';
import { LEARNED_SETS, setName } from '../ruleset/names.ts';
import type { Daemon } from '../running.ts';
import { changeSets, readSet, type Sets } from '../system/sets.ts';

/** All that is learned of `apps`, or of `address` alone (a device, a server or a peer). Answers how
 * many entries went, or what went wrong. */
export function forgetLearned(
  daemon: Daemon,
  apps: readonly string[],
  address: string | null,
): number | string {
  const { sets } = daemon.effects;
  if (typeof sets === 'string') return sets;
  const endpoints = forgetEndpoints(
    daemon.state.learned,
    (one) => apps.includes(one.app) && (address === null || address === one.address),
  );
  const bytes = address === null ? null : addressKey(address);
  const wanted = bytes === null ? null : naming(bytes);
  let gone = 0;
  for (const app of apps) {
    for (const kind of LEARNED_SETS) {
      for (const family of [4, 6] as const) {
        const set = setName(app, kind, family);
        const elements = readSet(sets, set, undefined, wanted);
        if (typeof elements === 'string') continue;
        const meant = elements.filter(({ key }) => address === null || isAbout(kind, key, address));
        const keys = meant.map(({ key }) => key);
        forgetTaught(daemon.state.taught, set, keys);
        gone += deleteKeys(sets, set, keys);
      }
    }
  }
  keepForgotten(daemon);
  // The kernel may have forgotten an endpoint a moment before the store.
  return Math.max(gone, endpoints.length);
}

/** An element that expires between reading and deleting takes its transaction down: then one by one. */
function deleteKeys(sets: Sets, set: string, keys: readonly Uint8Array[]): number {
  const remove = (some: readonly Uint8Array[]): string | null =>
    changeSets(sets, [{ operation: 'delete', set, elements: some.map((key) => ({ key })) }]);
  if (keys.length === 0 || remove(keys) === null) return keys.length;
  return keys.filter((key) => remove([key]) === null).length;
}

function isAbout(kind: (typeof LEARNED_SETS)[number], key: Uint8Array, address: string): boolean {
  if (kind === 'udp' || kind === 'tcp') return portOf(key)?.device === address;
  const alone = addressOf(key);
  if (alone !== null) return alone === address;
  const pair = pairOf(key);
  return pair !== null && (pair.device === address || pair.peer === address);
}

/** Takes endpoints back whose names a new policy keeps direct. */
export function forgetExcepted({ policy, state, effects }: Daemon): void {
  const except = new Map(policy.apps.map(({ name, profile }) => [name, profile.dns.except]));
  const gone = forgetEndpoints(state.learned, ({ app, name }) =>
    (except.get(app) ?? []).some(({ value }) => name === value || name.endsWith(`.${value}`)),
  );
  for (const { app, address, family } of gone) {
    const set = setName(app, 'addr', family);
    effects.run([{ kind: 'forget', set, keys: [addressKey(address)!] }]);
  }
}
