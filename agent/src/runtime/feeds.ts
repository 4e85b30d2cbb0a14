// runtime/feeds: the feeds a policy needs: the queues of held answers, that of held ClientHellos and the groups of
// what the ruleset announces. Each packet of theirs goes through step/step; answers that have passed and are
// too many for their device at once come to it again, a few at a time.

import { type OnAnswer, openAnswers } from '../kernel/answer-queues.ts';
import { type Feed, type OnAnnounced, openAnnounced, openHeld } from '../kernel/feeds.ts';
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
import type { Daemon } from './agent.ts';

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
export function listen(daemon: Daemon, policy: Policy): void {
  const { queue, group, hold } = policy.globals;
  const hello = policy.escape?.hello ?? 'off';
  const wanted =
    policy.apps.length === 0 ? 'none' : `${hold ? queue : 'watch'} ${group} ${hello} ${queue}`;
  if (daemon.ears === wanted) return;
  daemon.held?.close();
  daemon.hellos?.close();
  daemon.announced?.close();
  for (const feed of daemon.watched) feed.close();
  daemon.held = null;
  daemon.hellos = null;
  daemon.announced = null;
  daemon.watched = [];
  daemon.effects.held = null;
  daemon.effects.hellos = null;
  daemon.problems.delete('queue');
  daemon.problems.delete('hello');
  daemon.problems.delete('announce');
  daemon.ears = wanted;
  if (wanted === 'none') return;
  if (hold) {
    const onAnswer: OnAnswer = (id, { bytes, offset, end }, isOwn) => {
      const isBehind = daemon.held?.isBehind() ?? false;
      hear(daemon, { kind: 'answer', id, outside: !isOwn, isBehind, bytes, offset, end });
    };
    const onFull = (): void => daemon.effects.run(step(daemon.state, { kind: 'full' }, now()));
    const held = openAnswers(queue, onAnswer, onFull);
    if (typeof held === 'string') lacks(daemon, 'queue', held);
    else {
      daemon.held = held;
      daemon.effects.held = held;
      holdFirst(held.takeOne);
    }
  }
  if (hello === 'hold') listenHellos(daemon, helloQueue(queue));
  listenAnnounced(daemon, group);
}

/** An answer whose query may still wait among what is announced: that is read first. */
function hear(daemon: Daemon, answer: Omit<Answer, 'heard'>): void {
  const heard = daemon.announced === null ? null : false;
  const effects = step(daemon.state, { ...answer, heard }, now());
  if (effects[0]?.kind !== 'hear') {
    daemon.effects.run(effects);
    return;
  }
  daemon.announced?.takeWaiting();
  daemon.effects.run(step(daemon.state, { ...answer, heard: true }, now()));
}

function listenAnnounced(daemon: Daemon, group: number): void {
  let isComing = false;
  const learnLater = (): void => {
    if (isComing || daemon.state.waiting.count === 0) return;
    isComing = true;
    after(LATER_MILLISECONDS, () => {
      isComing = false;
      daemon.effects.run(step(daemon.state, { kind: 'later' }, now()));
      learnLater();
    });
  };
  const onPacket: OnAnnounced = (prefix, span, mac, age, isOwn) => {
    if (prefix === UNJUDGED_PREFIX) daemon.happened({ kind: 'unjudged' });
    else {
      const event = announcedEvent(prefix, span, mac, age, isOwn);
      daemon.effects.run(step(daemon.state, event, now()));
    }
    learnLater();
  };
  const onLost = (): void => daemon.happened({ kind: 'unjudged' });
  const announced = openAnnounced(group, onPacket, onLost);
  const evidence = openAnnounced(evidenceGroup(group), onPacket, onLost, HEADERS);
  // Answers that are only watched, of devices beyond their share: their queries come by the other group.
  const ofCrowd: OnAnnounced = (_, { bytes, offset, end }, __, ___, isOwn) => {
    hear(daemon, { kind: 'answer', id: null, outside: !isOwn, bytes, offset, end });
    learnLater();
  };
  const crowd = openAnnounced(crowdGroup(group), ofCrowd, () => {});
  if (typeof announced === 'string') lacks(daemon, 'announce', announced);
  else daemon.announced = announced;
  const watched: Feed[] = [];
  for (const feed of [evidence, crowd]) {
    if (typeof feed === 'string') lacks(daemon, 'announce', feed);
    else watched.push(feed);
  }
  daemon.watched = watched;
}

function listenHellos(daemon: Daemon, queue: number): void {
  const onPacket = (id: number, span: PacketSpan, sender: () => string | null): void => {
    const { bytes, offset, end } = span;
    const event = { kind: 'hello', id, mac: sender(), bytes, offset, end } as const;
    daemon.effects.run(step(daemon.state, event, now()));
  };
  const hellos = openHeld(queue, onPacket, HELLOS);
  if (typeof hellos === 'string') lacks(daemon, 'hello', hellos);
  else {
    daemon.hellos = hellos;
    daemon.effects.hellos = hellos;
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
export function lacks(daemon: Daemon, part: KernelPart, why: string): void {
  const what = weakerWithout(part, why);
  if (daemon.problems.get(part) !== what) log('error', what);
  daemon.problems.set(part, what);
}
