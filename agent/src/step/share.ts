// step/share: limits the agent's time for matching answers by tokens of each device and of the home. Without a
// token a held answer is refused; one already delivered waits for a token, so that a burst is still learned.

import { takeToken, untilToken } from '../bounds/token-bucket.ts';
import { askerOf } from '../learn/askers.ts';
import { type WaitingAnswer, waitFor } from '../learn/waiting.ts';
import type { State } from './state.ts';

/** Whether the device at `address` and the home have a token each; takes none. */
export function hasTokens(state: State, address: string, now: number): boolean {
  const asker = askerOf(state.askers, address);
  return untilToken(state.homePace, '', now) === 0 && untilToken(state.pace, asker, now) === 0;
}

/** Takes tokens of the device at `address` and of the home; false: too few. `weight`: tokens, more than one for a
 * large answer. */
export function mayTeach(state: State, address: string, now: number, weight = 1): boolean {
  return takeTokens(state, askerOf(state.askers, address), now, weight);
}

export function takeTokens(
  { pace, homePace }: State,
  asker: string,
  now: number,
  weight = 1,
): boolean {
  if (untilToken(homePace, '', now) > 0 || !takeToken(pace, asker, now, weight)) return false;
  return takeToken(homePace, '', now, weight);
}

/** Keeps an answer that was already delivered. False: one was dropped for want of room. */
export function learnLater(state: State, answer: Omit<WaitingAnswer, 'asker'>): boolean {
  return waitFor(state.waiting, { asker: askerOf(state.askers, answer.device), ...answer });
}
