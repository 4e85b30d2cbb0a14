// learn/pairs: what an answer of a resolver outside teaches: a pair of the asking device and the address,
// in the set of the device's peers, for as long as the answer holds. Another device's flows to that address
// are not touched. A pair that a flow uses lives on as a peer (the ruleset renews it). Before: step/answer.
import { pairKey } from '../ruleset/elements.ts';
import { setName } from '../ruleset/names.ts';
import { forgetTaught, holdsUntil, noteTaught, type Taught } from './dynamic-sets.ts';
import type { Effect } from './effect.ts';
import {
  type Endpoint,
  findPair,
  type Learned,
  type LearnedChange,
  learnEndpoints,
  type Said,
} from './endpoints.ts';
import type { Lesson } from './observe-dns.ts';

interface Memory {
  readonly pairs: Learned;
  readonly taught: Taught;
}

/** Takes in a lesson that `said.resolver` gave to its device. `cap`: the profile's caps.peers. */
export function learnPairs(
  memory: Memory,
  lesson: Lesson,
  said: Said,
  cap: number,
): { readonly change: LearnedChange; readonly effects: readonly Effect[] } {
  const { taught } = memory;
  // Half of the set is for peers that nobody has named.
  const change = learnEndpoints(memory.pairs, lesson, cap >> 1, said);
  const effects = change.evicted.flatMap((one) => forgetPair(memory, one));
  let isWhole = change.isWhole;
  const holder = said.mac ?? lesson.device;
  for (const { address: remote } of lesson.addresses) {
    const one = findPair(memory.pairs, lesson.app, holder, remote);
    if (one === null) continue;
    const { app, device, mac, kept, expires, firstSeen } = one;
    const elements = elementsOf(one);
    if (elements.length === 0) isWhole = false;
    for (const { set, key } of elements) {
      // What the kernel has, not what was learned: room may have been made since.
      if (holdsUntil(taught, set, key, expires)) continue;
      noteTaught(taught, set, { key, expires: kept }, cap);
      effects.push({ kind: 'renew', set, elements: [{ key, timeout: kept - lesson.at }] });
    }
    if (firstSeen !== lesson.at || pairKey(device, remote) === null) continue;
    effects.push({ kind: 'late', wish: { kind: 'peer', app, device, mac, remote } });
  }
  return { change: { ...change, isWhole }, effects };
}

/** A device is its MAC, and its address behind another router: that one's MAC tells nobody. None: it asked
 * by the other family, and nothing else is known of it. */
function elementsOf({ app, device, mac, address, family }: Endpoint) {
  const found = [
    { set: setName(app, 'peer', family), key: pairKey(device, address) },
    { set: setName(app, 'peermac', family), key: mac === null ? null : pairKey(mac, address) },
  ];
  return found.flatMap(({ set, key }) => (key === null ? [] : [{ set, key }]));
}

/** Takes a pair back that is out of the store; one that lasts longer as a peer, by its use, stays one. */
export function forgetPair({ taught }: Pick<Memory, 'taught'>, pair: Endpoint): Effect[] {
  return elementsOf(pair).flatMap(({ set, key }): Effect[] => {
    if (holdsUntil(taught, set, key, pair.kept + 1)) return [];
    forgetTaught(taught, set, [key]);
    return [{ kind: 'forget', set, keys: [key] }];
  });
}
