// runtime/effects: runs the effects of step/step in their order. A set change is committed before the verdict of
// the answer that taught it; if the kernel refuses the change, the answer is dropped.

import type { Kernel } from '../kernel/kernel.ts';
import { changesSets, isDeferred } from '../learn/deferral.ts';
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
  readonly listeners: Set<(event: MonitorEvent) => void>;
  /** Number of refused transactions, and the text of the last error. */
  readonly failures: Failures;
  run(effects: readonly Effect[]): void;
  /** Defers effects that change sets while the agent's own nft loads a table (learn/deferral), for PATIENCE at most. */
  wait(): void;
  /** Runs the deferred effects. */
  goOn(): void;
}

/** Milliseconds. After that effects run: a device waits for no answer longer than this. */
const PATIENCE = 1500;

/** The effects of step/step, a list for each packet, in order of arrival. */
interface Deferred {
  readonly waiting: (readonly Effect[])[];
  isLoading: boolean;
  stopTimer: () => void;
}

export function createEffects(
  kernel: Kernel,
  inForce: InForce,
  feeds: FeedState,
  settingNow: () => LateSetting,
): Effects {
  const deferred: Deferred = { waiting: [], isLoading: false, stopTimer: () => {} };
  const self: Effects = {
    kernel,
    inForce,
    feeds,
    settingNow,
    late: createLate(),
    cuts: createCuts(),
    listeners: new Set(),
    failures: { count: 0, last: '' },
    run: (effects) => place(self, deferred, effects),
    wait: () => {
      deferred.isLoading = true;
      kernel.sets.teachAlone(true);
      deferred.stopTimer();
      deferred.stopTimer = after(PATIENCE, () => goOn(self, deferred));
    },
    goOn: () => {
      kernel.sets.teachAlone(false);
      goOn(self, deferred);
    },
  };
  return self;
}

function place(self: Effects, deferred: Deferred, effects: readonly Effect[]): void {
  if (deferred.isLoading && isDeferred(effects, deferred.waiting.length)) {
    deferred.waiting.push(effects);
    return;
  }
  // What is not deferred may be an answer beyond the room: what waits goes first.
  if (deferred.waiting.length > 0 && effects.some(changesSets)) runWaiting(self, deferred);
  runEffects(self, effects);
}

function goOn(self: Effects, deferred: Deferred): void {
  deferred.isLoading = false;
  deferred.stopTimer();
  runWaiting(self, deferred);
}

function runWaiting(self: Effects, { waiting }: Deferred): void {
  for (const effects of waiting.splice(0)) runEffects(self, effects);
  // Deferred verdicts are not sent by a feed's own drain.
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

/** Ends the flow and counts the packets that had left. */
function cutRefused(self: Effects, cut: Effect & { kind: 'cut' }): KernelError | null {
  const { app, flow, refused } = cut;
  return endRefused(self, flow, (entry) => noteCut(self.inForce.state, app, entry, true, refused));
}

function runEffects(self: Effects, effects: readonly Effect[]): void {
  const changes: SetChange[] = [];
  for (const effect of effects) {
    switch (effect.kind) {
      case 'hear':
        // runtime/feeds handles it: it drains the log group and repeats the event.
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
        // Without the commit the table would not match the server: the hello is dropped, and the device repeats it.
        if (commit(self, changes) || !effect.again) {
          self.feeds.hellos?.release(effect.id, effect.again);
        } else self.feeds.hellos?.refuse(effect.id);
        break;
      case 'cut':
        failed(self, cutRefused(self, effect));
        break;
      case 'late':
        lookFor(self, effect.recheck);
        break;
      case 'make-room':
        unattended(makeRoom(self, effect.app, (wrong) => failed(self, wrong)));
        break;
      case 'report':
        log('notice', effect.text);
        break;
      case 'monitor':
        for (const listener of self.listeners) listener(effect.event);
        break;
      default:
        // A compile-time check that all kinds are handled; Biome's rule does not see through the union.
        effect satisfies never;
    }
  }
  commit(self, changes);
}

/** Commits the collected changes. False: the kernel refused; the elements are unlearned, room is made in the sets,
 * and the next answer teaches them again. */
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

/** A deletion of an expired element makes the whole transaction fail, so each element is deleted alone. Returns the
 * error of the other changes, or null. */
function commitApart({ kernel }: Effects, changes: readonly SetChange[]): KernelError | null {
  const { sets } = kernel;
  const isDeletion = ({ operation }: SetChange): boolean => operation === 'delete';
  for (const change of changes.filter(isDeletion)) {
    for (const element of change.elements) sets.change([{ ...change, elements: [element] }]);
  }
  return sets.change(changes.filter((one) => !isDeletion(one)));
}

/** Rate-limited by isRoomDue, since it reads sets. */
function makeRoomFor(self: Effects, set: string): void {
  const { state } = self.inForce;
  const app = state.policy.apps.find(({ name }) => set.startsWith(`${name}_`));
  if (app === undefined || !isRoomDue(state.roomMade, app.name, now())) return;
  unattended(makeRoom(self, app.name, (wrong) => failed(self, wrong)));
}

/** Sends collected verdicts first: they need no commit. Returns the error, or null. */
function tryCommit(self: Effects, changes: readonly SetChange[]): KernelError | null {
  self.feeds.answers?.flush();
  return self.kernel.sets.teach(changes);
}

function failed({ failures }: Effects, error: KernelError | null): void {
  if (error === null) return;
  failures.count += 1;
  failures.last = errorText(error);
  // Log the first failure and every hundredth after it: a flood of answers would fill the log.
  if (failures.count % 100 === 1) log('error', `${failures.last} (${failures.count} so far)`);
}
