// runtime/effects: runs what step/step asks for, in its order: a set update is committed before the
// answer that taught it is released, and an answer whose update the kernel refuses is refused itself. Last
// station of a packet's way: netlink -> kernel set.

import type { HeldFeed } from '../kernel/held-feed.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { changeSets } from '../kernel/sets.ts';
import {
  changesSets,
  createGathering,
  placeOf,
  takeWaiting,
  untilNext,
} from '../learn/commit-batch.ts';
import type { Effect, MonitorEvent } from '../learn/effect.ts';
import { isRoomDue } from '../learn/evict.ts';
import { unlearn } from '../learn/undo.ts';
import type { Connection } from '../netlink/conntrack.ts';
import type { SetChange } from '../netlink/nft-set.ts';
import { after, now, unattended } from '../os/clock.ts';
import { log } from '../os/log.ts';
import type { State } from '../step/state.ts';
import { noteCut } from './cut-counts.ts';
import { type Cuts, createCuts } from './cuts.ts';
import { makeRoom } from './evict.ts';
import type { Late } from './late-flows.ts';
import type { Learning } from './learning.ts';

export interface Effects extends Learning {
  held: HeldFeed | null;
  /** ClientHellos of flows that nobody knows. */
  hellos: HeldFeed | null;
  state: State | null;
  late: Late | null;
  cuts: Cuts | null;
  /** Who listens to `whp monitor`. */
  readonly listeners: Set<(told: MonitorEvent) => void>;
  /** Transactions the kernel refused, and the last one in words. */
  readonly failures: { count: number; last: string };
  run(effects: readonly Effect[]): void;
  /** While our own `nft` loads a table, what changes sets waits (learn/commit-batch), at most PATIENCE. */
  wait(): void;
  /** Runs what has waited. */
  goOn(): void;
}

/** Milliseconds: beyond, nft has to cope. */
const PATIENCE = 1500;

export function openEffects(kernel: Kernel): Effects {
  const gathering = createGathering();
  let isLoading = false;
  let stop: (() => void) | null = null;
  const stopTimer = (): void => {
    stop?.();
    stop = null;
  };
  const self: Effects = {
    held: null,
    hellos: null,
    state: null,
    late: null,
    cuts: null,
    ...kernel,
    listeners: new Set(),
    failures: { count: 0, last: '' },
    run: (effects) => {
      const at = now();
      const place = placeOf(gathering, effects, isLoading, at);
      if (place === 'wait') {
        gathering.waiting.push(effects);
        stop ??= after(untilNext(gathering, at), self.goOn);
        return;
      }
      if (place === 'beside') {
        runEffects(self, effects);
        return;
      }
      if (!isLoading) stopTimer();
      runTogether(self, [...takeWaiting(gathering, at), effects]);
    },
    wait: () => {
      isLoading = true;
      stopTimer();
      stop = after(PATIENCE, self.goOn);
    },
    goOn: () => {
      isLoading = false;
      stopTimer();
      if (gathering.waiting.length > 0) runTogether(self, takeWaiting(gathering, now()));
    },
  };
  self.cuts = createCuts(self);
  return self;
}

/** What the lists change goes in as one transaction; where it is refused, each as its own. */
function runTogether(self: Effects, lists: readonly (readonly Effect[])[]): void {
  const changes = lists.length > 1 ? lists.flat().flatMap(changeOf) : [];
  const isDone = changes.length > 0 && tryCommit(self, changes) === null;
  for (const effects of lists) {
    runEffects(self, isDone ? effects.filter((one) => !changesSets(one)) : effects);
  }
  // What has waited is let go at another time than the feed's own.
  self.held?.flush();
  self.hellos?.flush();
}

function changeOf(effect: Effect): SetChange[] {
  const { kind } = effect;
  if (kind === 'renew') return [{ operation: kind, set: effect.set, elements: effect.elements }];
  if (kind !== 'forget') return [];
  const elements = effect.keys.map((key) => ({ key }));
  return [{ operation: 'delete', set: effect.set, elements }];
}

/** Ends a flow, and counts what of it had left. */
function cutRefused(self: Effects, cut: Effect & { kind: 'cut' }): string | null {
  const { app, flow, refused } = cut;
  const found = (entry: Connection): void => {
    if (self.state !== null) noteCut(self.state, app, entry, true, refused);
  };
  return self.cuts?.endRefused(flow, found) ?? null;
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
        if (commit(self, changes)) self.held?.release(effect.id);
        else self.held?.refuse(effect.id);
        break;
      case 'refuse':
        commit(self, changes);
        self.held?.refuse(effect.id);
        break;
      case 'pass':
        // The rules would not know its server: its device sends it again.
        if (commit(self, changes) || !effect.again) {
          self.hellos?.release(effect.id, effect.again);
        } else self.hellos?.refuse(effect.id);
        break;
      case 'cut':
        failed(self, cutRefused(self, effect));
        break;
      case 'late':
        self.late?.wish(effect.wish);
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
    for (const { operation, set, elements } of changes) {
      if (operation === 'delete' || self.state === null) continue;
      unlearn(
        self.state,
        set,
        elements.map(({ key }) => key),
      );
      makeRoomFor(self, set);
    }
  }
  changes.length = 0;
  return wrong === null;
}

/** The kernel forgets elements by itself, and then a deletion takes the whole transaction down: each
 * element is deleted alone. Returns what was refused of the rest, or null. */
function commitApart({ sets }: Effects, changes: readonly SetChange[]): string | null {
  const isDeletion = ({ operation }: SetChange): boolean => operation === 'delete';
  for (const change of changes.filter(isDeletion)) {
    for (const element of change.elements) changeSets(sets, [{ ...change, elements: [element] }]);
  }
  return changeSets(
    sets,
    changes.filter((one) => !isDeletion(one)),
  );
}

/** Not at once, and not for each of many answers: sets are read for it. */
function makeRoomFor(self: Effects, set: string): void {
  const app = self.state?.policy.apps.find(({ name }) => set.startsWith(`${name}_`));
  if (app === undefined || !isRoomDue(self.state!.roomMade, app.name, now())) return;
  unattended(makeRoom(self, app.name, (wrong) => failed(self, wrong)));
}

/** Answers that wait for nothing leave first. Returns what the kernel refused, or null. */
function tryCommit(self: Effects, changes: readonly SetChange[]): string | null {
  self.held?.flush();
  return changeSets(self.sets, changes);
}

function failed(self: Effects, wrong: string | null): void {
  if (wrong === null) return;
  self.failures.count += 1;
  self.failures.last = wrong;
  // Once a minute's worth of answers would flood the log: the first, and then every hundredth.
  if (self.failures.count % 100 === 1) log('error', `${wrong} (${self.failures.count} so far)`);
}
