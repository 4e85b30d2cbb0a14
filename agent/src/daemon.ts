// daemon: the event loop: kernel and socket events -> step -> effects -> kernel. No policy here:
// what an event means is decided in step.ts, what stands in the kernel in ruleset/ and tunnel/.
// Packet: feeds -> step -> sets -> verdict. Config: load -> compile -> render -> nft, plan -> diff.

import { watchedPolicy } from './control/accounts.ts';
import { forgetExcepted } from './control/forget.ts';
import type { Sources } from './control/load.ts';
import { listenControl } from './control/serve.ts';
import {
  isStale,
  keepLastGood,
  openSettings,
  rereadSettings,
  type Settings,
  wantedPolicy,
} from './control/settings.ts';
import {
  adopt,
  keepApart,
  keepGuard,
  keepMemory,
  legacyOf,
  loadTable,
  lowerGuard,
  run,
  startKeeping,
} from './keep.ts';
import { createNeighbours, lookAround, type Neighbours } from './neighbours.ts';
import { type KernelPart, weakerWithout } from './policy/lacking.ts';
import { isOwnAddress } from './policy/own.ts';
import type { Policy } from './policy/policy.ts';
import type { Problem } from './policy/result.ts';
import { describe } from './reconcile/desired.ts';
import { diff } from './reconcile/diff.ts';
import { createRepair, type RepairState } from './repair/repair.ts';
import { apartText } from './ruleset/apart.ts';
import { compile } from './ruleset/compile.ts';
import { helloQueue } from './ruleset/compile-hello.ts';
import { withoutAnnouncements } from './ruleset/mute.ts';
import {
  ANSWER_PREFIX,
  HELLO_PREFIX,
  QUERY_PREFIX,
  TABLE,
  UNJUDGED_PREFIX,
} from './ruleset/names.ts';
import { renderStanding } from './ruleset/render.ts';
import type { Standing } from './ruleset/standing.ts';
import { createState, type PacketSpan, type State, step } from './step.ts';
import { every, now, pause } from './system/clock.ts';
import { cutSlots } from './system/connections.ts';
import { type Effects, openEffects } from './system/effects.ts';
import { type Feed, type HeldFeed, openAnnounced, openHeld } from './system/feeds.ts';
import { type FlowWatch, watchFlows } from './system/flow-watch.ts';
import type { StandingGuard } from './system/guard.ts';
import { createLate } from './system/late.ts';
import { log } from './system/log.ts';
import { processAge } from './system/memory.ts';
import {
  applyOperation,
  openPaths,
  type Paths,
  pathMtu,
  type Realized,
  readPaths,
} from './system/paths.ts';
import { runProgram } from './system/process.ts';
import { listenSignals } from './system/signals.ts';
import { createHelm, type Helm } from './system/steering.ts';
import { removeLegacy, takeHandover } from './system/table.ts';
import { startWatchdog } from './system/watchdog.ts';
import { plan, standingProxy, tunnelMtu } from './tunnel/plan.ts';
import { waysOf } from './tunnel/steer.ts';

/** How often expired entries are forgotten and the own addresses are read again. */
const TICK_MILLISECONDS = 5000;

export interface Daemon {
  readonly settings: Settings;
  /** The job that changes the kernel and runs or ran last; the next one waits for it. */
  turn: Promise<unknown>;
  policy: Policy;
  /** The policy as it was loaded, before the tunnels' MTUs were filled in. */
  wanted: Policy;
  /** The table as it stands in the kernel; null: none of ours. */
  standing: Standing | null;
  /** What stands beside it for the moment it is missing; null: none, or none is possible. */
  guard: StandingGuard | null;
  /** Key of a guard that held back what it should not have: not raised again. */
  uselessGuard: string;
  readonly repair: RepairState;
  /** Where the next agent finds what this one has loaded. */
  readonly legacy: string;
  /** What others undid and this agent made again. */
  readonly repairs: { count: number; last: string; at: number };
  readonly neighbours: Neighbours;
  /** keepMemory: sets read so far, and at how many matched answers the names were written. */
  reading: number;
  remembered: number;
  state: State;
  readonly paths: Paths;
  readonly effects: Effects;
  /** Which way each app takes, by what the probes say. */
  readonly helm: Helm;
  held: HeldFeed | null;
  hellos: HeldFeed | null;
  /** Which feeds are open: queue and group, to tell whether a reload needs others. */
  ears: string;
  announced: Feed | null;
  /** Addresses of the router's own devices, text. */
  addresses: readonly string[];
  since: number;
  /** What `whp status` shows as wrong, by topic; a topic that is well again is removed. */
  readonly problems: Map<string, string>;
  /** Who used how much; null before the start, a string is why nothing is counted. */
  flows: FlowWatch | string | null;
}

/** Runs until it is told to stop. Returns the exit status: 0, or 1 when it could not start. */
export async function runDaemon(sources: Sources, socketPath: string): Promise<number> {
  const asked = listenSignals();
  const effects = openEffects();
  const file = `${socketPath.replace(/\.sock$/, '')}.standing`;
  const legacy = legacyOf(effects.sets, file);
  takeHandover(file);
  const opened = openSettings(sources, legacy === null ? null : { apps: legacy.slots });
  if (!opened.ok) return refuse(opened.problems);
  const { settings, problems } = opened.value;
  const policy = wantedPolicy(settings);
  await pause();
  const started = start(settings, policy, effects, file);
  if (typeof started === 'string') return refuse([{ where: 'whp daemon', what: started }]);
  const daemon = started;
  noteProblems(daemon, problems);
  const control = listenControl(socketPath, daemon, { reload, refresh });
  if (typeof control === 'string') return refuse([{ where: socketPath, what: control }]);
  adopt(daemon, policy, legacy);
  const failed = await inTurn(daemon, () => enforce(daemon, policy));
  const stopKeeping = failed === null ? startKeeping(daemon) : failed;
  if (typeof stopKeeping === 'string') {
    control.close();
    return refuse([{ where: 'whp daemon', what: stopKeeping }]);
  }
  if (problems.length === 0) keepLastGood(settings);
  log('notice', `enforcing ${policy.apps.length} app(s), ${processAge()} s after the start`);
  daemon.flows = watchFlows(`${sources.state}/history`, () => watchedPolicy(daemon));
  if (typeof daemon.flows === 'string') log('error', daemon.flows);
  daemon.helm.start();
  const watchdog = startWatchdog(socketPath);
  const stopTicking = every(TICK_MILLISECONDS, () => {
    tick(daemon);
    watchdog.look();
  });
  asked.onReload(() => unattended(reload(daemon)));
  await asked.stopped;
  stopTicking();
  if (typeof daemon.flows !== 'string') daemon.flows.close();
  stopKeeping();
  control.close();
  await inTurn(daemon, () => withdraw(daemon));
  return 0;
}

function refuse(problems: readonly Problem[]): number {
  for (const { where, what } of problems) log('error', `${where}: ${what}`);
  return 1;
}

function start(
  settings: Settings,
  policy: Policy,
  effects: Effects,
  legacy: string,
): Daemon | string {
  const paths = openPaths(policy.globals);
  if (typeof paths === 'string') return paths;
  const daemon: Daemon = {
    settings,
    turn: Promise.resolve(),
    policy,
    wanted: policy,
    standing: null,
    guard: null,
    uselessGuard: '',
    repair: createRepair(policy.globals.preference, policy.globals.table),
    legacy,
    repairs: { count: 0, last: '', at: 0 },
    neighbours: createNeighbours(),
    reading: 0,
    remembered: 0,
    state: createState(policy, () => false),
    paths,
    effects,
    helm: createHelm(paths, effects),
    held: null,
    hellos: null,
    ears: 'none',
    announced: null,
    addresses: [],
    since: now(),
    problems: new Map(),
    flows: null,
  };
  effects.late = createLate(effects, {
    isOwn: (address) => isOwnAddress(daemon.policy, daemon.addresses, address),
    macOf: (address) => daemon.settings.hosts.find((one) => one.address === address)?.mac ?? null,
  });
  return daemon;
}

/**
 * Makes the kernel what the policy says: tunnels and routes, then the ears, then the table. From the
 * moment a packet can be marked its rule leads somewhere, and from the moment an answer can be held
 * somebody releases it. Returns what went wrong, or null.
 */
export async function enforce(daemon: Daemon, wanted: Policy): Promise<string | null> {
  const realized = readPaths(daemon.paths);
  if (typeof realized === 'string') return realized;
  daemon.wanted = wanted;
  daemon.addresses = realized.addresses.map(({ address }) => address);
  const policy = withMtus(daemon, wanted, realized);
  daemon.helm.adopt(policy, (app) => standingProxy(policy, app, realized.pieces));
  buildPaths(daemon, policy, realized);
  moveTo(daemon, policy);
  await pause();
  listen(daemon, policy);
  await keepApart(daemon);
  const refused = await load(daemon, policy);
  if (refused !== null) return refused;
  leaveMask(daemon, policy);
  daemon.policy = policy;
  const isOwn = (address: string): boolean =>
    isOwnAddress(daemon.policy, daemon.addresses, address);
  daemon.state = createState(policy, isOwn, daemon.state);
  daemon.effects.state = daemon.state;
  keepGuard(daemon);
  forgetExcepted(daemon);
  daemon.helm.assert();
  daemon.effects.late?.all();
  return null;
}

/** What was found at the old preferences and in the old tables has been made anew at the new ones. */
function moveTo({ paths, repair }: Daemon, { globals }: Policy): void {
  paths.globals = globals;
  repair.preference = globals.preference;
  repair.table = globals.table;
}

/** Live flows carry the old bits, which nobody reads any more: they begin anew. Until they have, the
 * old guard, which knows nothing of the new bits, keeps them from leaving. */
function leaveMask({ policy: before, standing, effects }: Daemon, { globals }: Policy): void {
  const { mask } = before.globals;
  if (standing === null || mask === globals.mask) return;
  const slots = before.apps.map(({ slot }) => slot);
  const wrong = cutSlots(effects, mask, slots);
  if (wrong !== null) log('error', wrong);
}

/** Every proxy with the MTU its tunnel gets: the configured one, or what the way there allows. */
export function withMtus(daemon: Daemon, policy: Policy, realized: Realized): Policy {
  const proxies = policy.proxies.map((proxy) => {
    const wan = pathMtu(daemon.paths, proxy.address, realized.links);
    return { ...proxy, mtu: tunnelMtu(proxy, wan) };
  });
  return { ...policy, proxies };
}

/** Makes links, addresses, routes and rules as `policy` wants them; answers what had to be made. */
export function buildPaths(daemon: Daemon, policy: Policy, realized: Realized): string[] {
  const wrong: string[] = [];
  const operations = diff(plan(policy, waysOf(daemon.helm.steering)), realized.pieces);
  for (const operation of operations) {
    const failed = applyOperation(daemon.paths, operation);
    if (failed !== null) wrong.push(failed);
  }
  const said = wrong.length > 1 ? `${wrong[0]} (and ${wrong.length - 1} more)` : `${wrong[0]}`;
  if (wrong.length === 0) daemon.problems.delete('paths');
  else if (daemon.problems.get('paths') !== said) {
    log('error', said);
    daemon.problems.set('paths', said);
  }
  return operations.map(({ piece }) => describe(piece));
}

/**
 * Loads the table of `policy` in one transaction; the first time as a whole, later with what was
 * learned kept. A kernel without nft's queue refuses it whole: then answers are only watched.
 */
async function load(daemon: Daemon, policy: Policy): Promise<string | null> {
  if (policy.apps.length === 0 && daemon.standing === null) return null;
  const table = (of: Policy): Standing => {
    const ruleset = compile(of);
    return renderStanding(daemon.announced === null ? withoutAnnouncements(ruleset) : ruleset);
  };
  // Without an ear for held answers they would pass unseen: then they are announced.
  if (policy.globals.hold && daemon.held === null && policy.apps.length > 0)
    return loadTable(daemon, table(watchingOnly(policy)));
  const refused = await loadTable(daemon, table(policy));
  if (refused === null || !isHeld(policy)) return refused;
  if ((await loadTable(daemon, table(watchingOnly(policy)))) !== null) return refused;
  lacks(daemon, 'queue', 'the kernel has no nft queue');
  return null;
}

/** Whether any packet of this policy waits for the agent. */
function isHeld({ globals, escape }: Policy): boolean {
  return globals.hold || escape?.hello === 'hold';
}

/** The same policy with nothing held. */
function watchingOnly(policy: Policy): Policy {
  const globals = { ...policy.globals, hold: false };
  const { escape } = policy;
  if (escape?.hello !== 'hold') return { ...policy, globals };
  return { ...policy, globals, escape: { ...escape, hello: 'watch' } };
}

/** Says what is weaker while a part of the kernel is missing. */
function lacks(daemon: Daemon, part: KernelPart, why: string): void {
  const what = weakerWithout(part, why);
  if (daemon.problems.get(part) !== what) log('error', what);
  daemon.problems.set(part, what);
}

/**
 * Opens the feeds the policy needs, unless the same ones are open: closing a queue drops what it
 * holds. A kernel without one of them is lived with, and said.
 */
function listen(daemon: Daemon, policy: Policy): void {
  const { queue, group, hold } = policy.globals;
  const hello = policy.escape?.hello ?? 'off';
  const wanted =
    policy.apps.length === 0 ? 'none' : `${hold ? queue : 'watch'} ${group} ${hello} ${queue}`;
  if (daemon.ears === wanted) return;
  daemon.held?.close();
  daemon.hellos?.close();
  daemon.announced?.close();
  daemon.held = null;
  daemon.hellos = null;
  daemon.announced = null;
  daemon.effects.held = null;
  daemon.effects.hellos = null;
  daemon.problems.delete('queue');
  daemon.problems.delete('announce');
  daemon.ears = wanted;
  if (wanted === 'none') return;
  if (hold) {
    const held = openHeld(queue, (id, { bytes, offset, end }) => {
      const event = { kind: 'answer', id, bytes, offset, end } as const;
      daemon.effects.run(step(daemon.state, event, now()));
    });
    if (typeof held === 'string') lacks(daemon, 'queue', held);
    else {
      daemon.held = held;
      daemon.effects.held = held;
    }
  }
  if (hello === 'hold') listenHellos(daemon, helloQueue(queue));
  const announced = openAnnounced(
    group,
    (prefix, span, age) => {
      if (prefix === UNJUDGED_PREFIX) run(daemon, { kind: 'unjudged' });
      else daemon.effects.run(step(daemon.state, announcedEvent(prefix, span, age), now()));
    },
    () => run(daemon, { kind: 'unjudged' }),
  );
  if (typeof announced === 'string') lacks(daemon, 'announce', announced);
  else daemon.announced = announced;
}

/** ClientHellos held at once: what a page of a browser opens. Beyond that they pass unread. */
const HELLOS_AT_MOST = 64;

function listenHellos(daemon: Daemon, queue: number): void {
  const onPacket = (id: number, { bytes, offset, end }: PacketSpan): void => {
    const event = { kind: 'hello', id, bytes, offset, end } as const;
    daemon.effects.run(step(daemon.state, event, now()));
  };
  const hellos = openHeld(queue, onPacket, HELLOS_AT_MOST);
  if (typeof hellos === 'string') lacks(daemon, 'queue', hellos);
  else {
    daemon.hellos = hellos;
    daemon.effects.hellos = hellos;
  }
}

function announcedEvent(prefix: string, { bytes, offset, end }: PacketSpan, age: number) {
  if (prefix === QUERY_PREFIX) return { kind: 'query', age, bytes, offset, end } as const;
  if (prefix === ANSWER_PREFIX) return { kind: 'answer', id: null, bytes, offset, end } as const;
  if (prefix === HELLO_PREFIX) return { kind: 'hello', id: null, bytes, offset, end } as const;
  return { kind: 'evidence', prefix, bytes, offset, end } as const;
}

function tick(daemon: Daemon): void {
  daemon.effects.run(step(daemon.state, { kind: 'tick' }, now()));
  keepMemory(daemon);
  const realized = readPaths(daemon.paths);
  if (typeof realized !== 'string') {
    daemon.addresses = realized.addresses.map(({ address }) => address);
    lookAround(daemon, realized);
  }
  if (isStale(daemon.settings)) unattended(refresh(daemon));
}

/** One job at a time: a reload, a lease, an hour and a repair may come together. */
export function inTurn<T>(daemon: Daemon, run: () => Promise<T>): Promise<T> {
  const mine = daemon.turn.then(run, run);
  daemon.turn = mine.catch(() => null);
  return mine;
}

/** A job that nobody waits for. What it throws (no memory) ends the program: the next agent takes
 * over from what stands, and that is better than to go on with half of a job done. */
export function unattended(job: Promise<unknown>): void {
  void job.catch((error: unknown) => {
    throw error;
  });
}

/** Enforces what the owner, the hour and the leases now want. Returns what went wrong, or null. */
export function refresh(daemon: Daemon): Promise<string | null> {
  return inTurn(daemon, async () => {
    const failed = await enforce(daemon, wantedPolicy(daemon.settings));
    if (failed === null) daemon.problems.delete('refresh');
    else {
      daemon.settings.decision = '';
      if (daemon.problems.get('refresh') !== failed) log('error', failed);
      daemon.problems.set('refresh', failed);
    }
    return failed;
  });
}

/** Takes in a changed configuration; a bad one changes nothing. Returns its problems. */
export function reload(daemon: Daemon): Promise<readonly Problem[]> {
  return inTurn(daemon, async () => {
    const { settings } = daemon;
    const before = { ...settings };
    // The engine throws null when it has no memory for the error itself.
    const taken = await takeIn(daemon).catch((error: unknown) => String(error ?? 'out of memory'));
    if (typeof taken !== 'string') return taken;
    log('error', taken);
    Object.assign(settings, before);
    // Out of memory, most likely, and half way: back to what stood.
    await enforce(daemon, wantedPolicy(settings));
    return [{ where: 'whp daemon', what: taken }];
  });
}

/** Answers the problems of the new configuration, none if it is enforced; a string: it cannot be. */
async function takeIn(daemon: Daemon): Promise<readonly Problem[] | string> {
  const { settings } = daemon;
  const problems = rereadSettings(settings);
  noteProblems(daemon, problems);
  if (problems.length > 0) return problems;
  const failed = await enforce(daemon, wantedPolicy(settings));
  if (failed === null) keepLastGood(settings);
  return failed ?? [];
}

/** What is wrong with the configuration on disk: the last good one stands. */
function noteProblems(daemon: Daemon, problems: readonly Problem[]): void {
  const [first] = problems;
  if (first === undefined) {
    daemon.problems.delete('configuration');
    return;
  }
  for (const { where, what } of problems) log('error', `not taken in: ${where}: ${what}`);
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more: whp check)` : '';
  const text = `the last good configuration stands: ${first.where}: ${first.what}${more}`;
  daemon.problems.set('configuration', text);
}

/** Leaves nothing behind: the owner stopped the agent, so everything is direct again. In an upgrade
 * all stands, as after a crash: the next agent takes it over. */
async function withdraw(daemon: Daemon): Promise<void> {
  daemon.held?.close();
  daemon.hellos?.close();
  daemon.announced?.close();
  if (daemon.standing !== null && takeHandover(daemon.legacy)) {
    log('notice', 'what stands is left to the next agent');
    return;
  }
  lowerGuard(daemon);
  // The table first: without marks the rules have nothing to catch.
  if (daemon.standing !== null) {
    await runProgram(['nft', '-f', '-'], {
      input: `add table inet ${TABLE}\ndelete table inet ${TABLE}\n${apartText(null)}`,
    });
  }
  removeLegacy(daemon.legacy);
  const realized = readPaths(daemon.paths);
  if (typeof realized === 'string') return;
  for (const operation of diff([], realized.pieces)) {
    const failed = applyOperation(daemon.paths, operation);
    if (failed !== null) log('error', failed);
  }
}
