// runtime/late-flows: searches conntrack for unmarked connections that belong to an app by evidence learned after
// they began, and ends these only. The device's next packet begins a new flow, which takes the tunnel.
import type { DumpsEnd } from '../kernel/sliced-dump.ts';
import {
  type Grounds,
  groundsOf,
  isOldDns,
  lateConnections,
  type Recheck,
  recheckKey,
  type Setting,
} from '../learn/late-flows.ts';
import type { Ending } from '../learn/silence.ts';
import type { Connection } from '../netlink/conntrack.ts';
import { isNoSubsystem, type KernelError, refused } from '../netlink/kernel-error.ts';
import { after, now, unattended } from '../os/clock.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { weakerHere } from '../router/installer.ts';
import type { State } from '../step/state.ts';
import { counted } from '../syntax/words.ts';
import { noteCut } from './cut-counts.ts';
import { endFlows, type FlowEnding } from './cuts.ts';
import { listsOf } from './late-lists.ts';
import { knownGrounds, teachShown } from './live.ts';

/** Most rechecks that wait; with more, all known evidence is searched for. */
const MOST_RECHECKS = 256;
/** Largest share of the time for searches, after a burst of BURST milliseconds: peers by the thousand must not stop
 * the home's DNS. */
const SHARE = 0.1;
const BURST = 200;
/** One pass can show new evidence (range, then port, then peer) for entries read before it: repeat this often. */
const MORE_LOOKS = 2;
/** What could not be ended, or not be listed to the end, is looked for again after so long. */
const RETRY_MILLISECONDS = 1000;
/** Logged once, before the number of connections. */
const OLDER = 'older than the table, and direct until they end, as nothing speaks for them';
/** Least time between two log lines about ended flows, milliseconds. */
const LOG_EVERY = 10_000;

/** The evidence to search for, and the time spent. */
export interface LateState {
  readonly rechecks: Map<string, Recheck>;
  /** Search for all known evidence. */
  isWhole: boolean;
  /** End unmarked DNS flows too. */
  isDns: boolean;
  /** The connections went direct by the owner's choice, which has just changed: they are not counted as leaks. */
  isByChoice: boolean;
  /** Passes over everything that still follow the last one. */
  again: number;
  isWaiting: boolean;
  isLooking: boolean;
  /** Errno of the last dump. */
  failed: number;
  /** The last search has ended nothing, as what it showed could not be taught. */
  isPutOff: boolean;
  /** Milliseconds that searches took, minus SHARE of the time since `since`. */
  spent: number;
  since: number;
  /** `cut`: connections ended since the start. `logged`: how many of them were logged, and when. */
  cut: number;
  logged: { count: number; at: number };
  isFirst: boolean;
}

/** Addresses and MACs of the home. */
export interface LateSetting extends Setting {
  /** The present addresses of a device. */
  readonly addressesOf: (mac: string) => readonly string[];
}

export interface LateFinding extends FlowEnding {
  readonly late: LateState;
  /** Called once for each search. */
  readonly settingNow: () => LateSetting;
}

export function createLate(): LateState {
  return {
    rechecks: new Map(),
    isWhole: false,
    isDns: false,
    isByChoice: false,
    again: 0,
    isWaiting: false,
    isLooking: false,
    failed: 0,
    isPutOff: false,
    spent: 0,
    since: now(),
    cut: 0,
    logged: { count: 0, at: Number.NEGATIVE_INFINITY },
    isFirst: true,
  };
}

/** Evidence was learned: searches soon, in the next turn of the event loop unless searches took too much time. */
export function lookFor(effects: LateFinding, recheck: Recheck): void {
  const { late } = effects;
  if (late.rechecks.size < MOST_RECHECKS) late.rechecks.set(recheckKey(recheck), recheck);
  else late.isWhole = true;
  lookLater(effects);
}

/** Searches for all evidence now. `new table`: also ends unmarked DNS flows. `chosen`: connections went direct by
 * the owner's choice, which has just changed. */
export function lookAtAll(effects: LateFinding, why?: 'new table' | 'chosen'): void {
  const { late } = effects;
  late.isWhole = true;
  late.isDns ||= why === 'new table';
  late.isByChoice = why === 'chosen';
  look(effects);
}

function lookLater(effects: LateFinding): void {
  const { late } = effects;
  if (late.isWaiting || late.isLooking) return;
  late.isWaiting = true;
  const left = late.spent - (now() - late.since) * SHARE;
  // A further pass is about flows that leave now; `more` limits its number.
  const rest = late.again > 0 ? 0 : (left - BURST) / SHARE;
  after(Math.max(0, rest), () => look(effects));
}

/** The parameters of one search. */
interface Look {
  /** null: all known evidence. */
  readonly rechecks: readonly Recheck[] | null;
  readonly isDns: boolean;
  readonly isByChoice: boolean;
  /** Further passes if this one shows new ports or peers. */
  readonly more: number;
}

/** `app`: null for a flow of DNS. `outward`: the device began it. */
interface Found extends Ending {
  readonly app: string | null;
}

function takeLook(late: LateState): Look {
  const isAll = late.isWhole || late.again > 0;
  const taken: Look = {
    rechecks: isAll ? null : Array.from(late.rechecks.values()),
    isDns: isAll && late.isDns,
    isByChoice: late.isByChoice,
    more: late.again > 0 ? late.again - 1 : MORE_LOOKS,
  };
  late.rechecks.clear();
  if (taken.isDns) late.isDns = false;
  late.isByChoice = false;
  late.isWhole = false;
  late.again = 0;
  late.isLooking = true;
  return taken;
}

function look(effects: LateFinding): void {
  const { late, inForce, kernel } = effects;
  late.isWaiting = false;
  if (late.isLooking || !inForce.isEnforced) return;
  const { state } = inForce;
  const taken = takeLook(late);
  const isAll = taken.rechecks === null;
  const grounds = state.policy.apps.map((app) =>
    taken.rechecks === null ? knownGrounds(state, app) : groundsOf(app, taken.rechecks),
  );
  const before = grounds.map(({ ports, peers }) => new Set([...ports, ...peers]));
  const setting = effects.settingNow();
  const found: Found[] = [];
  let others = 0;
  const take = (connection: Connection, app: string, outward: boolean): void => {
    found.push({ connection, app, outward });
  };
  const lists = listsOf(state.policy, taken.rechecks, setting.addressesOf);
  const ended = kernel.conntrack.list(lists, (connection) => {
    if (taken.isDns && isOldDns(connection, state.policy.globals.mask, setting)) {
      const outward = !setting.isOwn(connection.original.destination);
      found.push({ connection, app: null, outward });
      return;
    }
    const some = lateConnections([connection], grounds, setting, isAll, take);
    if (some.length === 0 && isOfHome(connection, setting)) others += 1;
  });
  const finish = (end: DumpsEnd): void => {
    // Before the flows are ended: their next packets are judged by it.
    const taught = teachNew(effects, state, grounds, before);
    if (taught.isAny) late.again = taken.more;
    endLook(effects, taken, end, found, taught.error);
    if (isAll && !taught.isAny) tellOthers(late, others);
    late.spent = Math.max(0, late.spent - (now() - late.since) * SHARE) + end.spent;
    late.since = now();
    if (late.isWhole || late.again > 0 || late.rechecks.size > 0) lookLater(effects);
  };
  unattended(ended.then(finish));
}

/** Ends what was found. `untaught`: what it shows is in no set, and flows beside it would go direct: it is looked for
 * once more first. */
function endLook(
  effects: LateFinding,
  { rechecks, isDns, isByChoice }: Look,
  { errno, whole }: DumpsEnd,
  found: readonly Found[],
  untaught: KernelError | null,
): void {
  const { late, inForce } = effects;
  late.isLooking = false;
  if (errno !== late.failed) say(errno);
  late.failed = errno;
  const isPutOff = untaught !== null && !late.isPutOff;
  late.isPutOff = isPutOff;
  const error = isPutOff ? untaught : endFlows(effects, found);
  if (error === null) {
    for (const { connection, app, outward } of found)
      if (app !== null && !isByChoice) noteCut(inForce.state, app, connection, outward);
    logEnded(late, found.length);
  } else log('error', errorText(error));
  // A kernel without conntrack's netlink would answer the same again.
  const isCut = !whole && !isNoSubsystem({ errno });
  if (error !== null || isCut) {
    late.isDns ||= isDns;
    late.isByChoice ||= isByChoice;
    if (rechecks === null) late.isWhole = true;
    else for (const recheck of rechecks) late.rechecks.set(recheckKey(recheck), recheck);
    late.isWaiting = true;
    after(RETRY_MILLISECONDS, () => look(effects));
  }
}

/** Teaches the ports and peers that the search has shown. `isAny`: there were some, and entries read before need
 * another pass. */
function teachNew(
  effects: LateFinding,
  state: State,
  grounds: readonly Grounds[],
  before: readonly ReadonlySet<string>[],
): { readonly isAny: boolean; readonly error: KernelError | null } {
  let isAny = false;
  let error: KernelError | null = null;
  grounds.forEach(({ app, ports, peers }, at) => {
    const isNew = (text: string): boolean => !before[at]!.has(text);
    const shown = { ports: [...ports].filter(isNew), peers: [...peers].filter(isNew) };
    if (shown.ports.length + shown.peers.length === 0) return;
    error = teachShown(effects, state, app, shown) ?? error;
    isAny = true;
  });
  return { isAny, error };
}

/** After the first search over everything that shows nothing more. */
function tellOthers(late: LateState, others: number): void {
  if (late.isFirst && others > 0)
    log('notice', `${OLDER}: ${counted(others, 'connection')} of devices`);
  late.isFirst = false;
}

/** Rate-limited by LOG_EVERY. */
function logEnded(late: LateState, count: number): void {
  late.cut += count;
  if (late.cut === late.logged.count || now() - late.logged.at < LOG_EVERY) return;
  const flows = late.cut - late.logged.count;
  log(
    'notice',
    `${counted(flows, 'flow')} older than their evidence: ended, to begin anew on its way`,
  );
  late.logged = { count: late.cut, at: now() };
}

function say(errno: number): void {
  if (errno === 0) return;
  const error = refused('read', 'connections', errno);
  if (isNoSubsystem(error)) {
    log('error', weakerHere('connections', 'nobody answers for conntrack'));
  } else log('error', `late evidence: ${errorText(error)}`);
}

/** Neither end of the original direction is an address of the router or of a proxy. */
function isOfHome({ original }: Connection, { isOwn }: Setting): boolean {
  return !isOwn(original.source) && !isOwn(original.destination);
}
