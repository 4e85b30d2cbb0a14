// learn/pairs: what an answer of a resolver other than the router's teaches: a pair of the asking device and the
// address, in the device's peer sets, until the answer expires. Flows of other devices to that address are not
// affected. A pair that a flow uses stays as a peer, since the ruleset renews it.
import { pairKey, SLACK } from '../ruleset/elements.ts';
import { setName } from '../ruleset/names.ts';
import { byteString } from '../wire/hex.ts';
import { forgetTaught, holdsUntil, noteTaught, type Taught } from './dynamic-sets.ts';
import type { Effect, TimedElement } from './effect.ts';
import {
  type Endpoint,
  type Exchange,
  findPair,
  type Learned,
  type LearnedChange,
  learnEndpoints,
} from './endpoints.ts';
import type { Lesson } from './observe-dns.ts';

/** Milliseconds. The kernel counts the lease of a pair from the packet that teaches it, the agent from the answer that
 * it has read before. What lives longer than that is a peer in use, which rules have renewed. */
const LATER = SLACK;

interface Memory {
  readonly pairs: Learned;
  readonly taught: Taught;
}

/** Learns the lesson that `exchange.resolver` told its device. `cap`: the profile's caps.peers. */
export function learnPairs(
  memory: Memory,
  lesson: Lesson,
  exchange: Exchange,
  cap: number,
): { readonly change: LearnedChange; readonly effects: readonly Effect[] } {
  const { taught } = memory;
  // The other half of the set is for peers learned without a name.
  const change = learnEndpoints(memory.pairs, lesson, cap >> 1, exchange);
  const effects = change.evicted.flatMap((one) => forgetPair(memory, one));
  let isWhole = change.isWhole;
  const renewed = new Map<string, TimedElement[]>();
  const late: Effect[] = [];
  const holder = exchange.mac ?? lesson.device;
  for (const { address: remote } of lesson.addresses) {
    const one = findPair(memory.pairs, lesson.app, holder, remote);
    if (one === null) continue;
    const { app, device, mac, kept, expires, firstSeen } = one;
    const elements = elementsOf(one);
    if (elements.length === 0) isWhole = false;
    for (const { set, key } of elements) {
      // `taught` is the agent's copy of the kernel's set; the element may have been evicted there since. The host
      // program's packet has given the element the longest lease, which is right for a peer in use alone.
      const enough = exchange.isTaught ? kept + LATER : expires;
      if (holdsUntil(taught, set, key, enough)) continue;
      noteTaught(taught, set, { key: byteString(key), expires: kept }, cap);
      const its = renewed.get(set) ?? [];
      renewed.set(set, its);
      its.push({ key, timeout: kept - lesson.at });
    }
    if (firstSeen !== lesson.at || pairKey(device, remote) === null) continue;
    late.push({ kind: 'late', recheck: { kind: 'peer', app, device, mac, remote } });
  }
  for (const [set, elements] of renewed) effects.push({ kind: 'renew', set, elements });
  effects.push(...late);
  return { change: { ...change, isWhole }, effects };
}

/** The elements of a pair: by MAC, and by address (behind another router the MAC is that router's, so null).
 * Empty: the device asked by the other family and its MAC is not known. */
function elementsOf({ app, device, mac, address, family }: Endpoint) {
  const found = [
    { set: setName(app, 'peer', family), key: pairKey(device, address) },
    { set: setName(app, 'peermac', family), key: mac === null ? null : pairKey(mac, address) },
  ];
  return found.flatMap(({ set, key }) => (key === null ? [] : [{ set, key }]));
}

/** Effects that delete a removed pair from the sets; not if its element lives longer there, as a used peer. */
export function forgetPair({ taught }: Pick<Memory, 'taught'>, pair: Endpoint): Effect[] {
  return elementsOf(pair).flatMap(({ set, key }): Effect[] => {
    if (holdsUntil(taught, set, key, pair.kept + LATER)) return [];
    forgetTaught(taught, set, [key]);
    return [{ kind: 'forget', set, keys: [key] }];
  });
}
