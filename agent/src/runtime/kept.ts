// runtime/kept: keeps learned elements on flash beside the last good configuration, and reads them before the first
// load, so that after a reboot the first packet of a call is recognised. learn/kept-* decides which and when;
// docs/kept.md has format and pace.
import * as os from 'qjs:os';
import type { KeptAnswer } from '../answers/status.ts';
import {
  dueSets,
  holdsMore,
  lastSets,
  MOST_A_DAY,
  noteFile,
  noteRestored,
  noteWritten,
} from '../learn/kept-pace.ts';
import { expireRestored, restoreSets, setsToKeep } from '../learn/kept-sets.ts';
import { type KeptSets, keptSets, keptText, MOST_BYTES } from '../learn/kept-text.ts';
import { learnedSetsOf } from '../learn/snapshot.ts';
import { now, wallTime } from '../os/clock.ts';
import { errnoText } from '../os/errno.ts';
import { writeText } from '../os/file.ts';
import { readKept } from '../os/kept-file.ts';
import { log } from '../os/log.ts';
import { isOwnAddress } from '../policy/own-addresses.ts';
import type { Policy } from '../policy/policy.ts';
import { counted } from '../syntax/words.ts';
import type { Agent } from './agent.ts';
import { adoptLeft, readTaught } from './handover.ts';

/** For `whp status`. */
export function keptAnswer({ kept }: Agent): KeptAnswer {
  const { restored, bytes, writtenAt } = kept;
  const written = writtenAt === null ? null : Math.round((now() - writtenAt) / 1000);
  return {
    restored,
    written_ago_s: written,
    file_bytes: bytes,
    most_bytes: MOST_BYTES,
    most_writes: MOST_A_DAY,
  };
}

function fileOf(agent: Agent): string {
  return `${agent.settings.sources.state}/learned`;
}

/** Reads the file into the stores. Call it before the first load. If a table was taken over, its sets are newer and
 * the file is not used. */
export function restoreKept(agent: Agent, policy: Policy): void {
  const path = fileOf(agent);
  const read = readKept(
    path,
    (text) => {
      const sets = keptSets(text);
      if (!sets.ok) return { value: null, wrong: sets.what };
      return { value: { sets: sets.value, bytes: text.length }, wrong: null };
    },
    2 * MOST_BYTES,
  );
  if (read === null || read.value === null) return;
  const { sets, bytes } = read.value;
  const { kept, state } = agent;
  noteWritten(kept.pace, sets, now());
  const [stat] = os.stat(path);
  noteFile(kept, bytes, now() - Math.max(0, wallTime() - (stat?.mtime ?? 0)));
  if (agent.table.piece !== null) return;
  const addresses = agent.kernel.routing.addresses();
  const own = addresses.ok ? addresses.value.map(({ address }) => address) : [];
  const isOwn = (address: string): boolean => isOwnAddress(policy, own, address);
  const { taken, left } = restoreSets(state, policy.apps, sets, isOwn, now());
  noteRestored(kept, taken);
  const without =
    left === 0 ? '' : `, ${left} left out: of no application here, or no address to learn`;
  log('notice', `known from before the start: ${counted(taken, 'learned element')}${without}`);
}

/** Call it with every tick. Without an app nothing is learned, and the file is kept for later. */
export function keepLearned(agent: Agent): void {
  const { kept, state, policy } = agent;
  if (policy.apps.length === 0) return;
  const { evidence, matched, hellos } = state.counters;
  const look = (): KeptSets => {
    expireRestored(state.restored, now());
    return setsToKeep(state, policy.apps, now());
  };
  const due = dueSets(kept.pace, evidence + matched + hellos, look, now());
  if (due !== null) write(agent, due);
}

/** After `whp forget`: the file must not contain forgotten elements. */
export function keepForgotten(agent: Agent): void {
  const sets = setsToKeep(agent.state, agent.policy.apps, now());
  if (holdsMore(agent.kept.pace, sets)) write(agent, sets);
}

/** At the end of the agent: reads the sets once more, since the rules have renewed elements. */
export async function keepLast(agent: Agent): Promise<void> {
  const { kept, state, policy, table } = agent;
  if (policy.apps.length === 0) return;
  await adoptLeft(agent, policy);
  if (table.piece !== null) {
    for (const set of policy.apps.flatMap(learnedSetsOf)) await readTaught(agent, set, true);
  }
  const sets = lastSets(kept.pace, setsToKeep(state, policy.apps, now()), now());
  if (sets !== null) write(agent, sets);
}

function write(agent: Agent, sets: KeptSets): void {
  const { kept, problems, settings } = agent;
  const text = keptText(sets);
  os.mkdir(settings.sources.state, 0o755);
  const errno = writeText(fileOf(agent), text);
  // On a full disk the next try is at the same pace.
  noteWritten(kept.pace, errno === 0 ? sets : new Map(), now());
  if (errno === 0) {
    noteFile(kept, text.length, now());
    problems.delete('kept');
    return;
  }
  const what = `${fileOf(agent)}: cannot be written: ${errnoText(errno)}: after a reboot nothing learned would be known`;
  if (!problems.has('kept')) log('error', what);
  problems.set('kept', what);
}
