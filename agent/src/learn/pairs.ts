// learn/pairs: what an answer of a resolver outside teaches: a pair of the asking device and the address,
// in the set of the device's peers, for as long as the answer holds. Another device's flows to that address
// are not touched. A pair that a flow uses lives on as a peer (the ruleset renews it). Before: step/answer.
import { pairKey } from '../ruleset/elements.ts';
import { setName } from '../ruleset/names.ts';
import type { Effect } from '../state.ts';
import { type Endpoint, type Learned, type LearnedChange, learnEndpoints } from './learned.ts';
import type { Lesson } from './observe-dns.ts';
import { forgetTaught, holdsUntil, noteTaught, type Taught } from './taught.ts';

interface Memory {
  readonly pairs: Learned;
  readonly taught: Taught;
}

/** Takes in a lesson that `resolver` gave to its device. `cap`: the profile's caps.peers. */
export function learnPairs(
  memory: Memory,
  lesson: Lesson,
  resolver: string,
  cap: number,
): { readonly change: LearnedChange; readonly effects: readonly Effect[] } {
  const { taught } = memory;
  // Half of the set is for peers that nobody has named.
  const change = learnEndpoints(memory.pairs, lesson, cap >> 1, resolver);
  const effects = change.evicted.flatMap((one) => forgetPair(memory, one));
  for (const { app, device, address: remote, family, kept, firstSeen } of change.endpoints) {
    const set = setName(app, 'peer', family);
    const key = pairKey(device, remote);
    // A device of one family may be given addresses of the other by its query: no flow of its own.
    if (key === null) continue;
    if (!holdsUntil(taught, set, key, kept)) {
      noteTaught(taught, set, { key, expires: kept }, cap);
      effects.push({ kind: 'renew', set, elements: [{ key, timeout: kept - lesson.at }] });
    }
    if (firstSeen !== lesson.at) continue;
    effects.push({ kind: 'late', wish: { kind: 'peer', app, device, remote } });
  }
  return { change, effects };
}

/** Takes a pair back that is out of the store; one that lasts longer as a peer, by its use, stays one. */
export function forgetPair(
  { taught }: Pick<Memory, 'taught'>,
  { app, device, address, family, kept }: Endpoint,
): Effect[] {
  const set = setName(app, 'peer', family);
  const key = pairKey(device, address);
  if (key === null || holdsUntil(taught, set, key, kept + 1)) return [];
  forgetTaught(taught, set, [key]);
  return [{ kind: 'forget', set, keys: [key] }];
}
