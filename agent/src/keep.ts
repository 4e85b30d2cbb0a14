// keep: what stands in the kernel stays as the agent left it. Loads the table, remembers what was
// loaded for the next agent, takes over what an earlier one left, and runs repair/ on what others
// do meanwhile. The daemon's other half: daemon.ts makes, this keeps.
import { buildPaths, type Daemon, enforce, inTurn, unattended, withMtus } from './daemon.ts';
import { adoptElements, heldElements, learnedSetsOf } from './learn/held.ts';
import { learnedEndpoints } from './learn/learned.ts';
import { replaceTaught } from './learn/taught.ts';
import { markOf, UNDECIDED, WATCHED } from './policy/marks.ts';
import type { Policy } from './policy/policy.ts';
import { type RepairEffect, type RepairEvent, repairStep } from './repair/repair.ts';
import { apartText, apartWanted } from './ruleset/apart.ts';
import { GUARD_TABLE, tunnelDevice, UNJUDGED_PREFIX } from './ruleset/names.ts';
import { loadText, reloadText, reshapedSets, type Standing } from './ruleset/standing.ts';
import { after, every, now, pause } from './system/clock.ts';
import { errnoText } from './system/errno.ts';
import { removeFile, writeText } from './system/file.ts';
import { raiseGuard } from './system/guard.ts';
import { log } from './system/log.ts';
import { readPaths } from './system/paths.ts';
import { runProgram } from './system/process.ts';
import { readSet, type Sets } from './system/sets.ts';
import {
  type Legacy,
  readFingerprint,
  readFlowTables,
  readGeneration,
  readLegacy,
  readOrigins,
  writeLegacy,
  writeOrigins,
} from './system/table.ts';
import { openWatch } from './system/watch.ts';

/** How often the kernel is asked for the number of its nftables transactions: one small message.
 * Half of the second within which a deleted table stands again. */
const ASK_MILLISECONDS = 500;

/** What an earlier agent left, if its table still stands. */
export function legacyOf(sets: Sets | string, path: string): Legacy | null {
  if (typeof sets === 'string') return null;
  const legacy = readLegacy(path);
  return legacy !== null && legacy.fingerprint === readFingerprint(sets) ? legacy : null;
}

/**
 * Takes over a table that stands: what it has learned, with what is left of each timeout, and, when
 * it is as an agent left it, the table itself: the first load then touches only what differs.
 */
export function adopt(daemon: Daemon, policy: Policy, legacy: Legacy | null): void {
  const { sets } = daemon.effects;
  if (typeof sets === 'string' || readFingerprint(sets) === '') return;
  const origins = readOrigins(daemon.legacy);
  const at = now();
  let count = 0;
  for (const app of policy.apps) {
    count += adoptElements(daemon.state, app, (set) => leftIn(sets, set), origins, at);
  }
  daemon.standing = legacy?.standing ?? null;
  const how = legacy === null ? 'replaced, what it had learned is kept' : 'taken over';
  log('notice', `a table stands: ${how}; ${count} learned element(s)`);
}

function leftIn(sets: Sets, set: string) {
  const found = readSet(sets, set);
  if (typeof found === 'string') return [];
  return found.map(({ key, expiration }) => ({ key, left: expiration ?? 0 }));
}

/** Loads `next` in one transaction. Returns what nft said, or null. */
export async function loadTable(daemon: Daemon, next: Standing): Promise<string | null> {
  await pause();
  const before = daemon.standing;
  if (before !== null) for (const set of reshapedSets(before, next)) readTaught(daemon, set);
  const held = () => heldElements(daemon.state, now());
  const text = before === null ? loadText(next, held()) : reloadText(before, next, held());
  await pause();
  let refused = text === '' ? null : await runNft(daemon, text);
  // What stands is not what it was taken for: whole, with all that is known.
  if (refused !== null && before !== null) refused = await runNft(daemon, loadText(next, held()));
  if (refused !== null) return refused;
  daemon.standing = next;
  if (text !== '' || daemon.repair.fingerprint === null) remember(daemon);
  return null;
}

/** By way of a file in memory: a pipe is filled a few KiB each time the event loop comes round, and
 * while a table is missing that is the longest part of making it again. */
async function runNft(daemon: Daemon, text: string): Promise<string | null> {
  const file = `${daemon.legacy}.nft`;
  const isWritten = writeText(file, text) === 0;
  const input = isWritten ? '' : text;
  const { status, stderr } = await runProgram(['nft', '-f', isWritten ? file : '-'], { input });
  removeFile(file);
  return status === 0 ? null : `nft refused the table: ${stderr.trim()}`;
}

/** Notes how the table stands now, here and for the next agent. */
function remember(daemon: Daemon): void {
  const { sets } = daemon.effects;
  if (typeof sets === 'string' || daemon.standing === null) return;
  const generation = readGeneration(sets);
  const fingerprint = readFingerprint(sets);
  sets.commits = 0;
  run(daemon, { kind: 'loaded', generation, fingerprint });
  writeStanding(daemon);
}

/** For the next agent. */
function writeStanding(daemon: Daemon): void {
  const { standing, repair } = daemon;
  if (standing === null || repair.fingerprint === null) return;
  const slots = daemon.wanted.apps.map(({ name, slot }) => ({ name, slot }));
  const legacy = { format: 1, fingerprint: repair.fingerprint, standing, slots } as const;
  noteDisk(daemon, writeLegacy(daemon.legacy, legacy));
}

function noteDisk(daemon: Daemon, errno: number): void {
  if (errno === 0) daemon.problems.delete('disk');
  else {
    const what = `${daemon.legacy}: ${errnoText(errno)}: a restarted agent would not take over`;
    if (!daemon.problems.has('disk')) log('error', what);
    daemon.problems.set('disk', what);
  }
}

/** Reads one set that the ruleset fills, so that it could be written again. */
function readTaught(daemon: Daemon, set: string): void {
  const { sets } = daemon.effects;
  if (typeof sets === 'string' || set.includes('_addr')) return;
  const found = readSet(sets, set);
  if (typeof found === 'string') return;
  const at = now();
  const elements = found.map(({ key, expiration }) => ({ key, expires: at + (expiration ?? 0) }));
  replaceTaught(daemon.state.taught, set, elements);
}

/** With every tick: one set is read, so that a large one costs no long pause, and the names of what
 * is learned are left for the next agent when they have changed. */
export function keepMemory(daemon: Daemon): void {
  const names = daemon.policy.apps
    .flatMap(learnedSetsOf)
    .filter((set) => !/_(?:addr|asked)/.test(set));
  const set = names[daemon.reading % Math.max(1, names.length)];
  daemon.reading += 1;
  if (set !== undefined) readTaught(daemon, set);
  // A full disk may have room again.
  if (daemon.problems.has('disk')) writeStanding(daemon);
  const { matched } = daemon.state.counters;
  if (matched === daemon.remembered) return;
  daemon.remembered = matched;
  const origins = learnedEndpoints(daemon.state.learned).map(({ app, address, name, device }) => ({
    app,
    address,
    name,
    device,
  }));
  noteDisk(daemon, writeOrigins(daemon.legacy, origins));
}

/** Watches until the result is called. A string is the error. */
export function startKeeping(daemon: Daemon): (() => void) | string {
  const watch = openWatch(daemon.paths.socket.port, (event) =>
    run(daemon, event === null ? { kind: 'overrun' } : { kind: 'route', event }),
  );
  if (typeof watch === 'string') return watch;
  const stopAsking = every(ASK_MILLISECONDS, () => {
    const { sets } = daemon.effects;
    if (typeof sets === 'string' || daemon.standing === null) return;
    const own = sets.commits;
    sets.commits = 0;
    run(daemon, { kind: 'generation', generation: readGeneration(sets), own });
  });
  return () => {
    stopAsking();
    watch.close();
  };
}

/** Raises the guard, or another one where the policy asks for it; a kernel that knows none is
 * lived with. Call it when the table stands. */
export function keepGuard(daemon: Daemon): void {
  const { mask, lan, group } = daemon.policy.globals;
  const guard = {
    table: GUARD_TABLE,
    mask,
    // 14 and 15: 0b111x.
    direct: markOf(mask, UNDECIDED & WATCHED),
    lan,
    tunnels: tunnelDevice(''),
    group,
    prefix: daemon.announced === null ? '' : UNJUDGED_PREFIX,
  };
  const key = JSON.stringify(guard);
  if (daemon.standing === null || daemon.guard?.key === key || daemon.uselessGuard === key) return;
  lowerGuard(daemon);
  const raised = raiseGuard(guard);
  if (typeof raised !== 'string') {
    daemon.guard = raised;
    daemon.problems.delete('guard');
  } else if (!daemon.problems.has('guard')) {
    const what = `no guard: while somebody else deletes our table, packets pass unjudged (${raised})`;
    daemon.problems.set('guard', what);
    log('notice', what);
  }
}

export function lowerGuard(daemon: Daemon): void {
  daemon.guard?.lower();
  daemon.guard = null;
}

/** One event through repair/, and what it calls for. */
export function run(daemon: Daemon, event: RepairEvent): void {
  for (const effect of repairStep(daemon.repair, event, now())) act(daemon, effect);
}

function act(daemon: Daemon, effect: RepairEffect): void {
  switch (effect.kind) {
    case 'look-table':
      unattended(inTurn(daemon, async () => look(daemon)));
      break;
    case 'restore-table':
      unattended(inTurn(daemon, () => restore(daemon, effect.why)));
      break;
    case 'mend-paths':
      unattended(inTurn(daemon, () => mend(daemon)));
      break;
    case 'wake':
      after(effect.milliseconds, () => run(daemon, { kind: 'due' }));
      break;
    case 'lift-guard':
      if (daemon.guard === null) break;
      daemon.uselessGuard = effect.forGood ? daemon.guard.key : '';
      lowerGuard(daemon);
      daemon.problems.set('guard', effect.why);
      log('error', effect.why);
      break;
  }
}

async function look(daemon: Daemon): Promise<void> {
  const { sets } = daemon.effects;
  if (typeof sets === 'string') return;
  run(daemon, { kind: 'table', fingerprint: readFingerprint(sets) });
  await keepApart(daemon);
}

/** Where others offload flows, ours are kept out of it: before they can be taken in, and again when
 * somebody begins with it. */
export async function keepApart(daemon: Daemon): Promise<void> {
  const { sets } = daemon.effects;
  if (typeof sets === 'string' || daemon.wanted.apps.length === 0) return;
  const wanted = apartWanted(readFlowTables(sets));
  if (wanted === null) return;
  const refused = await runNft(daemon, apartText(wanted ? daemon.wanted.globals.mask : null));
  if (refused === null) {
    daemon.problems.delete('offload');
    log('notice', wanted ? 'flow offloading: our flows are kept out of it' : 'no flow offloading');
  } else {
    const what = `flow offloading: our flows are not kept out of it (${refused})`;
    if (!daemon.problems.has('offload')) log('error', what);
    daemon.problems.set('offload', what);
  }
}

/** The table again as it was, with everything it had learned. */
async function restore(daemon: Daemon, why: string): Promise<void> {
  const { standing } = daemon;
  if (standing === null) return;
  const began = now();
  // What somebody changed may still hold what was learned; what is deleted is known here.
  for (const set of daemon.policy.apps.flatMap(learnedSetsOf)) readKept(daemon, set);
  const held = heldElements(daemon.state, now());
  const refused = await runNft(daemon, loadText(standing, held));
  if (refused !== null) {
    daemon.problems.set('table', refused);
    log('error', refused);
    run(daemon, { kind: 'failed' });
    return;
  }
  daemon.problems.delete('table');
  remember(daemon);
  keepGuard(daemon);
  daemon.helm.assert();
  daemon.effects.late?.all();
  const elements = Array.from(held.values()).reduce((sum, list) => sum + list.length, 0);
  told(
    daemon,
    `${why}: it stands again after ${Math.round(now() - began)} ms, with ${elements} learned element(s)`,
  );
}

/** A set that still has something in it is more exact than what is known of it. */
function readKept(daemon: Daemon, set: string): void {
  const { sets } = daemon.effects;
  const found = typeof sets === 'string' ? sets : readSet(sets, set);
  if (typeof found !== 'string' && found.length > 0) readTaught(daemon, set);
}

/** Devices, addresses, routes and rules as they should be; the MTU as the way to the proxy is now. */
async function mend(daemon: Daemon): Promise<void> {
  const realized = readPaths(daemon.paths);
  if (typeof realized === 'string') {
    daemon.problems.set('paths', realized);
    return;
  }
  daemon.addresses = realized.addresses.map(({ address }) => address);
  const policy = withMtus(daemon, daemon.wanted, realized);
  const fits = policy.proxies.every(({ mtu }, i) => mtu === daemon.policy.proxies[i]?.mtu);
  if (!fits) {
    const failed = await enforce(daemon, daemon.wanted);
    told(daemon, failed ?? 'the way to a proxy takes packets of another size now');
    return;
  }
  const made = buildPaths(daemon, daemon.policy, realized);
  if (made.length > 0)
    told(daemon, `somebody removed ${made.length} of our pieces, made again: ${made.join(', ')}`);
}

function told(daemon: Daemon, what: string): void {
  daemon.repairs.count += 1;
  daemon.repairs.last = what;
  daemon.repairs.at = now();
  log('notice', `repaired: ${what}`);
}
