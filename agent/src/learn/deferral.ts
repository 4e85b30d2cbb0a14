// learn/deferral: which effects wait while the agent's own nft loads the table: a table that is loaded whole has the
// elements of the moment its text was made, and would lose what is taught meanwhile. Pure; runtime/effects keeps the
// waiting lists and the timer.
import type { Effect } from './effect.ts';

/** Most lists of effects that wait. One more is run at once, after those that wait. */
export const MOST_WAITING = 64;

/** Whether a packet's effects wait, while `waiting` lists of effects do. */
export function isDeferred(effects: readonly Effect[], waiting: number): boolean {
  // Effects without a verdict come from a packet that is not held: a window has to open before the device's
  // mapping request, which may be next.
  if (!effects.some(letsGo) || waiting >= MOST_WAITING) return false;
  // An answer whose lesson waits must not be released before that lesson is in the sets.
  return effects.some(changesSets) || (waiting > 0 && effects.some(dependsOnSets));
}

export function changesSets({ kind }: Effect): boolean {
  return kind === 'renew' || kind === 'forget';
}

/** Whether the effect is a verdict on a held packet. */
function letsGo({ kind }: Effect): boolean {
  return kind === 'release' || kind === 'refuse' || kind === 'pass';
}

/** Whether the effect may depend on a waiting lesson: a lesson, a later segment of a stream (`behind`: it may
 * repeat a held one that carries a lesson), or a ClientHello judged again. */
function dependsOnSets(effect: Effect): boolean {
  if (effect.kind === 'monitor') return effect.event.kind === 'lesson';
  if (effect.kind === 'release') return effect.behind === true;
  return effect.kind === 'pass' && effect.again;
}
