// Implements the interface kernel/kernel in memory: tables, sets, conntrack, devices, routes, rules and feeds.
// Records each change in order, fails those that a test selects, and prints its state as nft and ip do.
import type { AnnouncedFeed } from '../../agent/src/kernel/announced-feed.ts';
import type { RaisedGuard } from '../../agent/src/kernel/guard.ts';
import type { HeldFeed } from '../../agent/src/kernel/held-feed.ts';
import type { Kernel } from '../../agent/src/kernel/kernel.ts';
import { type Numbers, piecesOf, type Realized } from '../../agent/src/kernel/own-pieces.ts';
import type { Sets } from '../../agent/src/kernel/sets.ts';
import type { Tables } from '../../agent/src/kernel/tables.ts';
import { questionBook } from '../../agent/src/learn/asked-questions.ts';
import type { Flow } from '../../agent/src/learn/evidence.ts';
import type { Connection } from '../../agent/src/netlink/conntrack.ts';
import {
  done,
  failed,
  type KernelError,
  type KernelResult,
  refused,
} from '../../agent/src/netlink/kernel-error.ts';
import type { KernelElement, KeyFilter } from '../../agent/src/netlink/nft-element.ts';
import type { SetChange } from '../../agent/src/netlink/nft-set.ts';
import { fingerprint } from '../../agent/src/netlink/nft-table.ts';
import type { RouteEvent } from '../../agent/src/netlink/rt-event.ts';
import { every, now, pause } from '../../agent/src/os/clock.ts';
import { describe } from '../../agent/src/reconcile/desired.ts';
import { TABLE } from '../../agent/src/ruleset/names.ts';
import type { State } from '../../agent/src/step/state.ts';
import { byteString } from '../../agent/src/wire/hex.ts';
import { conntrackText, type FakeConntrack, listNow } from './conntrack.ts';
import {
  createNft,
  emptyTable,
  expire,
  type FakeChain,
  type FakeNft,
  type FakeSet,
  putElement,
  tableText,
  timeoutOf,
  transact,
} from './nft.ts';
import { elementBytes, elementText } from './nft-keys.ts';
import { applyPath, createRouting, type FakeRouting, routingText } from './routing.ts';

/** Errnos of x86. */
const ENOENT = 2;
const EIO = 5;
const ENFILE = 23;

export interface FakeKernel {
  readonly kernel: Kernel;
  readonly nft: FakeNft;
  readonly routing: FakeRouting;
  readonly conntrack: FakeConntrack;
  /** The changes in order, as text. */
  readonly changes: string[];
  /** All verbs that a kernel may refuse, readings among them. */
  readonly calls: string[];
  /** Numbers in `calls` of those that are to fail. */
  readonly failing: Set<number>;
  /** The state that the host program was told of last. */
  looked: State | null;
  /** Called before a change is made, unless it fails. */
  onChange: (what: string) => void;
  /** Notifies the agent of a change of devices, routes or rules by another program; null: notifications were lost. */
  announce(event: RouteEvent | null): void;
  /** The tables as nft lists them, the rest as ip and conntrack do. */
  dump(): string;
}

export function fakeKernel(): FakeKernel {
  const nft = createNft();
  const routing = createRouting();
  const conntrack: FakeConntrack = { entries: [], ids: 0, spent: 0 };
  let watcher: (event: RouteEvent | null) => void = () => {};
  const self: FakeKernel = {
    nft,
    routing,
    conntrack,
    changes: [],
    calls: [],
    failing: new Set(),
    looked: null,
    onChange: () => {},
    announce: (event) => watcher(event),
    dump: () => {
      expire(nft, now());
      const names = Array.from(nft.tables.keys()).sort();
      const tables = names.map((name) => tableText(nft.tables.get(name)!));
      return [...tables, ...routingText(routing), ...conntrackText(conntrack)].join('\n');
    },
    kernel: {
      sets: fakeSets(() => self),
      tables: fakeTables(() => self),
      conntrack: {
        read: (mark, mask) =>
          reading(self, 'read connections', () => listNow(conntrack, [{ mark, mask }])),
        find: (flow) => conntrack.entries.find((one) => isFlow(one, flow)) ?? null,
        delete: (list) =>
          change(self, `delete ${list.length} connections`, list.length > 0, () => {
            const gone = new Set(list.map(({ id }) => id));
            conntrack.entries = conntrack.entries.filter(({ id }) => !gone.has(id));
          }),
        mark: (list, { value, mask }) =>
          change(self, `mark ${list.length} connections`, list.length > 0, () => {
            const some = new Set(list.map(({ id }) => id));
            conntrack.entries = conntrack.entries.map((one) =>
              some.has(one.id) ? { ...one, mark: ((one.mark & ~mask) | value) >>> 0 } : one,
            );
          }),
        list: (lists, onConnection) => listLater(self, lists, onConnection),
        listToAnswer: (lists, onConnection) => listLater(self, lists, onConnection),
        watch: () =>
          done({
            list: async (marks, mask, onCounts) => {
              for (const one of listNow(
                conntrack,
                marks.map((mark) => ({ mark, mask })),
              ))
                onCounts(one, () => one);
              return END;
            },
            close: () => {},
          }),
      },
      routing: {
        links: () => reading(self, 'read links', () => routing.links),
        addresses: () => reading(self, 'read addresses', () => routing.addresses),
        neighbours: () => routing.neighbours,
        counted: (names) => routing.links.filter(({ name }) => names.includes(name)),
        realized: (numbers) => reading(self, 'read routes', () => realizedOf(routing, numbers)),
        pathMtu: () => 1500,
        apply: (operation) => {
          const { op, piece } = operation;
          let errno = 0;
          const error = change(self, `${op} ${describe(piece)}`, true, () => {
            errno = applyPath(routing, operation);
          });
          const isGone = op === 'delete' && [2, 3, 19].includes(errno);
          if (error !== null || errno === 0 || isGone) return error;
          return refused(op, describe(piece), errno);
        },
        watch: (onEvent) => {
          watcher = onEvent;
          return done({ close: () => {} });
        },
        lacking: () => new Map(),
      },
      feeds: {
        answers: () => done(HELD),
        held: () => done(HELD),
        announced: () => done(ANNOUNCED),
      },
      glance: {
        asked: questionBook(),
        look: (state) => {
          self.looked = state;
        },
      },
      probes: () => ({
        send: () => null,
        drain: () => {},
        leave: () => false,
        takeBack: () => [],
        retain: () => {},
      }),
      askDevices: () => {},
    },
  };
  return self;
}

/** Records a change and makes it, unless it is to fail. `isAny` false: there is nothing to change. */
function change(
  self: FakeKernel,
  what: string,
  isAny: boolean,
  make: () => void,
): KernelError | null {
  if (!isAny) return null;
  const error = called(self, what);
  if (error !== null) {
    self.changes.push(`${what}: fails`);
    return error;
  }
  self.changes.push(what);
  self.onChange(what);
  make();
  return null;
}

/** Notes a call; the error, if it is to fail. */
function called({ calls, failing }: FakeKernel, what: string): KernelError | null {
  calls.push(what);
  if (!failing.has(calls.length - 1)) return null;
  return refused(what.split(' ')[0]!, what.slice(what.indexOf(' ') + 1), EIO);
}

function reading<T>(self: FakeKernel, what: string, read: () => T): KernelResult<T> {
  const error = called(self, what);
  return error === null ? done(read()) : failed(error);
}

const END = { errno: 0, whole: true, spent: 0 };

/** As in the kernel, the entries arrive in a later turn of the event loop. */
async function listLater(
  self: FakeKernel,
  lists: Parameters<typeof listNow>[1],
  onConnection: (connection: Connection) => void,
): Promise<typeof END> {
  const found = listNow(self.conntrack, lists);
  await pause();
  if (called(self, 'list connections') !== null) return { errno: EIO, whole: false, spent: 0 };
  for (const one of found) onConnection(one);
  return { ...END, spent: self.conntrack.spent };
}

function isFlow({ original }: Connection, flow: Flow): boolean {
  return (
    original.source === flow.source &&
    original.destination === flow.destination &&
    original.sourcePort === flow.sourcePort &&
    original.destinationPort === flow.destinationPort
  );
}

function realizedOf(routing: FakeRouting, numbers: readonly Numbers[]): Realized {
  const { links, addresses, routes, rules } = routing;
  const all = { routes, rules };
  return { pieces: piecesOf(links, addresses, all, numbers), links, addresses, all };
}

function fakeSets(self: () => FakeKernel): Sets {
  let commits = 0;
  const setOf = (name: string): FakeSet | undefined => self().nft.tables.get(TABLE)?.sets.get(name);
  const read: Sets['read'] = (set, most = Number.POSITIVE_INFINITY, wanted = null) => {
    const found = setOf(set);
    if (found === undefined) return failed(refused('read', `set ${set}`, ENOENT));
    return reading(self(), `read set ${set}`, () => elementsOf(found, wanted).slice(0, most));
  };
  const put: Sets['change'] = (changes) => {
    let error: KernelError | null = null;
    const what = `change ${changes.map(wordsOf).join(', ')}`;
    const wrong = change(self(), what, changes.length > 0, () => {
      error = putChanges(self().nft, changes);
      if (error !== null) return;
      commits += 1;
      self().nft.generation += 1;
    });
    return wrong ?? error;
  };
  return {
    change: put,
    teach: put,
    byPacket: () => ({ 4: null, 6: null }),
    teachAlone: () => {},
    read,
    readInTurns: async (set, onElement) => {
      const found = read(set);
      await pause();
      if (!found.ok) return false;
      for (const { key, expiration } of found.value)
        onElement({ key: byteString(key), expires: now() + (expiration ?? 0) });
      return true;
    },
    count: (set) => setOf(set)?.elements.size ?? 0,
    isUnread: () => false,
    isReading: () => false,
    takeCommits: () => {
      const taken = commits;
      commits = 0;
      return taken;
    },
  };
}

function wordsOf({ operation, set, elements }: SetChange): string {
  return `${operation} ${set} ${elements.length}`;
}

function elementsOf(set: FakeSet, wanted: KeyFilter | null): KernelElement[] {
  const at = now();
  return Array.from(set.elements.values()).flatMap(({ text, timeout, expires }) => {
    const key = elementBytes(set.shape, text);
    if (expires <= at || wanted?.(byteString(key)) === false) return [];
    return [timeout === null ? { key } : { key, expiration: expires - at }];
  });
}

/** Makes all changes or none. */
function putChanges(nft: FakeNft, changes: readonly SetChange[]): KernelError | null {
  const sets = nft.tables.get(TABLE)?.sets ?? new Map<string, FakeSet>();
  const before = new Map(Array.from(sets, ([name, set]) => [name, new Map(set.elements)]));
  const error = tryChanges(sets, changes);
  if (error !== null) {
    for (const [name, elements] of before) {
      const now = sets.get(name)!.elements;
      now.clear();
      for (const [key, one] of elements) now.set(key, one);
    }
  }
  return error;
}

function tryChanges(
  sets: ReadonlyMap<string, FakeSet>,
  changes: readonly SetChange[],
): KernelError | null {
  for (const { operation, set: name, elements } of changes) {
    const set = sets.get(name);
    if (set === undefined) return refused('change', `set ${name}`, ENOENT);
    for (const { key, timeout = timeoutOf(set.shape) } of elements) {
      const text = elementText(set.shape, key);
      if (operation === 'delete') {
        if (!set.elements.delete(text)) return refused('change', `set ${name}`, ENOENT);
        continue;
      }
      if (operation === 'add' && set.elements.has(text)) continue;
      const expires = timeout === null ? Number.POSITIVE_INFINITY : now() + timeout;
      if (!putElement(set, { text, timeout, expires }))
        return refused('change', `set ${name}`, ENFILE);
    }
  }
  return null;
}

function fakeTables(self: () => FakeKernel): Tables {
  return {
    load: async (text) => {
      await pause();
      let said: string | null = null;
      const error = change(self(), `load ${kindOf(text)}`, true, () => {
        expire(self().nft, now());
        said = transact(self().nft, text, now());
      });
      if (error !== null || said === null) return error;
      return {
        ...refused('load', `table inet ${TABLE}`, 0),
        detail: `nft refused the table: ${said}`,
      };
    },
    generation: () => self().nft.generation,
    watchGeneration: (milliseconds, onChange) => {
      let last = 0;
      const stop = every(milliseconds, () => {
        if (self().nft.generation === last) return;
        last = self().nft.generation;
        onChange();
      });
      return done(stop);
    },
    has: (table) => self().nft.tables.has(table),
    fingerprint: () => fingerprint(chainsOf(self().nft, TABLE)),
    othersChains: () => '',
    flowTables: () =>
      new Set(
        Array.from(self().nft.tables.values()).flatMap(({ name, flowTables }) =>
          flowTables.size > 0 ? [name] : [],
        ),
      ),
    counters: (table) => new Map(self().nft.tables.get(table)?.counters ?? []),
    auditFlows: async () => done([]),
    raiseGuard: (guard) => raise(self(), guard.table),
  };
}

/** The chains of a table, as whp:nft tells them. The use count is the number of rules in the chain and of jumps to it, as in the kernel. */
function chainsOf({ tables }: FakeNft, table: string): string {
  const chains = tables.get(table)?.chains ?? new Map<string, FakeChain>();
  const uses = new Map<string, number>();
  const count = (name: string, more: number): void => {
    uses.set(name, (uses.get(name) ?? 0) + more);
  };
  for (const [name, { rules }] of chains) {
    count(name, rules.length);
    for (const rule of rules)
      for (const [, to = ''] of rule.matchAll(/(?:goto|jump) (\w+)/g)) count(to, 1);
  }
  return Array.from(chains, ([name, { handle }]) => `${name} ${handle} ${uses.get(name)!}\n`).join(
    '',
  );
}

/** The tables that a transaction replaces ("new") or deletes ("no"); "change": neither. */
function kindOf(text: string): string {
  const words = Array.from(
    text.matchAll(/^(delete table|table) inet (\w+)/gm),
    ([, what, name]) => `${what === 'table' ? 'new' : 'no'} ${name}`,
  );
  return words.length === 0 ? 'change' : [...new Set(words)].join(', ');
}

function raise(self: FakeKernel, name: string): KernelResult<RaisedGuard> {
  const error = change(self, `add table inet ${name}`, true, () => {
    self.nft.tables.set(name, emptyTable(name, true));
    self.nft.generation += 1;
  });
  if (error !== null) return failed(error);
  return done({
    // Closing the socket cannot fail.
    lower: () => {
      self.nft.tables.delete(name);
      self.nft.generation += 1;
    },
  });
}

const COUNTERS = {
  sent: 0,
  received: 0,
  overruns: 0,
  interrupted: 0,
  truncated: 0,
  malformed: 0,
  restarted: 0,
  refused: 0,
  stray: 0,
};
const HELD: HeldFeed = {
  counters: COUNTERS,
  takeGlanced: () => 0,
  release: () => {},
  refuse: () => {},
  flush: () => {},
  takeOne: () => false,
  takeDropped: () => 0,
  isBehind: () => false,
  close: () => {},
};
const ANNOUNCED: AnnouncedFeed = {
  counters: COUNTERS,
  takeGlanced: () => 0,
  takeWaiting: () => {},
  close: () => {},
};
