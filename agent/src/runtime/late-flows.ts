// runtime/late-flows: finds the direct connections that evidence which came after them speaks for, and
// deletes them from conntrack: them and no others. The device's next packet begins anew and goes
// through the tunnel; a TCP connection under way is reset by the table, so that it does at once.

import { EINVAL } from '../kernel/conntrack.ts';
import { type ConnectionList, decoded } from '../kernel/conntrack-dump.ts';
import {
  groundsOf,
  isOldDns,
  lateConnections,
  type Setting,
  type Wish,
} from '../learn/late-flows.ts';
import type { Connection } from '../netlink/conntrack.ts';
import type { TupleFilter } from '../netlink/conntrack-request.ts';
import { after, now } from '../os/clock.ts';
import { errnoText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { weakerWithout } from '../policy/missing-parts.ts';
import type { State } from '../step/state.ts';
import { noteCut } from './cut-counts.ts';
import type { FlowEnding } from './cuts.ts';
import { familyIn, keepLive, knownGrounds, teachShown } from './live.ts';

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

export interface Late {
  /** Evidence came: look soon (before the event loop sleeps again, unless it came in masses). */
  wish(wish: Wish): void;
  /** Look at everything now: the agent has just begun to enforce this policy. `new table`: DNS flows that it
   * has never seen are ended, too. `chosen`: what is direct was so by the owner's word, which has just changed. */
  all(why?: 'new table' | 'chosen'): void;
  /** Marked connections keep what admitted them: at the start of an agent, which cannot know how long there
   * was none. Not later: what its owner takes away while they live is not to be taught by them. */
  live(): void;
  /** Connections deleted since the start. */
  readonly cut: { count: number };
}

/** What is known of the home besides. */
export interface LateSetting extends Setting {
  /** The addresses that a device has now. */
  readonly addressesOf: (mac: string) => readonly string[];
}

/** `settingNow`: called once for each look. */
export function createLate(effects: FlowEnding, settingNow: () => LateSetting): Late {
  const wishes = new Map<string, Wish>();
  let whole = false;
  let dns = false;
  let byChoice = false;
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
    if (looking || state === null) return;
    const taken = whole || again > 0 ? null : Array.from(wishes.values());
    const more = again > 0 ? again - 1 : MORE_LOOKS;
    wishes.clear();
    const oldDns = taken === null && dns;
    if (oldDns) dns = false;
    whole = false;
    again = 0;
    looking = true;
    const grounds = state.policy.apps.map((app) =>
      taken === null ? knownGrounds(state, app) : groundsOf(app, taken),
    );
    const late: Connection[] = [];
    let others = 0;
    const chosen = byChoice;
    byChoice = false;
    const count = (connection: Connection, app: string, outward: boolean): void => {
      if (!chosen) noteCut(state, app, connection, outward);
    };
    const setting = settingNow();
    const before = grounds.map(({ ports, peers }) => new Set([...ports, ...peers]));
    lists.read(
      listsOf(state, taken, setting),
      decoded((connection) => {
        if (oldDns && isOldDns(connection, state.policy.globals.mask, setting)) {
          late.push(connection);
          return;
        }
        const found = lateConnections([connection], grounds, setting, taken === null, count);
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
          teachShown(effects, state, app, shown);
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
    all: (why) => {
      whole = true;
      dns ||= why === 'new table';
      byChoice = why === 'chosen';
      look();
    },
    live: () => keepLive(effects, settingNow()),
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

/** Begun by a device, to somewhere else than the router. */
function isOfHome({ original }: Connection, { isOwn }: Setting): boolean {
  return !isOwn(original.source) && !isOwn(original.destination);
}

function remove(
  { cuts }: Pick<FlowEnding, 'cuts'>,
  late: readonly Connection[],
  { isOwn }: Setting,
): number {
  if (late.length === 0 || cuts === null) return 0;
  const wrong = cuts.end(
    late.map((connection) => ({ connection, outward: !isOwn(connection.original.destination) })),
  );
  if (wrong !== null) log('error', wrong);
  return late.length;
}
