// learn/undo: the kernel refused a change of a set (set full, no memory), so the agent forgets the elements it
// took for learned; the next answer teaches them again. Pure.
import type { SetChange } from '../netlink/nft-set.ts';
import { addressOf, pairOf } from '../ruleset/elements.ts';
import { forgetTaught, type Taught } from './dynamic-sets.ts';
import { type Learned, removeEndpoints } from './endpoints.ts';

interface Memory {
  readonly learned: Learned;
  readonly pairs: Learned;
  readonly taught: Taught;
}

/** The keys that the changes add, by set: an answer may add hundreds of pairs, each a change of its own, and `unlearn`
 * passes over all that is learned. */
export function addedKeys(changes: readonly SetChange[]): Map<string, Uint8Array[]> {
  const bySet = new Map<string, Uint8Array[]>();
  for (const { operation, set, elements } of changes) {
    if (operation === 'delete') continue;
    const keys = bySet.get(set) ?? [];
    bySet.set(set, keys);
    for (const { key } of elements) keys.push(key);
  }
  return bySet;
}

/** Forgets the elements `keys`, which the kernel's `set` does not contain. */
export function unlearn(memory: Memory, set: string, keys: readonly Uint8Array[]): void {
  forgetTaught(memory.taught, set, keys);
  const isOf = (kind: string, app: string): boolean => set.startsWith(`${app}_${kind}`);
  const addresses = new Set(keys.map(addressOf));
  removeEndpoints(memory.learned, ({ app, address }) => {
    return isOf('addr', app) && addresses.has(address);
  });
  const texts = new Set(
    keys.map((key) => {
      const pair = pairOf(key);
      return pair === null ? '' : `${pair.device} ${pair.peer}`;
    }),
  );
  removeEndpoints(memory.pairs, ({ app, device, mac, address }) => {
    return isOf('peer', app) && texts.has(`${isOf('peermac', app) ? mac : device} ${address}`);
  });
}
