// step/step: one event in; the updated state and the effects it calls for out. No IO, no clock. runtime/feeds
// passes events from the sockets and runs the effects; tests and `whp replay` pass their own.

import { expireAliases } from '../learn/aliases.ts';
import { expireTaught } from '../learn/dynamic-sets.ts';
import { type Effect, NO_EFFECTS } from '../learn/effect.ts';
import { expireLearned } from '../learn/endpoints.ts';
import { expireEvidence } from '../learn/evidence.ts';
import { expireHellos } from '../learn/named-servers.ts';
import { expireStandIns } from '../learn/stand-ins.ts';
import { expireStreams } from '../wire/dns-stream.ts';
import { onAnswer } from './answer.ts';
import { onEvidence } from './evidence.ts';
import { onHello } from './hello.ts';
import { onFull, onLater } from './later.ts';
import { onQuery } from './query.ts';
import type { Event, State } from './state.ts';

/** Between two events `tick`, milliseconds. */
export const TICK_MILLISECONDS = 5000;

/** Between two searches of the stores that have thousands of entries for those that have expired, milliseconds. Who reads
 * them leaves those out. */
const SWEEP_MILLISECONDS = 60_000;

/** Evidence is kept for an hour after the last announcement of its flow. */
const EVIDENCE_MILLISECONDS = 3600000;

/** Handles one event at `now` (milliseconds) and updates the state in place. A held answer ends in exactly one
 * `release` or `refuse`, after its set changes; `hear` alone asks for the same event again. */
export function step(state: State, event: Event, now: number): readonly Effect[] {
  switch (event.kind) {
    case 'answer':
      return onAnswer(state, event, now);
    case 'query':
      return onQuery(state, event, now);
    case 'evidence':
      return onEvidence(state, event, now);
    case 'hello':
      return onHello(state, event, now);
    case 'full':
      return onFull(state, now);
    case 'later':
      return onLater(state, now);
    case 'tick':
      if (now - state.sweptAt >= SWEEP_MILLISECONDS) sweep(state, now);
      expireAliases(state.observer.aliases, now);
      state.asked.expire(now);
      expireStreams(state.streams, now);
      expireHellos(state.hellos, now);
      expireStandIns(state.standIns, now);
      expireEvidence(state.evidence, now - EVIDENCE_MILLISECONDS);
      return NO_EFFECTS;
  }
}

function sweep(state: State, now: number): void {
  state.sweptAt = now;
  expireLearned(state.learned, now);
  expireLearned(state.pairs, now);
  expireTaught(state.taught, now);
}
