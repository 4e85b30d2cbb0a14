// runtime/feeds: the feeds a policy needs: the queues of held answers, that of held ClientHellos and the groups of
// what the ruleset announces. Each packet of theirs goes through step/step; answers that have passed and are
// too many for their device at once come to it again, a few at a time.

import { type OnAnnounced, openAnnounced } from '../kernel/announced-feed.ts';
import { type OnAnswer, openAnswers } from '../kernel/answer-queues.ts';
import type { Feed } from '../kernel/feed-socket.ts';
import { openHeld } from '../kernel/held-feed.ts';
import { holdFirst } from '../kernel/yield-to-held.ts';
import { after, now } from '../os/clock.ts';
import { log } from '../os/log.ts';
import { type KernelPart, weakerWithout } from '../policy/missing-parts.ts';
import type { Policy } from '../policy/policy.ts';
import { evidenceGroup } from '../ruleset/compile/context.ts';
import { crowdGroup } from '../ruleset/compile/dns.ts';
import { helloQueue } from '../ruleset/compile/tls-hello.ts';
import { ANSWER_PREFIX, HELLO_PREFIX, QUERY_PREFIX, UNJUDGED_PREFIX } from '../ruleset/names.ts';
import type { Event, PacketSpan } from '../step/state.ts';
import { step } from '../step/step.ts';
import type { Agent } from './agent.ts';

type Answer = Event & { kind: 'answer' };

/** ClientHellos held at once: what a page of a browser opens. Beyond that they pass unread. */
const HELLOS = { most: 64, failOpen: true };
/** Bytes of a message with HEADER_SNAPLEN of a packet and all that the kernel says of it. */
const HEADERS = 1024;
/** Milliseconds between two looks at answers that wait. */
const LATER_MILLISECONDS = 100;

/**
 * Opens the feeds the policy needs, unless the same ones are open: closing a queue drops what it
 * holds. A kernel without one of them is lived with, and said.
 */
export function listen(agent: Agent, policy: Policy): void {
  const { queue, group, hold } = policy.globals;
  const hello = policy.escape?.hello ?? 'off';
  const wanted =
    policy.apps.length === 0 ? 'none' : `${hold ? queue : 'watch'} ${group} ${hello} ${queue}`;
  if (agent.ears === wanted) return;
  agent.held?.close();
  agent.hellos?.close();
  agent.announced?.close();
  for (const feed of agent.watched) feed.close();
  agent.held = null;
  agent.hellos = null;
  agent.announced = null;
  agent.watched = [];
  agent.effects.held = null;
  agent.effects.hellos = null;
  agent.problems.delete('queue');
  agent.problems.delete('hello');
  agent.problems.delete('announce');
  agent.ears = wanted;
  if (wanted === 'none') return;
  if (hold) {
    const onAnswer: OnAnswer = (id, { bytes, offset, end }, isOwn) => {
      const isBehind = agent.held?.isBehind() ?? false;
      hear(agent, { kind: 'answer', id, outside: !isOwn, isBehind, bytes, offset, end });
    };
    const onFull = (): void => agent.effects.run(step(agent.state, { kind: 'full' }, now()));
    const held = openAnswers(queue, onAnswer, onFull);
    if (!held.ok) lacks(agent, 'queue', held.reason);
    else {
      agent.held = held.value;
      agent.effects.held = held.value;
      holdFirst(held.value.takeOne);
    }
  }
  if (hello === 'hold') listenHellos(agent, helloQueue(queue));
  listenAnnounced(agent, group);
}

/** An answer whose query may still wait among what is announced: that is read first. */
function hear(agent: Agent, answer: Omit<Answer, 'heard'>): void {
  const heard = agent.announced === null ? null : false;
  const effects = step(agent.state, { ...answer, heard }, now());
  if (effects[0]?.kind !== 'hear') {
    agent.effects.run(effects);
    return;
  }
  agent.announced?.takeWaiting();
  agent.effects.run(step(agent.state, { ...answer, heard: true }, now()));
}

function listenAnnounced(agent: Agent, group: number): void {
  let isComing = false;
  const learnLater = (): void => {
    if (isComing || agent.state.waiting.count === 0) return;
    isComing = true;
    after(LATER_MILLISECONDS, () => {
      isComing = false;
      agent.effects.run(step(agent.state, { kind: 'later' }, now()));
      learnLater();
    });
  };
  const onPacket: OnAnnounced = (prefix, span, mac, age, isOwn) => {
    if (prefix === UNJUDGED_PREFIX) agent.happened({ kind: 'unjudged' });
    else {
      const event = announcedEvent(prefix, span, mac, age, isOwn);
      agent.effects.run(step(agent.state, event, now()));
    }
    learnLater();
  };
  const onLost = (): void => agent.happened({ kind: 'unjudged' });
  const announced = openAnnounced(group, onPacket, onLost);
  const evidence = openAnnounced(evidenceGroup(group), onPacket, onLost, HEADERS);
  // Answers that are only watched, of devices beyond their share: their queries come by the other group.
  const ofCrowd: OnAnnounced = (_, { bytes, offset, end }, __, ___, isOwn) => {
    hear(agent, { kind: 'answer', id: null, outside: !isOwn, bytes, offset, end });
    learnLater();
  };
  const crowd = openAnnounced(crowdGroup(group), ofCrowd, () => {});
  if (announced.ok) agent.announced = announced.value;
  else lacks(agent, 'announce', announced.reason);
  const watched: Feed[] = [];
  for (const feed of [evidence, crowd]) {
    if (feed.ok) watched.push(feed.value);
    else lacks(agent, 'announce', feed.reason);
  }
  agent.watched = watched;
}

function listenHellos(agent: Agent, queue: number): void {
  const onPacket = (id: number, span: PacketSpan, sender: () => string | null): void => {
    const { bytes, offset, end } = span;
    const event = { kind: 'hello', id, mac: sender(), bytes, offset, end } as const;
    agent.effects.run(step(agent.state, event, now()));
  };
  const hellos = openHeld(queue, onPacket, HELLOS);
  if (!hellos.ok) lacks(agent, 'hello', hellos.reason);
  else {
    agent.hellos = hellos.value;
    agent.effects.hellos = hellos.value;
  }
}

function announcedEvent(
  prefix: string,
  span: PacketSpan,
  mac: string | null,
  age: number,
  isOwn: boolean,
): Event {
  const { bytes, offset, end } = span;
  if (prefix === QUERY_PREFIX) return { kind: 'query', age, mac, bytes, offset, end };
  if (prefix === ANSWER_PREFIX) {
    // One feed, in the order in which packets passed: its query has been heard.
    return { kind: 'answer', id: null, outside: !isOwn, heard: true, bytes, offset, end };
  }
  if (prefix === HELLO_PREFIX) return { kind: 'hello', id: null, mac, bytes, offset, end };
  return { kind: 'evidence', prefix, mac, bytes, offset, end };
}

/** Says what is weaker while a part of the kernel is missing. */
export function lacks(agent: Agent, part: KernelPart, why: string): void {
  const what = weakerWithout(part, why);
  if (agent.problems.get(part) !== what) log('error', what);
  agent.problems.set(part, what);
}
