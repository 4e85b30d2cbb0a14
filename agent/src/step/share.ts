// step/share: how much of the agent's time matching answers may take: each device has tokens, and the home.
// What is held and finds none is refused; what has passed already waits for the next one, so that a burst
// is learned all the same. Before: step/answer. After: bounds/token-bucket, step/later.

import { takeToken, untilToken } from '../bounds/token-bucket.ts';
import { askerOf } from '../learn/askers.ts';
import { type WaitingAnswer, waitFor } from '../learn/waiting.ts';
import type { State } from './state.ts';

/** Whether the device at `address` and the home have a token. */
export function hasTokens(state: State, address: string, now: number): boolean {
  const asker = askerOf(state.askers, address);
  return untilToken(state.homePace, '', now) === 0 && untilToken(state.pace, asker, now) === 0;
}

/** Takes tokens of the device at `address` and of the home. `weight`: of a large answer, more than one. */
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

/** Keeps an answer that has passed. False: for want of room one was given up. */
export function learnLater(state: State, answer: Omit<WaitingAnswer, 'asker'>): boolean {
  return waitFor(state.waiting, { asker: askerOf(state.askers, answer.device), ...answer });
}
