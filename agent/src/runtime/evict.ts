// runtime/evict: makes room in the nearly full sets of an app: deletes the elements that learn/evict chooses.

import type { LivingElement } from '../kernel/sets.ts';
import { forgetTaught } from '../learn/dynamic-sets.ts';
import { findEndpoint } from '../learn/endpoints.ts';
import { capOf, ROOM_SETS, strangersOf, surplusOf } from '../learn/evict.ts';
import { cutShort, type KernelError } from '../netlink/kernel-error.ts';
import { now } from '../os/clock.ts';
import { addressOf } from '../ruleset/elements.ts';
import { setsOf } from '../ruleset/names.ts';
import { bytesIn } from '../wire/hex.ts';
import type { Learning } from './learning.ts';

/** Deletes an eighth of each nearly full set of the app: the elements that expire first, of the devices that hold
 * most. `say` gets the kernel's error, or null, for each set. */
export async function makeRoom(
  { inForce, kernel }: Learning,
  name: string,
  say: (wrong: KernelError | null) => void,
): Promise<void> {
  const { state } = inForce;
  const { sets } = kernel;
  const app = state.apps.get(name);
  if (app === undefined) return;
  // Probably the eviction requested before; a set that is still full requests one again.
  if (sets.isReading()) return;
  const isKnown = (key: Uint8Array): boolean =>
    findEndpoint(state.learned, name, addressOf(key) ?? '') !== null;
  for (const kind of ['addr', ...ROOM_SETS] as const) {
    const cap = capOf(app.profile.caps, kind);
    for (const set of setsOf(name, kind)) {
      // A dump may return an element twice, and the kernel refuses to delete it twice.
      const found = new Map<string, LivingElement>();
      const isWhole = await sets.readInTurns(set, (one) => found.set(one.key, one));
      if (!isWhole && found.size === 0) say(cutShort(`set ${set}`, 0));
      const at = now();
      const entries = Array.from(found.values(), ({ key, expires }) => ({
        key: bytesIn(key),
        left: expires - at,
      }));
      const keys = kind === 'addr' ? strangersOf(entries, cap, isKnown) : surplusOf(entries, cap);
      if (keys.length === 0) continue;
      const elements = keys.map((key) => ({ key }));
      const wrong = sets.change([{ operation: 'delete', set, elements }]);
      if (wrong === null) forgetTaught(state.taught, set, keys);
      say(wrong);
    }
  }
}
