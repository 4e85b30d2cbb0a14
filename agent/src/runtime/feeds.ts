// runtime/feeds: the feeds a policy needs: the queues of held answers, that of held ClientHellos and the groups of
// what the ruleset announces. Each packet of theirs goes through step/step; answers that have passed and are
// too many for their device at once come to it again, a few at a time.

import type { AnnouncedFeed, OnAnnounced } from '../kernel/announced-feed.ts';
import type { OnAnswer } from '../kernel/answer-queues.ts';
import type { Feed } from '../kernel/feed-socket.ts';
import type { HeldFeed } from '../kernel/held-feed.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Effect } from '../learn/effect.ts';
import { after, now } from '../os/clock.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { type KernelPart, weakerWithout } from '../policy/missing-parts.ts';
import type { Policy } from '../policy/policy.ts';
import type { RepairEvent } from '../reconcile/repair.ts';
import { isSame } from '../reconcile/same.ts';
import { evidenceGroup } from '../ruleset/compile/context.ts';
import { crowdGroup } from '../ruleset/compile/dns.ts';
import { helloQueue } from '../ruleset/compile/tls-hello.ts';
import { ANSWER_PREFIX, HELLO_PREFIX, QUERY_PREFIX, UNJUDGED_PREFIX } from '../ruleset/names.ts';
import type { Event, PacketSpan, State } from '../step/state.ts';
import { step } from '../step/step.ts';

type Answer = Event & { kind: 'answer' };

/** ClientHellos held at once: what a page of a browser opens. Beyond that they pass unread. */
const HELLOS = { most: 64, failOpen: true };
/** Bytes of a message with HEADER_SNAPLEN of a packet and all that the kernel says of it. */
const HEADERS = 1024;
/** Milliseconds between two looks at answers that wait. */
const LATER_MILLISECONDS = 100;

export interface FeedState {
  /** DNS answers that wait for the agent. */
  answers: HeldFeed | null;
  /** ClientHellos of flows that no set knows. */
  hellos: HeldFeed | null;
  /** Queries, ClientHellos, and the answers that are only watched. */
  announced: AnnouncedFeed | null;
  /** What is told of flows, and watched answers of devices that ask more than their share. */
  watched: readonly Feed[];
  /** What they were opened for; null: none is open. */
  opened: Needs | null;
}

/** What the feeds are opened with. `state` is another one after each policy. */
export interface FeedNeeds {
  readonly feeds: FeedState;
  readonly kernel: Kernel;
  readonly state: State;
  readonly problems: Map<string, string>;
  readonly effects: { run(effects: readonly Effect[]): void };
  happened(event: RepairEvent): void;
}

/** What a policy needs of them. */
interface Needs {
  readonly holds: boolean;
  readonly queue: number;
  readonly group: number;
  readonly hello: NonNullable<Policy['escape']>['hello'];
}

export function createFeeds(): FeedState {
  return { answers: null, hellos: null, announced: null, watched: [], opened: null };
}

export function closeFeeds(feeds: FeedState): void {
  for (const feed of [feeds.answers, feeds.hellos, feeds.announced, ...feeds.watched])
    feed?.close();
  feeds.answers = null;
  feeds.hellos = null;
  feeds.announced = null;
  feeds.watched = [];
  feeds.opened = null;
}

/** Whether answers of this policy would be held and no feed reads them. */
export function isDeaf({ answers }: FeedState, { globals, apps }: Policy): boolean {
  return globals.hold && answers === null && apps.length > 0;
}

function needsOf({ globals, apps, escape }: Policy): Needs | null {
  const { queue, group, hold } = globals;
  return apps.length === 0 ? null : { holds: hold, queue, group, hello: escape?.hello ?? 'off' };
}

/**
 * Opens the feeds the policy needs, unless the same ones are open: closing a queue drops what it
 * holds. A kernel without one of them is lived with, and said.
 */
export function listen(agent: FeedNeeds, policy: Policy): void {
  const { feeds, problems, kernel } = agent;
  const needs = needsOf(policy);
  if (isSame(feeds.opened, needs)) return;
  closeFeeds(feeds);
  for (const part of ['queue', 'hello', 'announce']) problems.delete(part);
  feeds.opened = needs;
  if (needs === null) return;
  const { queue, group, hello } = needs;
  if (needs.holds) {
    const onAnswer: OnAnswer = (id, { bytes, offset, end }, isOwn) => {
      const isBehind = feeds.answers?.isBehind() ?? false;
      hear(agent, { kind: 'answer', id, outside: !isOwn, isBehind, bytes, offset, end });
    };
    const onFull = (): void => agent.effects.run(step(agent.state, { kind: 'full' }, now()));
    const answers = kernel.feeds.answers(queue, onAnswer, onFull);
    if (answers.ok) feeds.answers = answers.value;
    else lacks(agent, 'queue', errorText(answers.error));
  }
  if (hello === 'hold') listenHellos(agent, helloQueue(queue));
  listenAnnounced(agent, group);
}

/** An answer whose query may still wait among what is announced: that is read first. */
function hear(agent: FeedNeeds, answer: Omit<Answer, 'heard'>): void {
  const heard = agent.feeds.announced === null ? null : false;
  const effects = step(agent.state, { ...answer, heard }, now());
  if (effects[0]?.kind !== 'hear') {
    agent.effects.run(effects);
    return;
  }
  agent.feeds.announced?.takeWaiting();
  agent.effects.run(step(agent.state, { ...answer, heard: true }, now()));
}

function listenAnnounced(agent: FeedNeeds, group: number): void {
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
  const { feeds, kernel } = agent;
  const announced = kernel.feeds.announced(group, onPacket, onLost);
  const evidence = kernel.feeds.announced(evidenceGroup(group), onPacket, onLost, HEADERS);
  // Answers that are only watched, of devices beyond their share: their queries come by the other group.
  const ofCrowd: OnAnnounced = (_, { bytes, offset, end }, __, ___, isOwn) => {
    hear(agent, { kind: 'answer', id: null, outside: !isOwn, bytes, offset, end });
    learnLater();
  };
  const crowd = kernel.feeds.announced(crowdGroup(group), ofCrowd, () => {});
  if (announced.ok) feeds.announced = announced.value;
  else lacks(agent, 'announce', errorText(announced.error));
  const watched: Feed[] = [];
  for (const feed of [evidence, crowd]) {
    if (feed.ok) watched.push(feed.value);
    else lacks(agent, 'announce', errorText(feed.error));
  }
  feeds.watched = watched;
}

function listenHellos(agent: FeedNeeds, queue: number): void {
  const onPacket = (id: number, span: PacketSpan, sender: () => string | null): void => {
    const { bytes, offset, end } = span;
    const event = { kind: 'hello', id, mac: sender(), bytes, offset, end } as const;
    agent.effects.run(step(agent.state, event, now()));
  };
  const hellos = agent.kernel.feeds.held(queue, onPacket, HELLOS);
  if (hellos.ok) agent.feeds.hellos = hellos.value;
  else lacks(agent, 'hello', errorText(hellos.error));
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
export function lacks(agent: FeedNeeds, part: KernelPart, why: string): void {
  const what = weakerWithout(part, why);
  if (agent.problems.get(part) !== what) log('error', what);
  agent.problems.set(part, what);
}
