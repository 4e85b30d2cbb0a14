// runtime/feeds: opens the feeds of a policy: the NFQUEUE queues of answers and ClientHellos, and the NFLOG groups.
// Passes each packet to step/step and runs the effects. Logged answers of a device beyond its rate wait in `state`
// and are taken up a few at a time.

import type { AnnouncedFeed, OnAnnounced } from '../kernel/announced-feed.ts';
import type { OnAnswer } from '../kernel/answer-queues.ts';
import type { OpenFeed } from '../kernel/feed-socket.ts';
import type { HeldFeed } from '../kernel/held-feed.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Effect } from '../learn/effect.ts';
import { after, now } from '../os/clock.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import type { KernelPart } from '../policy/missing-parts.ts';
import type { Policy } from '../policy/policy.ts';
import type { RepairEvent } from '../reconcile/repair.ts';
import { isSame } from '../reconcile/same.ts';
import { weakerHere } from '../router/installer.ts';
import { evidenceGroup } from '../ruleset/compile/context.ts';
import { crowdGroup } from '../ruleset/compile/dns.ts';
import { helloQueue } from '../ruleset/compile/tls-hello.ts';
import { ANSWER_PREFIX, HELLO_PREFIX, QUERY_PREFIX, UNJUDGED_PREFIX } from '../ruleset/names.ts';
import { countStrangers, type Event, type PacketSpan, type State } from '../step/state.ts';
import { step } from '../step/step.ts';

type Answer = Event & { kind: 'answer' };

/** Most ClientHellos in the queue: as many as a browser sends for a page. Others pass unread. */
const HELLOS = { most: 64, failOpen: true };
/** Bytes of a message with HEADER_SNAPLEN bytes of packet and all attributes. */
const HEADERS = 1024;
/** Milliseconds between two looks at waiting answers. */
const LATER_MILLISECONDS = 100;

export interface FeedState {
  /** The two queues of DNS answers. */
  answers: HeldFeed | null;
  /** The queue of ClientHellos to addresses that no set has. */
  hellos: HeldFeed | null;
  /** The NFLOG group of queries, ClientHellos, and answers that are not held. */
  announced: AnnouncedFeed | null;
  /** The NFLOG groups of flow announcements, and of unheld answers to devices above their share. */
  watched: readonly OpenFeed[];
  /** The needs that the open feeds serve; null: none is open. */
  opened: Needs | null;
}

/** `state` is a new object after each policy. */
export interface FeedNeeds {
  readonly feeds: FeedState;
  readonly kernel: Kernel;
  readonly state: State;
  readonly problems: Map<string, string>;
  readonly effects: { run(effects: readonly Effect[]): void };
  happened(event: RepairEvent): void;
}

/** The feeds that a policy needs. */
interface Needs {
  readonly holds: boolean;
  readonly queue: number;
  readonly group: number;
  readonly hello: NonNullable<Policy['resolverBypass']>['hello'];
}

export function createFeeds(): FeedState {
  return { answers: null, hellos: null, announced: null, watched: [], opened: null };
}

/** Counts what the host program has dealt with. */
export function countGlanced({ answers, announced }: FeedState, state: State): void {
  countStrangers(state, answers?.takeGlanced() ?? 0, announced?.takeGlanced() ?? 0);
}

/** Reports answers that have found no room since the last tick. */
export function tickFeeds({ feeds, state, effects }: FeedNeeds): void {
  const dropped = feeds.answers?.takeDropped() ?? 0;
  if (dropped > 0) effects.run(step(state, { kind: 'full' }, now()));
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

/** Whether the policy holds answers and no feed reads them. */
export function isDeaf({ answers }: FeedState, { globals, apps }: Policy): boolean {
  return globals.hold && answers === null && apps.length > 0;
}

function needsOf({ globals, apps, resolverBypass }: Policy): Needs | null {
  const { queue, group, hold } = globals;
  return apps.length === 0
    ? null
    : { holds: hold, queue, group, hello: resolverBypass?.hello ?? 'off' };
}

/** Opens the feeds of the policy, unless the needs are the same: closing a queue drops its packets. If the kernel
 * lacks a part, a problem is noted and the other feeds are opened. */
export function listen(agent: FeedNeeds, policy: Policy): void {
  const { feeds, problems, kernel } = agent;
  const needs = needsOf(policy);
  if (isSame(feeds.opened, needs)) return;
  countGlanced(feeds, agent.state);
  closeFeeds(feeds);
  for (const part of ['queue', 'hello', 'announce']) problems.delete(part);
  feeds.opened = needs;
  if (needs === null) return;
  const { queue, group, hello } = needs;
  if (needs.holds) {
    const onAnswer: OnAnswer = (id, { bytes, offset, end }, isOwn) => {
      const answer = { kind: 'answer', id, outside: !isOwn, bytes, offset, end } as const;
      if (id === null) {
        const taught = { ...answer, heard: null, isTaught: true } as const;
        agent.effects.run(step(agent.state, taught, now()));
      } else hear(agent, { ...answer, isBehind: feeds.answers?.isBehind() ?? false });
    };
    const answers = kernel.feeds.answers(queue, onAnswer);
    if (answers.ok) feeds.answers = answers.value;
    else lacks(agent, 'queue', errorText(answers.error));
  }
  if (hello === 'hold') listenHellos(agent, helloQueue(queue));
  listenAnnounced(agent, group);
}

/** Passes an answer to step/step. On the effect `hear` the log group is drained, since it may hold the query, and
 * the answer is passed again. */
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
  const onPacket: OnAnnounced = (prefix, span, mac, age, isOwn, isNoted) => {
    if (prefix === UNJUDGED_PREFIX) agent.happened({ kind: 'unjudged' });
    else {
      const event = announcedEvent(prefix, span, mac, age, isOwn, isNoted);
      agent.effects.run(step(agent.state, event, now()));
    }
    learnLater();
  };
  const onLost = (): void => agent.happened({ kind: 'unjudged' });
  const { feeds, kernel } = agent;
  const announced = kernel.feeds.announced(group, onPacket, onLost, undefined, 'queries');
  const evidence = kernel.feeds.announced(evidenceGroup(group), onPacket, onLost, HEADERS);
  // Unheld answers to devices above their share; their queries are in the other group.
  const ofCrowd: OnAnnounced = (_, { bytes, offset, end }, __, ___, isOwn) => {
    hear(agent, { kind: 'answer', id: null, outside: !isOwn, bytes, offset, end });
    learnLater();
  };
  const crowd = kernel.feeds.announced(crowdGroup(group), ofCrowd, () => {});
  if (announced.ok) feeds.announced = announced.value;
  else lacks(agent, 'announce', errorText(announced.error));
  const watched: OpenFeed[] = [];
  for (const feed of [evidence, crowd]) {
    if (feed.ok) watched.push(feed.value);
    else lacks(agent, 'announce', errorText(feed.error));
  }
  feeds.watched = watched;
}

function listenHellos(agent: FeedNeeds, queue: number): void {
  const onPacket = (id: number | null, span: PacketSpan, sender: () => string | null): void => {
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
  isNoted: boolean,
): Event {
  const { bytes, offset, end } = span;
  if (prefix === QUERY_PREFIX) return { kind: 'query', age, isNoted, mac, bytes, offset, end };
  if (prefix === ANSWER_PREFIX) {
    // Query and answer are in one group, in order: the query has been read.
    return { kind: 'answer', id: null, outside: !isOwn, heard: true, bytes, offset, end };
  }
  if (prefix === HELLO_PREFIX) return { kind: 'hello', id: null, mac, bytes, offset, end };
  return { kind: 'evidence', prefix, mac, bytes, offset, end };
}

/** Notes the problem that a part of the kernel is missing, and logs it. */
export function lacks(agent: FeedNeeds, part: KernelPart, why: string): void {
  const what = weakerHere(part, why);
  if (agent.problems.get(part) !== what) log('error', what);
  agent.problems.set(part, what);
}
