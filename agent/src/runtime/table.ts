// runtime/table: our table in the kernel: loads it, notes for the next agent what was loaded, takes over what
// an earlier one left, and keeps its guard beside it. What it holds comes from ruleset/ and learn/.

import { countsToKeep } from '../kernel/counters.ts';
import { raiseGuard } from '../kernel/guard.ts';
import { type LivingElement, readInTurns, readSet, type SetSocket } from '../kernel/sets.ts';
import {
  type Handover,
  readFingerprint,
  readFlowTables,
  readGeneration,
  readHandover,
  readOrigins,
  writeHandover,
  writeOrigins,
} from '../kernel/table.ts';
import { beginReading, endReading, takeRead } from '../learn/dynamic-sets.ts';
import { learnedEndpoints } from '../learn/endpoints.ts';
import { adoptElements, heldElements, learnedSetsOf, withDevices } from '../learn/snapshot.ts';
import { now, pause, unattended } from '../os/clock.ts';
import { errnoText } from '../os/errno.ts';
import { removeFile, writeText } from '../os/file.ts';
import { log } from '../os/log.ts';
import { reasonOf, runProgram } from '../os/process.ts';
import { CROWD, markOf, UNDECIDED, WATCHED } from '../policy/marks.ts';
import type { Policy } from '../policy/policy.ts';
import { apartText, isApartWanted } from '../ruleset/flow-offload.ts';
import {
  BOOT_TABLE,
  GATEWAYS,
  GUARD_TABLE,
  tunnelDevice,
  UNJUDGED_PREFIX,
} from '../ruleset/names.ts';
import { loadText, reloadText, reshapedSets, type Standing } from '../ruleset/transaction.ts';
import { macText } from '../wire/mac.ts';
import type { Agent } from './agent.ts';

/** What an earlier agent left, if its table still stands. */
export function handoverOf(sets: SetSocket, path: string): Handover | null {
  const handover = readHandover(path);
  return handover !== null && handover.fingerprint === readFingerprint(sets) ? handover : null;
}

/**
 * Takes over a table that stands: what it has learned, with what is left of each timeout, and, when
 * it is as an agent left it, the table itself: the first load then touches only what differs.
 */
export async function adopt(
  agent: Agent,
  policy: Policy,
  handover: Handover | null,
): Promise<void> {
  const { sets, dumps } = agent.effects;
  if (readFingerprint(sets) === '') return;
  const origins = readOrigins(agent.handoverFile);
  const living = new Map<string, LivingElement[]>();
  for (const set of policy.apps.flatMap(learnedSetsOf)) {
    const elements: LivingElement[] = [];
    living.set(set, elements);
    await readInTurns(sets, dumps, set, (one) => elements.push(one));
  }
  const routers = readSet(sets, GATEWAYS);
  if (typeof routers !== 'string') {
    for (const { key } of routers) agent.state.gateways.add(macText(key, 0));
  }
  const at = now();
  const leftIn = (set: string) =>
    (living.get(set) ?? []).map(({ key, expires }) => ({ key, left: expires - at }));
  let count = 0;
  for (const app of policy.apps) {
    count += adoptElements(agent.state, app, leftIn, origins, at);
  }
  agent.standing = handover?.standing ?? null;
  const how = handover === null ? 'replaced, what it had learned is kept' : 'taken over';
  log('notice', `a table stands: ${how}; ${count} learned element(s)`);
}

/** Loads `next` in one transaction. Returns what nft said, or null. */
export async function loadTable(agent: Agent, next: Standing): Promise<string | null> {
  await pause();
  const before = agent.standing;
  if (before !== null) for (const set of reshapedSets(before, next)) await readTaught(agent, set);
  const held = () => withDevices(heldElements(agent.state, now()));
  const end = endOfHold(agent);
  const { outside } = agent.state;
  const whole = () => loadText(next, held(), countsToKeep(outside, agent.effects.sets));
  const change = before === null ? whole() : reloadText(before, next, held());
  const text = change + end;
  await pause();
  let refused = text === '' ? null : await runNft(agent, text);
  // What stands is not what it was taken for: whole, with all that is known.
  if (refused !== null && before !== null) refused = await runNft(agent, whole() + end);
  if (refused !== null) return refused;
  agent.standing = next;
  if (text !== '' || agent.repair.fingerprint === null) remember(agent);
  return null;
}

/** At boot the init script holds what the home sends out, until the table stands or some seconds are over.
 * The end of that, as lines of the transaction; '' where there is no such hold. */
function endOfHold({ effects: { sets } }: Agent): string {
  if (readFingerprint(sets, BOOT_TABLE) === '') return '';
  log('notice', 'forwarding from the home was held since boot: it goes on with this');
  // Its own timer may be first.
  return `add table inet ${BOOT_TABLE}\ndelete table inet ${BOOT_TABLE}\n`;
}

/** Ends it where no table was to be loaded. */
export async function endHold(agent: Agent): Promise<void> {
  const text = endOfHold(agent);
  const refused = text === '' ? null : await runNft(agent, text);
  if (refused !== null) log('error', refused);
}

/** By way of a file in memory: a pipe is filled a few KiB each time the event loop comes round, and
 * while a table is missing that is the longest part of making it again. */
export async function runNft(agent: Agent, text: string): Promise<string | null> {
  const file = `${agent.handoverFile}.nft`;
  const isWritten = writeText(file, text, false) === 0;
  const input = isWritten ? '' : text;
  agent.effects.wait();
  const ended = await runProgram(['nft', '-f', isWritten ? file : '-'], { input });
  agent.effects.goOn();
  removeFile(file);
  return ended.status === 0 ? null : (ended.failure ?? `nft refused the table: ${reasonOf(ended)}`);
}

/** Notes how the table stands now, here and for the next agent. */
export function remember(agent: Agent): void {
  const { sets } = agent.effects;
  if (agent.standing === null) return;
  const generation = readGeneration(sets);
  const fingerprint = readFingerprint(sets);
  sets.commits = 0;
  agent.happened({ kind: 'loaded', generation, fingerprint });
  writeStanding(agent);
}

/** For the next agent. */
export function writeStanding(agent: Agent): void {
  const { standing, repair } = agent;
  if (standing === null || repair.fingerprint === null) return;
  const slots = agent.wanted.apps.map(({ name, slot }) => ({ name, slot }));
  const handover = { format: 1, fingerprint: repair.fingerprint, standing, slots } as const;
  noteDisk(agent, writeHandover(agent.handoverFile, handover));
}

function noteDisk(agent: Agent, errno: number): void {
  if (errno === 0) agent.problems.delete('disk');
  else {
    const what = `${agent.handoverFile}: ${errnoText(errno)}: a restarted agent would not take over`;
    if (!agent.problems.has('disk')) log('error', what);
    agent.problems.set('disk', what);
  }
}

/** Reads one set that the ruleset fills, so that it could be written again. `isGone`: somebody may have
 * emptied it, and what is known of it counts all the same. */
export async function readTaught(agent: Agent, set: string, isGone = false): Promise<void> {
  const { taught } = agent.state;
  const { sets, dumps } = agent.effects;
  if (set.includes('_addr')) return;
  const reading = beginReading(taught, set);
  let count = 0;
  const whole = await readInTurns(sets, dumps, set, (one) => {
    takeRead(taught, reading, one);
    count += 1;
  });
  endReading(taught, reading, whole && (count > 0 || !isGone));
}

/** With every tick: one set is read, and the names of what is learned are left for the next agent when
 * they have changed. */
export function keepMemory(agent: Agent): void {
  const names = agent.policy.apps
    .flatMap(learnedSetsOf)
    .filter((set) => !/_(?:addr|asked)/.test(set));
  const { dumps } = agent.effects;
  const set = names[agent.reading % Math.max(1, names.length)];
  if (set !== undefined && !dumps.isBusy()) {
    agent.reading += 1;
    unattended(readTaught(agent, set));
  }
  // A full disk may have room again.
  if (agent.problems.has('disk')) writeStanding(agent);
  const { matched } = agent.state.counters;
  if (matched === agent.remembered) return;
  agent.remembered = matched;
  const origins = learnedEndpoints(agent.state.learned).map(({ app, address, name, device }) => ({
    app,
    address,
    name,
    device,
  }));
  noteDisk(agent, writeOrigins(agent.handoverFile, origins));
}

/** Raises the guard, or another one where the policy asks for it; a kernel that knows none is
 * lived with. Call it when the table stands. */
export function keepGuard(agent: Agent): void {
  const { mask, lan, group } = agent.policy.globals;
  const guard = {
    table: GUARD_TABLE,
    mask,
    direct: [WATCHED, CROWD, UNDECIDED].map((mark) => markOf(mask, mark)),
    lan,
    tunnels: tunnelDevice(''),
    inner: agent.policy.proxies.flatMap(({ local, inner6 }) =>
      inner6 === undefined ? [local] : [local, inner6.local],
    ),
    group,
    prefix: agent.announced === null ? '' : UNJUDGED_PREFIX,
  };
  const key = JSON.stringify(guard);
  if (agent.standing === null || agent.guard?.key === key || agent.uselessGuard === key) return;
  lowerGuard(agent);
  const raised = raiseGuard(guard);
  if (raised.ok) {
    agent.guard = raised.value;
    agent.problems.delete('guard');
  } else if (!agent.problems.has('guard')) {
    const what = `no guard: while somebody else deletes our table, packets pass unjudged (${raised.reason})`;
    agent.problems.set('guard', what);
    log('notice', what);
  }
}

export function lowerGuard(agent: Agent): void {
  agent.guard?.lower();
  agent.guard = null;
}

/** Where others offload flows, ours are kept out of it: before they can be taken in, and again when
 * somebody begins with it. */
export async function keepApart(agent: Agent): Promise<void> {
  const { sets } = agent.effects;
  if (agent.wanted.apps.length === 0) return;
  if (!isApartWanted(readFlowTables(sets))) return;
  const refused = await runNft(agent, apartText(agent.wanted.globals.mask));
  if (refused !== null) agent.problems.set('offload', `offloaded: ${refused}`);
}
