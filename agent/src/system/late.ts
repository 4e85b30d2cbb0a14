// system/late: finds the direct connections that evidence which came after them speaks for, and
// deletes them from conntrack: them and no others. The device's next packet begins anew and goes
// through the tunnel; a TCP connection under way is reset by the table, so that it does at once.
import {
  type Grounds,
  groundsOf,
  groundsOfWish,
  lateConnections,
  portText,
  type Setting,
  type Wish,
} from '../learn/late.ts';
import { learnedEndpoints } from '../learn/learned.ts';
import type { Connection, TupleFilter } from '../netlink/conntrack.ts';
import type { App } from '../policy/policy.ts';
import { pairOf, portKey, portOf } from '../ruleset/elements.ts';
import { setName } from '../ruleset/names.ts';
import type { State } from '../state.ts';
import { after, now } from './clock.ts';
import { cutConnections, readConnections } from './connections.ts';
import type { Effects } from './effects.ts';
import { log } from './log.ts';
import { changeSets, readSet, type Sets } from './sets.ts';

/** Wishes in one look. The kernel is asked for each one's few entries: a list of all connections may
 * take the router longer to read than its watchdog allows. */
const ONE_BY_ONE = 16;
/** More wishes than this are not kept: everything known is looked at instead. */
const MOST_WISHES = 256;
/** Looking takes at most this share of the time, beyond what a burst may: peers by the thousand must
 * not stop the home's DNS. Milliseconds. */
const SHARE = 0.1;
const BURST = 200;

export interface Late {
  /** Evidence came: look soon (before the event loop sleeps again, unless it came in masses). */
  wish(wish: Wish): void;
  /** Look at everything now: the agent has just begun to enforce this policy. */
  all(): void;
  /** Connections deleted since the start. */
  readonly cut: { count: number };
}

export function createLate(effects: Effects, setting: Setting): Late {
  let wishes: Wish[] = [];
  let everything = false;
  let waiting = false;
  let spent = 0;
  let since = now();
  const cut = { count: 0 };
  const look = (): void => {
    waiting = false;
    const began = now();
    spent = Math.max(0, spent - (began - since) * SHARE);
    const state = effects.state;
    const whole = everything;
    const taken = wishes.slice(0, ONE_BY_ONE);
    wishes = whole ? [] : wishes.slice(ONE_BY_ONE);
    everything = false;
    if (state !== null)
      cut.count += whole
        ? lookAtAll(effects, state, setting)
        : lookFor(effects, state, taken, setting);
    since = now();
    spent += since - began;
    if (wishes.length > 0) soon();
  };
  const soon = (): void => {
    if (waiting) return;
    waiting = true;
    const left = spent - (now() - since) * SHARE;
    after(Math.max(0, (left - BURST) / SHARE), look);
  };
  return {
    wish: (wish) => {
      if (wishes.length < MOST_WISHES) wishes.push(wish);
      else everything = true;
      soon();
    },
    all: () => {
      everything = true;
      look();
    },
    cut,
  };
}

function lookFor(
  effects: Effects,
  state: State,
  wishes: readonly Wish[],
  setting: Setting,
): number {
  const grounds = wishes.flatMap((wish) => {
    const app = state.apps.get(wish.app);
    return app === undefined ? [] : [groundsOfWish(app, wish)];
  });
  const found = wishes.flatMap((wish) => unmarked(effects, state, filterOf(wish)));
  return remove(effects, lateConnections(found, grounds, setting, false));
}

function filterOf(wish: Wish): TupleFilter {
  const source = wish.kind === 'address' ? null : wish.device;
  const destination = wish.kind === 'port' ? null : wish.remote;
  const family = (source ?? destination ?? '').includes(':') ? 6 : 4;
  return { family, source, destination };
}

function unmarked(effects: Effects, state: State, only: TupleFilter | null): Connection[] {
  const { connections } = effects;
  if (typeof connections === 'string') return [];
  const found = readConnections(connections, 0, state.policy.globals.mask, only);
  if (typeof found !== 'string') return found;
  log('error', `late evidence: ${found}`);
  return [];
}

/** Everything that is known is held against every direct connection. */
function lookAtAll(effects: Effects, state: State, setting: Setting): number {
  const { sets } = effects;
  if (state.policy.apps.length === 0 || typeof sets === 'string') return 0;
  const all = state.policy.apps.map((app) => knownGrounds(sets, state, app));
  const before = all.map(({ ports }) => new Set(ports));
  const late = lateConnections(unmarked(effects, state, null), all, setting, true);
  // Ports that running flows have shown: taught before their next packet comes.
  all.forEach((grounds, at) => {
    const shown = Array.from(grounds.ports).filter((text) => !before[at]!.has(text));
    if (shown.length > 0) teachPorts(sets, grounds.app, shown);
  });
  return remove(effects, late);
}

function knownGrounds(sets: Sets, state: State, app: App): Grounds {
  const addresses = learnedEndpoints(state.learned).filter((one) => one.app === app.name);
  const ports = new Set<string>();
  const peers = new Set<string>();
  for (const family of [4, 6] as const) {
    for (const protocol of ['udp', 'tcp'] as const) {
      for (const { key } of elements(sets, setName(app.name, protocol, family))) {
        const found = portOf(key);
        if (found !== null) ports.add(portText(found.device, protocol, found.port));
      }
    }
    for (const { key } of elements(sets, setName(app.name, 'peer', family))) {
      const found = pairOf(key);
      if (found !== null) peers.add(`${found.device} ${found.peer}`);
    }
  }
  return {
    ...groundsOf(app),
    addresses: new Set(addresses.map(({ address }) => address)),
    ports,
    peers,
  };
}

function elements(sets: Sets, set: string) {
  const found = readSet(sets, set);
  return typeof found === 'string' ? [] : found;
}

function teachPorts(sets: Sets, app: App, shown: readonly string[]): void {
  for (const text of shown) {
    const [device = '', protocol = '', port = ''] = text.split(' ');
    const key = portKey(device, Number(port));
    if (key === null || (protocol !== 'udp' && protocol !== 'tcp')) continue;
    const set = setName(app.name, protocol, device.includes(':') ? 6 : 4);
    const wrong = changeSets(sets, [{ operation: 'add', set, elements: [{ key }] }]);
    if (wrong !== null) log('error', wrong);
  }
}

function remove(effects: Effects, late: readonly Connection[]): number {
  if (late.length === 0 || typeof effects.connections === 'string') return 0;
  const wrong = cutConnections(effects.connections, late);
  if (wrong !== null) log('error', wrong);
  return late.length;
}
