// system/late: finds the direct connections that evidence which came after them speaks for, and
// deletes them from conntrack: them and no others. The device's next packet begins anew and goes
// through the tunnel; a TCP connection under way is reset by the table, so that it does at once.
import {
  type Grounds,
  groundsOf,
  lateConnections,
  peerText,
  portText,
  type Setting,
  type Wish,
} from '../learn/late.ts';
import { learnedEndpoints } from '../learn/learned.ts';
import { noteTaught, taughtElements } from '../learn/taught.ts';
import type { Connection } from '../netlink/conntrack.ts';
import type { TupleFilter } from '../netlink/conntrack-request.ts';
import type { SetChange } from '../netlink/nft-set.ts';
import { weakerWithout } from '../policy/lacking.ts';
import type { App } from '../policy/policy.ts';
import { macKey, pairKey, pairOf, portKey, portOf } from '../ruleset/elements.ts';
import { type FilledKind, setName } from '../ruleset/names.ts';
import type { State } from '../state.ts';
import type { Family } from '../wire/address.ts';
import { after, now } from './clock.ts';
import { type ConnectionList, decoded } from './connection-lists.ts';
import { EINVAL } from './connections.ts';
import type { Effects } from './effects.ts';
import { errnoText } from './errno.ts';
import { log } from './log.ts';
import { changeSets } from './sets.ts';

/** More wishes than this are not kept: everything known is looked at instead. */
const MOST_WISHES = 256;
/** Looking takes at most this share of the time, beyond what a burst may: peers by the thousand must
 * not stop the home's DNS. Milliseconds. */
const SHARE = 0.1;
const BURST = 200;
/** A range shows the port, the port its peer, and the peer the rest of a call: what the list had before
 * is found by the next look. */
const MORE_LOOKS = 2;
/** What is said of them once, after their number. */
const OLDER =
  'connection(s) of devices are older than the table and nothing speaks for them: they stay direct until they end';
/** Milliseconds between two words about it in the log. */
const TOLD_EVERY = 10_000;
/** Ports, and peers, that one look teaches. */
const MOST_SHOWN = 256;

export interface Late {
  /** Evidence came: look soon (before the event loop sleeps again, unless it came in masses). */
  wish(wish: Wish): void;
  /** Look at everything now: the agent has just begun to enforce this policy. */
  all(): void;
  /** Connections deleted since the start. */
  readonly cut: { count: number };
}

/** What is known of the home besides. */
export interface LateSetting extends Setting {
  /** The addresses that a device has now. */
  readonly addressesOf: (mac: string) => readonly string[];
}

/** `settingNow`: called once for each look. */
export function createLate(effects: Effects, settingNow: () => LateSetting): Late {
  const wishes = new Map<string, Wish>();
  let whole = false;
  let again = 0;
  let waiting = false;
  let looking = false;
  let failed = 0;
  let spent = 0;
  let since = now();
  const cut = { count: 0 };
  const told = { count: 0, at: Number.NEGATIVE_INFINITY };
  let isFirst = true;
  const look = (): void => {
    waiting = false;
    const { state, lists } = effects;
    if (looking || state === null || typeof lists === 'string') return;
    const taken = whole || again > 0 ? null : Array.from(wishes.values());
    const more = again > 0 ? again - 1 : MORE_LOOKS;
    wishes.clear();
    whole = false;
    again = 0;
    looking = true;
    const grounds = state.policy.apps.map((app) =>
      taken === null ? knownGrounds(state, app) : groundsOf(app, taken),
    );
    const late: Connection[] = [];
    let others = 0;
    const setting = settingNow();
    const before = grounds.map(({ ports, peers }) => new Set([...ports, ...peers]));
    lists.read(
      listsOf(state, taken, setting),
      decoded((connection) => {
        const found = lateConnections([connection], grounds, setting, taken === null);
        late.push(...found);
        if (found.length === 0 && isOfHome(connection, setting)) others += 1;
      }),
      (end) => {
        looking = false;
        if (end.errno !== failed) say(end.errno);
        failed = end.errno;
        tell(remove(effects, late, setting));
        if (isFirst && others > 0) log('notice', `${others} ${OLDER}`);
        isFirst = false;
        // Ports and peers that running flows have shown: taught before their next packet comes. What
        // was read before they were known is looked at once more.
        grounds.forEach(({ app, ports, peers }, at) => {
          const isNew = (text: string): boolean => !before[at]!.has(text);
          const shown = { ports: [...ports].filter(isNew), peers: [...peers].filter(isNew) };
          if (shown.ports.length + shown.peers.length === 0) return;
          teach(effects, state, app, shown);
          again = more;
        });
        spent = Math.max(0, spent - (now() - since) * SHARE) + end.spent;
        since = now();
        if (whole || again > 0 || wishes.size > 0) soon();
      },
    );
  };
  /** Under a flood not of each look. */
  const tell = (count: number): void => {
    cut.count += count;
    if (cut.count === told.count || now() - told.at < TOLD_EVERY) return;
    const flows = cut.count - told.count;
    log('notice', `${flows} flow(s) older than their evidence: ended, to begin anew on its way`);
    told.count = cut.count;
    told.at = now();
  };
  const soon = (): void => {
    if (waiting || looking) return;
    waiting = true;
    const left = spent - (now() - since) * SHARE;
    after(Math.max(0, (left - BURST) / SHARE), look);
  };
  return {
    wish: (wish) => {
      if (wishes.size < MOST_WISHES) wishes.set(JSON.stringify(wish), wish);
      else whole = true;
      soon();
    },
    all: () => {
      whole = true;
      look();
    },
    cut,
  };
}

/** Where the flows that `wishes` are about would be; null: anywhere. The kernel finds those of one
 * end in a fraction of the time that a list of all takes to read. */
function listsOf(
  { policy }: State,
  wishes: readonly Wish[] | null,
  setting: LateSetting,
): ConnectionList[] {
  const direct = { mark: 0, mask: policy.globals.mask };
  if (policy.apps.length === 0) return [];
  if (wishes === null) return [direct];
  const ends = new Map<string, TupleFilter>();
  for (const wish of wishes) {
    const [source, remote] = wish.kind === 'address' ? [null, wish.remote] : [wish.device, null];
    // The one peer that a device shows, or else all that the device talks to.
    const peer = wish.kind === 'peer' && !ends.has(wish.device) ? wish.remote : null;
    const destination = remote ?? peer;
    const family = familyIn(source ?? destination ?? '');
    // One list of IPv6 has them all.
    const end = family === 6 ? '' : (source ?? remote ?? '');
    ends.set(end, { family, source, destination });
    if (wish.kind !== 'port' || wish.mac === null) continue;
    // A port is the device's at all of its addresses.
    for (const address of setting.addressesOf(wish.mac)) {
      const other = familyIn(address) === 6 ? '' : address;
      const filter = { family: familyIn(address), source: address, destination: null };
      if (!ends.has(other)) ends.set(other, filter);
    }
  }
  // What a port forward let in was begun by the other end.
  return Array.from(ends.values()).flatMap((only) => {
    const inward = only.family === 4 && only.source !== null ? [{ ...only, isReply: true }] : [];
    return [only, ...inward].map((one) => ({ ...direct, only: one }));
  });
}

function say(errno: number): void {
  if (errno === EINVAL) {
    log('error', weakerWithout('connections', 'nobody answers for conntrack'));
  } else if (errno !== 0) log('error', `late evidence: ${errnoText(errno)}`);
}

/** Everything that speaks for flows of `app` now. */
function knownGrounds(state: State, app: App): Grounds {
  const addresses = learnedEndpoints(state.learned).filter((one) => one.app === app.name);
  const ports = new Set<string>();
  const peers = new Set<string>();
  const at = now();
  const keysIn = (byAddress: FilledKind, byMac: FilledKind, family: Family) =>
    [byAddress, byMac].flatMap((kind) =>
      taughtElements(state.taught, setName(app.name, kind, family), at),
    );
  for (const family of [4, 6] as const) {
    for (const protocol of ['udp', 'tcp'] as const) {
      for (const { key } of keysIn(protocol, `${protocol}mac`, family)) {
        const found = portOf(key);
        if (found !== null) ports.add(portText(found.device, protocol, found.port));
      }
    }
    for (const { key } of keysIn('peer', 'peermac', family)) {
      const found = pairOf(key);
      if (found !== null) peers.add(peerText(found.device, found.peer));
    }
  }
  return { app, addresses: new Set(addresses.map(({ address }) => address)), ports, peers };
}

/** Ports and peers that running flows of `app` have shown; of thousands the first, in few transactions. */
function teach(effects: Effects, { taught }: State, { profile, name }: App, shown: Shown): void {
  const { caps, ports, peers } = profile;
  const until = (seconds: number): number => now() + seconds * 1000;
  const elements = new Map<string, { readonly key: Uint8Array }[]>();
  const take = (set: string, key: Uint8Array | null, expires: number, cap: number): void => {
    if (key === null) return;
    noteTaught(taught, set, { key, expires }, cap);
    const list = elements.get(set) ?? [];
    elements.set(set, list);
    list.push({ key });
  };
  for (const text of shown.ports.slice(0, MOST_SHOWN)) {
    const [device = '', protocol = '', port = ''] = text.split(' ');
    if (protocol !== 'udp' && protocol !== 'tcp') continue;
    const kind = macKey(device) === null ? protocol : (`${protocol}mac` as const);
    const set = setName(name, kind, familyIn(device));
    take(set, portKey(device, Number(port)), until(ports.leaseSeconds), caps.ports);
  }
  for (const text of shown.peers.slice(0, MOST_SHOWN)) {
    const [device = '', remote = ''] = text.split(' ');
    const kind = macKey(device) === null ? 'peer' : 'peermac';
    const set = setName(name, kind, familyIn(remote));
    take(set, pairKey(device, remote), until(peers.leaseSeconds), caps.peers);
  }
  const changes = Array.from(elements, ([set, list]): SetChange => {
    return { operation: 'add', set, elements: list };
  });
  if (typeof effects.sets === 'string' || changes.length === 0) return;
  const wrong = changeSets(effects.sets, changes);
  if (wrong !== null) log('error', wrong);
}

interface Shown {
  readonly ports: readonly string[];
  readonly peers: readonly string[];
}

/** Begun by a device, to somewhere else than the router. */
function isOfHome({ original }: Connection, { isOwn }: Setting): boolean {
  return !isOwn(original.source) && !isOwn(original.destination);
}

function familyIn(address: string): Family {
  return address.includes(':') ? 6 : 4;
}

function remove({ cuts }: Effects, late: readonly Connection[], { isOwn }: Setting): number {
  if (late.length === 0 || cuts === null) return 0;
  const wrong = cuts.end(
    late.map((connection) => ({ connection, outward: !isOwn(connection.original.destination) })),
  );
  if (wrong !== null) log('error', wrong);
  return late.length;
}
