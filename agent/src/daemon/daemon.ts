// daemon/daemon: an agent from start to end: reads the settings, enforces the first policy, starts repair,
// probes and the control socket, and runs periodic work. Decisions are in step/step, ruleset/ and tunnel/.

import type { Sources } from '../config/load.ts';
import { namesAddresses } from '../config/met.ts';
import {
  fallBack,
  isStale,
  keepLastGood,
  meetDevices,
  openSettings,
  wantedPolicy,
} from '../config/settings.ts';
import { openKernel } from '../kernel/open.ts';
import { done, type KernelResult } from '../netlink/kernel-error.ts';
import { every, now, pause, unattended } from '../os/clock.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { processAge } from '../os/memory.ts';
import { listenSignals } from '../os/signals.ts';
import { startWatchdog } from '../os/watchdog.ts';
import type { Policy } from '../policy/policy.ts';
import { startAccounting, stopAccounting } from '../runtime/accounting.ts';
import { type Agent, inTurn } from '../runtime/agent.ts';
import { createAgent } from '../runtime/create.ts';
import { tickCuts } from '../runtime/cuts.ts';
import { catchUp, enforce } from '../runtime/enforce.ts';
import { startProbing } from '../runtime/failover.ts';
import { tickFeeds } from '../runtime/feeds.ts';
import { watchedPolicy } from '../runtime/flow-facts.ts';
import { resolveGateways } from '../runtime/gateways.ts';
import { adopt, type Left, leftBehind, tickHandover } from '../runtime/handover.ts';
import { takeHandover } from '../runtime/handover-file.ts';
import { keepLast, keepLearned, restoreKept } from '../runtime/kept.ts';
import { keepMade, readMade } from '../runtime/made.ts';
import { countsToKeep, keepCounts, readKeptCounts } from '../runtime/meter.ts';
import { lookAround } from '../runtime/preflight.ts';
import { startKeeping } from '../runtime/repair.ts';
import { endHold } from '../runtime/table.ts';
import { withdraw } from '../runtime/withdraw.ts';
import { step, TICK_MILLISECONDS } from '../step/step.ts';
import type { Problem } from '../syntax/result.ts';
import { counted } from '../syntax/words.ts';
import { findAudit, keepAudit } from './audit.ts';
import { noteAside, noteProblems, refresh, reload } from './reload.ts';
import { listenControl } from './serve.ts';

/** Runs until a signal ends it. Returns the exit status: 0, or 1 if it could not start. */
export async function runDaemon(sources: Sources, socketPath: string): Promise<number> {
  const asked = listenSignals();
  const file = `${socketPath.replace(/\.sock$/, '')}.standing`;
  const opened = openKernel(`${file}.nft`);
  if (!opened.ok) return refuse([{ where: 'whp daemon', what: errorText(opened.error) }]);
  const kernel = opened.value;
  const left = leftBehind(kernel, file);
  takeHandover(file);
  // Loading the program may have taken seconds on a busy router: pause() restarts the watchdog's time.
  await pause();
  const made = readMade(file);
  const read = openSettings(sources, left.standing && { apps: left.standing.slots });
  if (!read.ok) return refuse(read.problems);
  const { settings } = read.value;
  const policy = wantedPolicy(settings);
  await pause();
  const agent = createAgent(settings, policy, kernel, file, made);
  readKeptCounts(agent.state.outside, file);
  noteProblems(agent, read.value.problems);
  const control = listenControl(socketPath, agent, { reload, refresh });
  if (!control.ok) return refuse([{ where: socketPath, what: control.what }]);
  const { failed, problems } = await begin(agent, policy, left, read.value.problems);
  const keeping: KernelResult<() => void> = failed === null ? startKeeping(agent) : done(() => {});
  const wrong = failed ?? (keeping.ok ? null : errorText(keeping.error));
  if (!keeping.ok || wrong !== null) {
    control.value.close();
    return refuse([{ where: 'whp daemon', what: wrong ?? '' }]);
  }
  if (problems.length === 0) keepLastGood(settings);
  const apps = counted(agent.policy.apps.length, 'app');
  log('notice', `enforcing ${apps}, ${processAge()} s after the start`);
  unattended(inTurn(agent, () => catchUp(agent)));
  const history = `${sources.state}/history`;
  startAccounting(agent.accounting, kernel, history, () => watchedPolicy(agent));
  noteAside(agent);
  findAudit(agent);
  startProbing(agent.failover);
  const watchdog = startWatchdog(socketPath);
  const stopTicking = every(TICK_MILLISECONDS, () => {
    tick(agent);
    watchdog.look();
  });
  asked.onReload(() => unattended(reload(agent)));
  await asked.stopped;
  stopTicking();
  stopAccounting(agent.accounting);
  // While the control socket answers, the second watchdog does not act.
  await inTurn(agent, () => keepLast(agent)).catch((error: unknown) => log('error', String(error)));
  keeping.value();
  control.value.close();
  await withdraw(agent);
  return 0;
}

/** Enforces the first policy. If a well-formed configuration cannot be enforced, the last good one is, as for a
 * malformed one. */
async function begin(
  agent: Agent,
  policy: Policy,
  left: Left,
  problems: readonly Problem[],
): Promise<{ readonly failed: string | null; readonly problems: readonly Problem[] }> {
  const { settings } = agent;
  const failed = await inTurn(agent, async () => {
    await adopt(agent, policy, left);
    await pause();
    restoreKept(agent, policy);
    await pause();
    const wrong = await enforce(agent, policy);
    if (wrong === null) await endHold(agent);
    return wrong === null ? null : errorText(wrong);
  }).catch((error: unknown) => String(error ?? 'out of memory'));
  if (failed === null || problems.length > 0 || !fallBack(settings)) return { failed, problems };
  const told = [{ where: settings.sources.config, what: failed }];
  noteProblems(agent, told);
  const again = await inTurn(agent, () => enforce(agent, wantedPolicy(settings)));
  return { failed: again === null ? null : errorText(again), problems: told };
}

function refuse(problems: readonly Problem[]): number {
  for (const { where, what } of problems) log('error', `${where}: ${what}`);
  return 1;
}

function tick(agent: Agent): void {
  agent.effects.run(step(agent.state, { kind: 'tick' }, now()));
  tickFeeds(agent);
  tickCuts(agent.effects);
  tickHandover(agent);
  keepLearned(agent);
  keepMade(agent.table, agent.handoverFile);
  keepOutside(agent);
  keepAudit(agent);
  lookAround(agent);
  resolveGateways(agent);
  const { settings, kernel, state } = agent;
  if (namesAddresses(settings.configured)) {
    meetDevices(settings, kernel.routing.neighbours(), state.gateways);
  }
  if (isStale(agent.settings)) unattended(refresh(agent));
}

/** If the meter has announced packets: writes its counters to the file, since the table may have to be loaded
 * anew. */
function keepOutside({ state, kernel, handoverFile }: Agent): void {
  if (state.outside.unread.size > 0)
    keepCounts(countsToKeep(state.outside, kernel.tables), handoverFile);
}
