// step/step: one event in, the next state and the effects it calls for out. The only place where what
// wire/ decoded and learn/ observed becomes a wish to change the kernel; what an event means is in step/.
// runtime/feeds.ts feeds it from the sockets and runs the effects; the tests and `whp replay` feed it by hand. No
// IO, no clock.

import { expireAliases } from '../learn/aliases.ts';
import { expireQuestions } from '../learn/asked-questions.ts';
import { expireTaught } from '../learn/dynamic-sets.ts';
import type { Effect } from '../learn/effect.ts';
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

/** Evidence is kept for an hour after the flow was last announced. */
const EVIDENCE_MILLISECONDS = 3600000;

const NO_EFFECTS: readonly Effect[] = [];

/**
 * Takes in one event at `now` (milliseconds). The state is updated in place: it is large and has
 * one owner. A held answer always ends in exactly one `release` or `refuse`, behind what it teaches; `hear`
 * alone asks for the same event again.
 */
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
      expireAliases(state.observer.aliases, now);
      expireLearned(state.learned, now);
      expireLearned(state.pairs, now);
      expireQuestions(state.asked, now);
      expireTaught(state.taught, now);
      expireStreams(state.streams, now);
      expireHellos(state.hellos, now);
      expireStandIns(state.standIns, now);
      expireEvidence(state.evidence, now - EVIDENCE_MILLISECONDS);
      return NO_EFFECTS;
  }
}
