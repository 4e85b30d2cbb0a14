// system/effects: runs what step.ts asks for, in its order: a set update is committed before the
// answer that taught it is released. Last station of a packet's way: netlink -> kernel set.

import { capOf, surplusOf } from '../learn/room.ts';
import type { SetChange } from '../netlink/nft-set.ts';
import { FILLED_SETS, setName } from '../ruleset/names.ts';
import type { Effect, State, Told } from '../state.ts';
import { after } from './clock.ts';
import { type ConnectionLists, openConnectionLists } from './connection-lists.ts';
import { type Connections, cutConnection, openConnections } from './connections.ts';
import type { HeldFeed } from './feeds.ts';
import type { Late } from './late.ts';
import { log } from './log.ts';
import { changeSets, openSets, readSet, type Sets } from './sets.ts';

export interface Effects {
  held: HeldFeed | null;
  /** ClientHellos of flows that nobody knows. */
  hellos: HeldFeed | null;
  state: State | null;
  late: Late | null;
  readonly sets: Sets | string;
  readonly connections: Connections | string;
  /** The same list, for who can wait for it. */
  readonly lists: ConnectionLists | string;
  /** Who listens to `whp monitor`. */
  readonly listeners: Set<(told: Told) => void>;
  /** Transactions the kernel refused, and the last one in words. */
  readonly failures: { count: number; last: string };
  run(effects: readonly Effect[]): void;
  /** While `nft` loads a table, what changes sets waits: nft begins anew whenever somebody commits while
   * it reads, which on a slow router can go on as long as answers teach. At most PATIENCE. */
  wait(): void;
  /** Runs what has waited. */
  goOn(): void;
}

/** Lists that wait, and milliseconds: beyond either nft has to cope. */
const MOST_WAITING = 256;
const PATIENCE = 1500;

export function openEffects(): Effects {
  const waiting: (readonly Effect[])[] = [];
  let stop: (() => void) | null = null;
  const self: Effects = {
    held: null,
    hellos: null,
    state: null,
    late: null,
    sets: openSets(),
    connections: openConnections(),
    lists: openConnectionLists(),
    listeners: new Set(),
    failures: { count: 0, last: '' },
    run: (effects) => {
      const waits = stop !== null && waiting.length < MOST_WAITING && effects.some(changesSets);
      if (waits) waiting.push(effects);
      else runEffects(self, effects);
    },
    wait: () => {
      stop ??= after(PATIENCE, self.goOn);
    },
    goOn: () => {
      stop?.();
      stop = null;
      for (const effects of waiting.splice(0)) runEffects(self, effects);
      self.held?.flush();
      self.hellos?.flush();
    },
  };
  return self;
}

function changesSets({ kind }: Effect): boolean {
  return kind === 'renew' || kind === 'forget';
}

function runEffects(self: Effects, effects: readonly Effect[]): void {
  const changes: SetChange[] = [];
  for (const effect of effects) {
    switch (effect.kind) {
      case 'renew':
        changes.push({ operation: 'renew', set: effect.set, elements: effect.elements });
        break;
      case 'forget':
        changes.push({
          operation: 'delete',
          set: effect.set,
          elements: effect.keys.map((key) => ({ key })),
        });
        break;
      case 'release':
        commit(self, changes);
        self.held?.release(effect.id);
        break;
      case 'refuse':
        commit(self, changes);
        self.held?.refuse(effect.id);
        break;
      case 'pass':
        commit(self, changes);
        self.hellos?.release(effect.id, effect.again);
        break;
      case 'cut':
        if (typeof self.connections !== 'string') {
          failed(self, cutConnection(self.connections, effect.flow));
        }
        break;
      case 'late':
        self.late?.wish(effect.wish);
        break;
      case 'make-room':
        makeRoom(self, effect.app);
        break;
      case 'report':
        log('notice', effect.text);
        break;
      case 'told':
        for (const listener of self.listeners) listener(effect.what);
        break;
    }
  }
  commit(self, changes);
}

/** Commits what was gathered. Answers that wait for nothing leave first. */
function commit(self: Effects, changes: SetChange[]): void {
  if (changes.length === 0) return;
  self.held?.flush();
  const wrong = typeof self.sets === 'string' ? self.sets : changeSets(self.sets, changes);
  // The kernel forgets elements by itself, and then a deletion takes the whole transaction down.
  const again = changes.filter(({ operation }) => operation !== 'delete');
  if (wrong !== null && again.length < changes.length && typeof self.sets !== 'string') {
    failed(self, changeSets(self.sets, again));
  } else failed(self, wrong);
  changes.length = 0;
}

function failed(self: Effects, wrong: string | null): void {
  if (wrong === null) return;
  self.failures.count += 1;
  self.failures.last = wrong;
  // Once a minute's worth of answers would flood the log: the first, and then every hundredth.
  if (self.failures.count % 100 === 1) log('error', `${wrong} (${self.failures.count} so far)`);
}

/** Deletes an eighth of each set that is all but full: what expires first, of whoever holds most. */
function makeRoom(self: Effects, name: string): void {
  const app = self.state?.apps.get(name);
  if (app === undefined || typeof self.sets === 'string') return;
  for (const kind of FILLED_SETS) {
    const cap = capOf(app.profile.caps, kind);
    for (const family of [4, 6] as const) {
      const set = setName(name, kind, family);
      const elements = readSet(self.sets, set);
      if (typeof elements === 'string') continue;
      const entries = elements.map(({ key, expiration }) => ({ key, left: expiration ?? 0 }));
      const gone = surplusOf(entries, cap).map((key) => ({ key }));
      failed(self, changeSets(self.sets, [{ operation: 'delete', set, elements: gone }]));
    }
  }
}
