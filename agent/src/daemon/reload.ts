// daemon/reload: enforces a new policy after a change of the schedule, leases, choices or files. Problems of the
// files are noted for `whp status`, and the last good configuration stays in force.

import {
  forgetDecision,
  keepLastGood,
  rereadSettings,
  restoreSettings,
  wantedPolicy,
} from '../config/settings.ts';
import { errorText } from '../os/errno.ts';
import { filesAside } from '../os/kept-file.ts';
import { log } from '../os/log.ts';
import { type Agent, inTurn } from '../runtime/agent.ts';
import { enforce } from '../runtime/enforce.ts';
import { lookAgain, lookNow } from '../runtime/preflight.ts';
import type { Problem } from '../syntax/result.ts';

/** Enforces the policy that choices, schedules and leases result in now. Returns the error as text, or null. */
export function refresh(agent: Agent): Promise<string | null> {
  return inTurn(agent, async () => {
    const error = await enforce(agent, wantedPolicy(agent.settings));
    const failed = error === null ? null : errorText(error);
    if (failed === null) agent.problems.delete('refresh');
    else {
      forgetDecision(agent.settings);
      if (agent.problems.get('refresh') !== failed) log('error', failed);
      agent.problems.set('refresh', failed);
    }
    return failed;
  });
}

/** Reads the configuration again; a malformed one changes nothing. Returns its problems. */
export function reload(agent: Agent): Promise<readonly Problem[]> {
  return inTurn(agent, async () => {
    const { settings } = agent;
    const before = { ...settings };
    // The engine throws null when it has no memory for the error itself.
    const loaded = await loadAgain(agent).catch((error: unknown) => ({
      problems: [],
      failed: String(error ?? 'out of memory'),
    }));
    if (loaded.failed === null) return loaded.problems;
    log('error', loaded.failed);
    restoreSettings(settings, before);
    // Probably out of memory during the reload: enforce the settings of before.
    await enforce(agent, wantedPolicy(settings));
    return [{ where: 'whp daemon', what: loaded.failed }];
  });
}

interface Loaded {
  /** Problems of the new configuration. */
  readonly problems: readonly Problem[];
  /** Why it could not be enforced; null: it is, or was not tried. */
  readonly failed: string | null;
}

async function loadAgain(agent: Agent): Promise<Loaded> {
  const { settings } = agent;
  const problems = await rereadSettings(settings);
  noteProblems(agent, problems);
  noteAside(agent);
  if (problems.length > 0) return { problems, failed: null };
  lookAgain(agent);
  const error = await enforce(agent, wantedPolicy(settings));
  if (error !== null) return { problems: [], failed: errorText(error) };
  keepLastGood(settings);
  await lookNow(agent);
  return { problems: [], failed: null };
}

/** Notes the problems of the configuration on disk while the last good one is in force. */
export function noteProblems(agent: Agent, problems: readonly Problem[]): void {
  const [first] = problems;
  if (first === undefined) {
    agent.problems.delete('configuration');
    return;
  }
  for (const { where, what } of problems) log('error', `not loaded: ${where}: ${what}`);
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more: whp check)` : '';
  const text = `the last good configuration stands: ${first.where}: ${first.what}${more}`;
  agent.problems.set('configuration', text);
}

/** Notes the agent's own files that could not be read and are not in force. */
export function noteAside(agent: Agent): void {
  const { state } = agent.settings.sources;
  const [first, ...more] = filesAside(state);
  if (first === undefined) {
    agent.problems.delete('aside');
    return;
  }
  const others = more.length > 0 ? ` (and ${more.length} more)` : '';
  const fix = `rm ${state}/${first}; whp reload`;
  const what = `${state}/${first}${others} could not be read and is not in force; look what was in it; ${fix}`;
  agent.problems.set('aside', what);
}
