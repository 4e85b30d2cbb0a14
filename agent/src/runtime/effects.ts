// runtime/effects: runs what step/step asks for, in its order: a set update is committed before the
// answer that taught it is released, and an answer whose update the kernel refuses is refused itself. Last
// station of a packet's way: netlink -> kernel set.

import type { Kernel } from '../kernel/kernel.ts';
import {
  changesSets,
  createGathering,
  type Gathering,
  placeOf,
  takeWaiting,
  untilNext,
} from '../learn/commit-batch.ts';
import type { Effect, MonitorEvent } from '../learn/effect.ts';
import { isRoomDue } from '../learn/evict.ts';
import { addedKeys, unlearn } from '../learn/undo.ts';
import type { KernelError } from '../netlink/kernel-error.ts';
import type { SetChange } from '../netlink/nft-set.ts';
import { after, now, unattended } from '../os/clock.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { noteCut } from './cut-counts.ts';
import { createCuts, endRefused } from './cuts.ts';
import { makeRoom } from './evict.ts';
import type { FeedState } from './feeds.ts';
import type { InForce } from './in-force.ts';
import { createLate, type LateFinding, type LateSetting, lookFor } from './late-flows.ts';

interface Failures {
  count: number;
  last: string;
}

export interface Effects extends LateFinding {
  readonly feeds: FeedState;
  /** Connections of `whp monitor`. */
  readonly listeners: Set<(told: MonitorEvent) => void>;
  /** Transactions the kernel refused, and the last one in words. */
  readonly failures: Failures;
  run(effects: readonly Effect[]): void;
  /** While our own `nft` loads a table, what changes sets waits (learn/commit-batch), at most PATIENCE. */
  wait(): void;
  /** Runs what has waited. */
  goOn(): void;
}

/** Milliseconds: beyond, nft has to cope. */
const PATIENCE = 1500;

/** What waits for one transaction. */
interface Batching {
  readonly gathering: Gathering;
  isLoading: boolean;
  stopTimer: () => void;
  isTimed: boolean;
}

export function createEffects(
  kernel: Kernel,
  inForce: InForce,
  feeds: FeedState,
  settingNow: () => LateSetting,
): Effects {
  const batching: Batching = {
    gathering: createGathering(),
    isLoading: false,
    stopTimer: () => {},
    isTimed: false,
  };
  const self: Effects = {
    kernel,
    inForce,
    feeds,
    settingNow,
    late: createLate(),
    cuts: createCuts(),
    listeners: new Set(),
    failures: { count: 0, last: '' },
    run: (effects) => place(self, batching, effects),
    wait: () => {
      batching.isLoading = true;
      untime(batching);
      time(self, batching, PATIENCE);
    },
    goOn: () => goOn(self, batching),
  };
  return self;
}

function place(self: Effects, batching: Batching, effects: readonly Effect[]): void {
  const { gathering, isLoading } = batching;
  const at = now();
  const where = placeOf(gathering, effects, isLoading, at);
  if (where === 'wait') {
    gathering.waiting.push(effects);
    if (!batching.isTimed) time(self, batching, untilNext(gathering, at));
    return;
  }
  if (where === 'beside') {
    runEffects(self, effects);
    return;
  }
  if (!isLoading) untime(batching);
  runTogether(self, [...takeWaiting(gathering, at), effects]);
}

function time(self: Effects, batching: Batching, milliseconds: number): void {
  batching.isTimed = true;
  batching.stopTimer = after(milliseconds, () => goOn(self, batching));
}

function untime(batching: Batching): void {
  batching.stopTimer();
  batching.isTimed = false;
}

function goOn(self: Effects, batching: Batching): void {
  const { gathering } = batching;
  batching.isLoading = false;
  untime(batching);
  if (gathering.waiting.length > 0) runTogether(self, takeWaiting(gathering, now()));
}

/** What the lists change goes in as one transaction; where it is refused, each as its own. */
function runTogether(self: Effects, lists: readonly (readonly Effect[])[]): void {
  const changes = lists.length > 1 ? lists.flat().flatMap(changeOf) : [];
  const isDone = changes.length > 0 && tryCommit(self, changes) === null;
  for (const effects of lists) {
    runEffects(self, isDone ? effects.filter((one) => !changesSets(one)) : effects);
  }
  // What has waited is let go at another time than the feed's own.
  self.feeds.answers?.flush();
  self.feeds.hellos?.flush();
}

function changeOf(effect: Effect): SetChange[] {
  const { kind } = effect;
  if (kind === 'renew') return [{ operation: kind, set: effect.set, elements: effect.elements }];
  if (kind !== 'forget') return [];
  const elements = effect.keys.map((key) => ({ key }));
  return [{ operation: 'delete', set: effect.set, elements }];
}

/** Ends a flow, and counts what of it had left. */
function cutRefused(self: Effects, cut: Effect & { kind: 'cut' }): KernelError | null {
  const { app, flow, refused } = cut;
  return endRefused(self, flow, (entry) => noteCut(self.inForce.state, app, entry, true, refused));
}

function runEffects(self: Effects, effects: readonly Effect[]): void {
  const changes: SetChange[] = [];
  for (const effect of effects) {
    switch (effect.kind) {
      case 'hear':
        // The ear asks again: nothing to do in the kernel.
        break;
      case 'renew':
      case 'forget':
        changes.push(...changeOf(effect));
        break;
      case 'release':
        if (commit(self, changes)) self.feeds.answers?.release(effect.id);
        else self.feeds.answers?.refuse(effect.id);
        break;
      case 'refuse':
        commit(self, changes);
        self.feeds.answers?.refuse(effect.id);
        break;
      case 'pass':
        // The rules would not know its server: its device sends it again.
        if (commit(self, changes) || !effect.again) {
          self.feeds.hellos?.release(effect.id, effect.again);
        } else self.feeds.hellos?.refuse(effect.id);
        break;
      case 'cut':
        failed(self, cutRefused(self, effect));
        break;
      case 'late':
        lookFor(self, effect.wish);
        break;
      case 'make-room':
        unattended(makeRoom(self, effect.app, (wrong) => failed(self, wrong)));
        break;
      case 'report':
        log('notice', effect.text);
        break;
      case 'told':
        for (const listener of self.listeners) listener(effect.what);
        break;
      default:
        // The compiler's check: Biome's does not see through this union.
        effect satisfies never;
    }
  }
  commit(self, changes);
}

/** Commits what was gathered, and answers whether the kernel has it. What it refuses is not learned: the
 * next answer teaches it again, and room is made for it. */
function commit(self: Effects, changes: SetChange[]): boolean {
  if (changes.length === 0) return true;
  const wrong = tryCommit(self, changes) === null ? null : commitApart(self, changes);
  if (wrong !== null) {
    failed(self, wrong);
    for (const [set, keys] of addedKeys(changes)) {
      unlearn(self.inForce.state, set, keys);
      makeRoomFor(self, set);
    }
  }
  changes.length = 0;
  return wrong === null;
}

/** The kernel forgets elements by itself, and then a deletion takes the whole transaction down: each
 * element is deleted alone. Returns what was refused of the rest, or null. */
function commitApart({ kernel }: Effects, changes: readonly SetChange[]): KernelError | null {
  const { sets } = kernel;
  const isDeletion = ({ operation }: SetChange): boolean => operation === 'delete';
  for (const change of changes.filter(isDeletion)) {
    for (const element of change.elements) sets.change([{ ...change, elements: [element] }]);
  }
  return sets.change(changes.filter((one) => !isDeletion(one)));
}

/** Not at once, and not for each of many answers: sets are read for it. */
function makeRoomFor(self: Effects, set: string): void {
  const { state } = self.inForce;
  const app = state.policy.apps.find(({ name }) => set.startsWith(`${name}_`));
  if (app === undefined || !isRoomDue(state.roomMade, app.name, now())) return;
  unattended(makeRoom(self, app.name, (wrong) => failed(self, wrong)));
}

/** Answers that wait for nothing leave first. Returns what the kernel refused, or null. */
function tryCommit(self: Effects, changes: readonly SetChange[]): KernelError | null {
  self.feeds.answers?.flush();
  return self.kernel.sets.change(changes);
}

function failed({ failures }: Effects, error: KernelError | null): void {
  if (error === null) return;
  failures.count += 1;
  failures.last = errorText(error);
  // Each failure of a flood of answers would fill the log: the first, and then every hundredth.
  if (failures.count % 100 === 1) log('error', `${failures.last} (${failures.count} so far)`);
}
