// daemon/daemon: an agent from its start to its end: settings, one policy after the other, the clock's work.
// No policy here: what an event means is decided in step/step, what stands in ruleset/ and tunnel/.
// Packet: feeds -> step -> sets -> verdict.

import type { Sources } from '../config/load.ts';
import { namesAddresses } from '../config/met.ts';
import {
  fallBack,
  isStale,
  keepLastGood,
  meetDevices,
  openSettings,
  type Settings,
  wantedPolicy,
} from '../config/settings.ts';
import { countsToKeep, keepCounts, readKeptCounts } from '../kernel/counters.ts';
import { openKernel } from '../kernel/kernel.ts';
import { applyOperation, openRouting, readNeighbours, readRealized } from '../kernel/routing.ts';
import { type Handover, removeHandover, takeHandover } from '../kernel/table.ts';
import { createKept } from '../learn/kept-pace.ts';
import { every, now, pause, unattended } from '../os/clock.ts';
import { log } from '../os/log.ts';
import { processAge } from '../os/memory.ts';
import { reasonOf, runProgram } from '../os/process.ts';
import { listenSignals } from '../os/signals.ts';
import { startWatchdog } from '../os/watchdog.ts';
import { isOwnAddress } from '../policy/own-addresses.ts';
import type { Policy } from '../policy/policy.ts';
import { diff } from '../reconcile/diff.ts';
import { createRepair } from '../reconcile/repair.ts';
import { leaveDnsmasq } from '../router/dnsmasq.ts';
import { auditText } from '../ruleset/audit.ts';
import { apartText } from '../ruleset/flow-offload.ts';
import { TABLE } from '../ruleset/names.ts';
import { watchFlows } from '../runtime/accounting.ts';
import { type Agent, inTurn } from '../runtime/agent.ts';
import { type Effects, openEffects } from '../runtime/effects.ts';
import { enforce } from '../runtime/enforce.ts';
import { createFailover } from '../runtime/failover.ts';
import { watchedPolicy } from '../runtime/flow-facts.ts';
import { resolveGateways } from '../runtime/gateways.ts';
import { keepLast, keepLearned, restoreKept } from '../runtime/kept.ts';
import { createLate, type LateSetting } from '../runtime/late-flows.ts';
import { createNeighbours } from '../runtime/neighbours.ts';
import { lookAround } from '../runtime/preflight.ts';
import { run, startKeeping } from '../runtime/repair.ts';
import { adopt, endHold, handoverOf, keepMemory, lowerGuard } from '../runtime/table.ts';
import { createState } from '../step/state.ts';
import { step } from '../step/step.ts';
import type { Problem } from '../syntax/result.ts';
import { findAudit, keepAudit } from './audit.ts';
import { noteAside, noteProblems, refresh, reload } from './reload.ts';
import { listenControl } from './serve.ts';

/** How often expired entries are forgotten and the own addresses are read again. */
const TICK_MILLISECONDS = 5000;

/** Runs until it is told to stop. Returns the exit status: 0, or 1 when it could not start. */
export async function runDaemon(sources: Sources, socketPath: string): Promise<number> {
  const asked = listenSignals();
  const kernel = openKernel();
  if (!kernel.ok) return refuse([{ where: 'whp daemon', what: kernel.reason }]);
  const effects = openEffects(kernel.value);
  const file = `${socketPath.replace(/\.sock$/, '')}.standing`;
  const handover = handoverOf(effects.sets, file);
  takeHandover(file);
  // To load the program has taken a busy router seconds: the watchdog begins anew.
  await pause();
  const opened = openSettings(sources, handover === null ? null : { apps: handover.slots });
  if (!opened.ok) return refuse(opened.problems);
  const { settings } = opened.value;
  const policy = wantedPolicy(settings);
  await pause();
  const started = start(settings, policy, effects, file);
  if (typeof started === 'string') return refuse([{ where: 'whp daemon', what: started }]);
  const agent = started;
  noteProblems(agent, opened.value.problems);
  const control = listenControl(socketPath, agent, { reload, refresh });
  if (typeof control === 'string') return refuse([{ where: socketPath, what: control }]);
  const { failed, problems } = await begin(agent, policy, handover, opened.value.problems);
  const keeping = failed === null ? startKeeping(agent) : { ok: false as const, reason: failed };
  if (!keeping.ok) {
    control.close();
    return refuse([{ where: 'whp daemon', what: keeping.reason }]);
  }
  if (problems.length === 0) keepLastGood(settings);
  log('notice', `enforcing ${agent.policy.apps.length} app(s), ${processAge()} s after the start`);
  agent.flows = watchFlows(`${sources.state}/history`, () => watchedPolicy(agent));
  if (!agent.flows.ok) log('error', agent.flows.reason);
  noteAside(agent);
  findAudit(agent);
  agent.failover.start();
  const watchdog = startWatchdog(socketPath);
  const stopTicking = every(TICK_MILLISECONDS, () => {
    tick(agent);
    watchdog.look();
  });
  asked.onReload(() => unattended(reload(agent)));
  await asked.stopped;
  stopTicking();
  if (agent.flows.ok) agent.flows.value.close();
  // While the control socket answers, the watchdog waits.
  await inTurn(agent, () => keepLast(agent)).catch((error: unknown) => log('error', String(error)));
  keeping.value();
  control.close();
  await inTurn(agent, () => withdraw(agent));
  return 0;
}

/** Enforces what was read. A file that reads well and cannot be enforced is as bad as one that does not:
 * then, too, the last good configuration stands. */
async function begin(
  agent: Agent,
  policy: Policy,
  handover: Handover | null,
  problems: readonly Problem[],
): Promise<{ readonly failed: string | null; readonly problems: readonly Problem[] }> {
  const { settings } = agent;
  const failed = await inTurn(agent, async () => {
    await adopt(agent, policy, handover);
    await pause();
    restoreKept(agent, policy);
    await pause();
    const wrong = await enforce(agent, policy);
    if (wrong === null) await endHold(agent);
    return wrong;
  }).catch((error: unknown) => String(error ?? 'out of memory'));
  if (failed === null || problems.length > 0 || !fallBack(settings)) return { failed, problems };
  const told = [{ where: settings.sources.config, what: failed }];
  noteProblems(agent, told);
  const again = await inTurn(agent, () => enforce(agent, wantedPolicy(settings)));
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
  handoverFile: string,
): Agent | string {
  const routing = openRouting(policy.globals);
  if (!routing.ok) return routing.reason;
  const paths = routing.value;
  const agent: Agent = {
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
    handoverFile,
    happened: (event) => run(agent, event),
    repairs: { count: 0, last: '', at: 0 },
    neighbours: createNeighbours(),
    reading: 0,
    remembered: 0,
    kept: createKept(now()),
    state: createState(policy, () => false),
    paths,
    effects,
    failover: createFailover(paths, effects),
    held: null,
    hellos: null,
    holding: false,
    filling: null,
    ears: 'none',
    announced: null,
    watched: [],
    addresses: [],
    since: now(),
    problems: new Map(),
    audit: null,
    flows: { ok: false, reason: 'the agent begins: flows are counted once it enforces' },
  };
  readKeptCounts(agent.state.outside, handoverFile);
  effects.late = createLate(effects, () => ({
    isOwn: (address) => isOwnAddress(agent.policy, agent.addresses, address),
    gateways: agent.state.gateways,
    ...homeNow(agent),
  }));
  return agent;
}

/** Who has which address now: the neighbour table knows it of every device that speaks, DHCP's leases of
 * one that sleeps. Read when it is asked for the first time. */
function homeNow({ paths, settings }: Agent): Pick<LateSetting, 'macOf' | 'addressesOf'> {
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

function tick(agent: Agent): void {
  agent.effects.run(step(agent.state, { kind: 'tick' }, now()));
  agent.effects.cuts?.tick();
  keepMemory(agent);
  keepLearned(agent);
  keepOutside(agent);
  keepAudit(agent);
  lookAround(agent);
  resolveGateways(agent);
  const { settings, paths, state } = agent;
  if (namesAddresses(settings.configured)) {
    meetDevices(settings, readNeighbours(paths), state.gateways);
  }
  if (isStale(agent.settings)) unattended(refresh(agent));
}

/** The counters, where the meter has announced something, for the table that may have to be made anew. */
function keepOutside({ state, effects, handoverFile }: Agent): void {
  if (state.outside.unread.size > 0)
    keepCounts(countsToKeep(state.outside, effects.sets), handoverFile);
}

/** Leaves nothing behind: the owner stopped the agent, so everything is direct again. In an upgrade
 * all stands, as after a crash: the next agent takes it over. */
async function withdraw(agent: Agent): Promise<void> {
  agent.held?.close();
  agent.hellos?.close();
  agent.announced?.close();
  for (const feed of agent.watched) feed.close();
  if (agent.standing !== null && takeHandover(agent.handoverFile)) {
    log('notice', 'what stands is left to the next agent');
    return;
  }
  agent.effects.cuts?.close();
  lowerGuard(agent);
  if (agent.standing !== null) {
    keepCounts(countsToKeep(agent.state.outside, agent.effects.sets), agent.handoverFile);
  }
  // The table first: without marks the rules have nothing to catch.
  if (agent.standing !== null) {
    const ended = await runProgram(['nft', '-f', '-'], {
      input: `add table inet ${TABLE}\ndelete table inet ${TABLE}\n${apartText(null)}${auditText(null, [])}`,
    });
    if (ended.status !== 0) log('error', `table ${TABLE} is left standing: ${reasonOf(ended)}`);
  }
  removeHandover(agent.handoverFile);
  if (agent.filling?.fills === true) await leaveDnsmasq();
  const realized = readRealized(agent.paths);
  if (typeof realized === 'string') return;
  for (const operation of diff([], realized.pieces)) {
    const failed = applyOperation(agent.paths, operation);
    if (failed !== null) log('error', failed);
  }
}
