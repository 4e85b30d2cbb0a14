// daemon: an agent from its start to its end: settings, one policy after the other, the clock's work.
// No policy here: what an event means is decided in step.ts, what stands in ruleset/ and tunnel/.
// Packet: feeds -> step -> sets -> verdict.
import { watchedPolicy } from './control/accounts.ts';
import type { Sources } from './control/load.ts';
import { namesAddresses } from './control/met.ts';
import { listenControl } from './control/serve.ts';
import {
  fallBack,
  isStale,
  keepLastGood,
  meetDevices,
  openSettings,
  rereadSettings,
  type Settings,
  wantedPolicy,
} from './control/settings.ts';
import { enforce } from './enforce.ts';
import { resolveGateways } from './gateways.ts';
import { run, startKeeping } from './keep.ts';
import { adopt, keepMemory, legacyOf, lowerGuard } from './loading.ts';
import { createNeighbours, lookAgain, lookAround } from './neighbours.ts';
import { isOwnAddress } from './policy/own.ts';
import type { Policy } from './policy/policy.ts';
import type { Problem } from './policy/result.ts';
import { diff } from './reconcile/diff.ts';
import { createRepair } from './repair/repair.ts';
import { apartText } from './ruleset/apart.ts';
import { TABLE } from './ruleset/names.ts';
import { type Daemon, inTurn } from './running.ts';
import { createState } from './state.ts';
import { step } from './step.ts';
import { every, now, pause, unattended } from './system/clock.ts';
import { leaveDnsmasq } from './system/dnsmasq.ts';
import { type Effects, openEffects } from './system/effects.ts';
import { watchFlows } from './system/flow-watch.ts';
import { filesAside } from './system/kept.ts';
import { createLate, type LateSetting } from './system/late.ts';
import { log } from './system/log.ts';
import { processAge } from './system/memory.ts';
import { applyOperation, openPaths, readNeighbours, readPaths } from './system/paths.ts';
import { reasonOf, runProgram } from './system/process.ts';
import { listenSignals } from './system/signals.ts';
import { createHelm } from './system/steering.ts';
import { type Legacy, removeLegacy, takeHandover } from './system/table.ts';
import { startWatchdog } from './system/watchdog.ts';

/** How often expired entries are forgotten and the own addresses are read again. */
const TICK_MILLISECONDS = 5000;

/** Runs until it is told to stop. Returns the exit status: 0, or 1 when it could not start. */
export async function runDaemon(sources: Sources, socketPath: string): Promise<number> {
  const asked = listenSignals();
  const effects = openEffects();
  const file = `${socketPath.replace(/\.sock$/, '')}.standing`;
  const legacy = legacyOf(effects.sets, file);
  takeHandover(file);
  // To load the program has taken a busy router seconds: the watchdog begins anew.
  await pause();
  const opened = openSettings(sources, legacy === null ? null : { apps: legacy.slots });
  if (!opened.ok) return refuse(opened.problems);
  const { settings } = opened.value;
  const policy = wantedPolicy(settings);
  await pause();
  const started = start(settings, policy, effects, file);
  if (typeof started === 'string') return refuse([{ where: 'whp daemon', what: started }]);
  const daemon = started;
  noteProblems(daemon, opened.value.problems);
  const control = listenControl(socketPath, daemon, { reload, refresh });
  if (typeof control === 'string') return refuse([{ where: socketPath, what: control }]);
  const { failed, problems } = await begin(daemon, policy, legacy, opened.value.problems);
  const stopKeeping = failed === null ? startKeeping(daemon) : failed;
  if (typeof stopKeeping === 'string') {
    control.close();
    return refuse([{ where: 'whp daemon', what: stopKeeping }]);
  }
  if (problems.length === 0) keepLastGood(settings);
  log('notice', `enforcing ${daemon.policy.apps.length} app(s), ${processAge()} s after the start`);
  daemon.flows = watchFlows(`${sources.state}/history`, () => watchedPolicy(daemon));
  if (typeof daemon.flows === 'string') log('error', daemon.flows);
  noteAside(daemon);
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

/** Enforces what was read. A file that reads well and cannot be enforced is as bad as one that does not:
 * then, too, the last good configuration stands. */
async function begin(
  daemon: Daemon,
  policy: Policy,
  legacy: Legacy | null,
  problems: readonly Problem[],
): Promise<{ readonly failed: string | null; readonly problems: readonly Problem[] }> {
  const { settings } = daemon;
  const failed = await inTurn(daemon, async () => {
    await adopt(daemon, policy, legacy);
    return enforce(daemon, policy);
  }).catch((error: unknown) => String(error ?? 'out of memory'));
  if (failed === null || problems.length > 0 || !fallBack(settings)) return { failed, problems };
  const told = [{ where: settings.sources.config, what: failed }];
  noteProblems(daemon, told);
  const again = await inTurn(daemon, () => enforce(daemon, wantedPolicy(settings)));
  return { failed: again, problems: told };
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
    loadedFor: '',
    guard: null,
    uselessGuard: '',
    repair: createRepair(policy.globals.preference, policy.globals.table),
    refused: new Map(),
    legacy,
    happened: (event) => run(daemon, event),
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
    holding: false,
    filling: null,
    ears: 'none',
    announced: null,
    addresses: [],
    since: now(),
    problems: new Map(),
    flows: null,
  };
  effects.late = createLate(effects, () => ({
    isOwn: (address) => isOwnAddress(daemon.policy, daemon.addresses, address),
    gateways: daemon.state.gateways,
    ...homeNow(daemon),
  }));
  return daemon;
}

/** Who has which address now: the neighbour table knows it of every device that speaks, DHCP's leases of
 * one that sleeps. Read when it is asked for the first time. */
function homeNow({ paths, settings }: Daemon): Pick<LateSetting, 'macOf' | 'addressesOf'> {
  let known: ReadonlyMap<string, string> | null = null;
  const read = (): ReadonlyMap<string, string> => {
    const leases = settings.hosts.flatMap(({ address, mac }) =>
      address === null ? [] : ([[address, mac]] as const),
    );
    known ??= new Map([...leases, ...readNeighbours(paths)]);
    return known;
  };
  return {
    macOf: (address) => read().get(address) ?? null,
    addressesOf: (mac) =>
      Array.from(read()).flatMap(([address, of]) => (of === mac ? address : [])),
  };
}

function tick(daemon: Daemon): void {
  daemon.effects.run(step(daemon.state, { kind: 'tick' }, now()));
  daemon.effects.cuts?.tick();
  keepMemory(daemon);
  lookAround(daemon);
  resolveGateways(daemon);
  const { settings, paths, state } = daemon;
  if (namesAddresses(settings.configured)) {
    meetDevices(settings, readNeighbours(paths), state.gateways);
  }
  if (isStale(daemon.settings)) unattended(refresh(daemon));
}

/** Enforces what the owner, the hour and the leases now want. Returns what went wrong, or null. */
function refresh(daemon: Daemon): Promise<string | null> {
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
function reload(daemon: Daemon): Promise<readonly Problem[]> {
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
  const problems = await rereadSettings(settings);
  noteProblems(daemon, problems);
  noteAside(daemon);
  if (problems.length > 0) return problems;
  lookAgain(daemon);
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

/** Files of the agent's own that it could not read: what was in them is not in force. */
function noteAside(daemon: Daemon): void {
  const { state } = daemon.settings.sources;
  const [first, ...more] = filesAside(state);
  if (first === undefined) {
    daemon.problems.delete('aside');
    return;
  }
  const others = more.length > 0 ? ` (and ${more.length} more)` : '';
  const fix = `look what was in it, then: rm ${state}/${first}; whp reload`;
  const what = `${state}/${first}${others} could not be read and is not in force; ${fix}`;
  daemon.problems.set('aside', what);
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
  daemon.effects.cuts?.close();
  lowerGuard(daemon);
  // The table first: without marks the rules have nothing to catch.
  if (daemon.standing !== null) {
    const ended = await runProgram(['nft', '-f', '-'], {
      input: `add table inet ${TABLE}\ndelete table inet ${TABLE}\n${apartText(null)}`,
    });
    if (ended.status !== 0) log('error', `table ${TABLE} is left standing: ${reasonOf(ended)}`);
  }
  removeLegacy(daemon.legacy);
  if (daemon.filling?.fills === true) await leaveDnsmasq();
  const realized = readPaths(daemon.paths);
  if (typeof realized === 'string') return;
  for (const operation of diff([], realized.pieces)) {
    const failed = applyOperation(daemon.paths, operation);
    if (failed !== null) log('error', failed);
  }
}
