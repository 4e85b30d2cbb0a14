// daemon/reload: a policy takes the place of the one before: another hour or lease, the owner's word, a file
// that has changed. What is wrong with the files is noted for `whp status`, and the last good one stands.

import { keepLastGood, rereadSettings, wantedPolicy } from '../config/settings.ts';
import { filesAside } from '../os/kept-file.ts';
import { log } from '../os/log.ts';
import { type Daemon, inTurn } from '../runtime/agent.ts';
import { enforce } from '../runtime/enforce.ts';
import { lookAgain } from '../runtime/preflight.ts';
import type { Problem } from '../syntax/result.ts';

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
export function noteProblems(daemon: Daemon, problems: readonly Problem[]): void {
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
export function noteAside(daemon: Daemon): void {
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
