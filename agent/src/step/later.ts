// step/later: reads answers that waited for their device's tokens, and reports that the queue of held answers
// overflowed.

import type { Effect } from '../learn/effect.ts';
import { observeDnsAnswer } from '../learn/observe-dns.ts';
import { takeWaiting } from '../learn/waiting.ts';
import { teach } from './lesson.ts';
import { note, report } from './packet.ts';
import { takeTokens } from './share.ts';
import type { State } from './state.ts';

/** Answers read in one turn of the event loop, so that held answers are served in between. */
const AT_ONCE = 4;

export function onLater(state: State, now: number): readonly Effect[] {
  const admit = (asker: string): boolean => takeTokens(state, asker, now);
  const effects: Effect[] = [];
  for (const { device, bytes, exchange, outside } of takeWaiting(state.waiting, admit, AT_ONCE)) {
    const observed = observeDnsAnswer(state.observer, bytes, 0, bytes.length, device, now);
    for (const reason of observed.reasons) note(state, `DNS answer to ${device}: ${reason}`);
    effects.push(...teach(state, observed.lessons, exchange, outside).effects);
  }
  return effects;
}

export function onFull(state: State, now: number): readonly Effect[] {
  state.counters.full += 1;
  const text =
    'so many DNS answers came at once that there was no room for some: their devices ask again';
  return report(state, 'held answers full', text, now);
}
