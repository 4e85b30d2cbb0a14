// learn/commit-batch: limits how often lessons of answers are committed. nft reads the ruleset again after each
// commit of another process, so a transaction for every answer of a busy device would keep fw4's reload from
// ending. After a burst, answers wait and their lessons share a transaction. Pure; runtime/effects keeps the
// timer.

import { createPace, type Pace, type Rate, takeToken, untilToken } from '../bounds/token-bucket.ts';
import type { Effect } from './effect.ts';

/** Transactions: a burst for an application's start, then one a second, so that nft can finish in between. */
export const COMMITS: Rate = { perSecond: 1, burst: 32 };
/** Most lists of effects that wait: as many as answers are held at once. */
export const MOST_WAITING = 64;

export interface Gathering {
  readonly pace: Pace;
  /** The effects of step/step, a list for each packet, in order of arrival. */
  readonly waiting: (readonly Effect[])[];
}

export function createGathering(): Gathering {
  return { pace: createPace(COMMITS), waiting: [] };
}

/** Where `effects` run: `flush`, at once in one transaction with all that waits; `beside`, at once without it;
 * `wait`, later. `isLoading`: the agent's own nft is loading a table. */
export function placeOf(
  gathering: Gathering,
  effects: readonly Effect[],
  isLoading: boolean,
  now: number,
): 'beside' | 'flush' | 'wait' {
  const { waiting } = gathering;
  const changes = effects.some(changesSets);
  // An answer whose lesson still waits must not be released before that lesson is committed.
  if (!changes && (waiting.length === 0 || !effects.some(dependsOnSets))) return 'beside';
  // Effects without a verdict come from a packet that is not held: a window has to open before the device's
  // mapping request, which may be next.
  if (!effects.some(letsGo) || waiting.length >= MOST_WAITING) return 'flush';
  const isFree = !isLoading && waiting.length === 0 && untilNext(gathering, now) === 0;
  return isFree ? 'flush' : 'wait';
}

/** Takes all waiting lists in order, for one transaction now; spends a token. */
export function takeWaiting({ waiting, pace }: Gathering, now: number): (readonly Effect[])[] {
  takeToken(pace, '', now);
  return waiting.splice(0);
}

/** Milliseconds until the next transaction is allowed. */
export function untilNext({ pace }: Gathering, now: number): number {
  return untilToken(pace, '', now);
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
  if (effect.kind === 'told') return effect.what.kind === 'lesson';
  if (effect.kind === 'release') return effect.behind === true;
  return effect.kind === 'pass' && effect.again;
}
