// learn/commit-batch: how often what answers teach is committed. nft reads the ruleset again whenever
// somebody commits meanwhile: while a device resolves new names all the time, a transaction for each
// would keep fw4's reload from ever ending. So beyond a burst the answers wait, and what they teach
// goes in together. Pure; runtime/effects keeps the timer.

import { createPace, type Pace, type Rate, takeToken, untilToken } from '../bounds/token-bucket.ts';
import type { Effect } from './effect.ts';

/** Transactions: a burst for an application's start, then one a second, in which nft gets its turn. */
export const COMMITS: Rate = { perSecond: 1, burst: 32 };
/** Lists of effects that wait; as many as answers are held at once. */
export const MOST_WAITING = 64;

export interface Gathering {
  readonly pace: Pace;
  /** What step/step asked for, a list for each packet, in its order. */
  readonly waiting: (readonly Effect[])[];
}

export function createGathering(): Gathering {
  return { pace: createPace(COMMITS), waiting: [] };
}

/**
 * Whether `effects` run at once, in one transaction with all that waits (`flush`) or beside it
 * (`beside`), or are to be kept (`wait`). `isLoading`: our own nft reads at this moment.
 */
export function placeOf(
  gathering: Gathering,
  effects: readonly Effect[],
  isLoading: boolean,
  now: number,
): 'beside' | 'flush' | 'wait' {
  const { waiting } = gathering;
  const changes = effects.some(changesSets);
  // An answer that teaches what is already waiting must not leave before it.
  if (!changes && (waiting.length === 0 || !effects.some(dependsOnSets))) return 'beside';
  // A window opens with a query that nobody holds: the mapping request may be next.
  if (!effects.some(letsGo) || waiting.length >= MOST_WAITING) return 'flush';
  const isFree = !isLoading && waiting.length === 0 && untilNext(gathering, now) === 0;
  return isFree ? 'flush' : 'wait';
}

/** Takes all that waits, in its order, to be committed now. */
export function takeWaiting({ waiting, pace }: Gathering, now: number): (readonly Effect[])[] {
  takeToken(pace, '', now);
  return waiting.splice(0);
}

/** Milliseconds until what waits may go. */
export function untilNext({ pace }: Gathering, now: number): number {
  return untilToken(pace, '', now);
}

export function changesSets({ kind }: Effect): boolean {
  return kind === 'renew' || kind === 'forget';
}

/** Lets a held packet go, or drops it. */
function letsGo({ kind }: Effect): boolean {
  return kind === 'release' || kind === 'refuse' || kind === 'pass';
}

/** Answers that teach come with their lesson; a segment that is sent again, since the first one is held, brings
 * what that one has taught; hellos that are judged anew say so. */
function dependsOnSets(effect: Effect): boolean {
  if (effect.kind === 'told') return effect.what.kind === 'lesson';
  if (effect.kind === 'release') return effect.behind === true;
  return effect.kind === 'pass' && effect.again;
}
