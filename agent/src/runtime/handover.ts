// runtime/handover: takes over the table and the learned elements of an earlier agent, and keeps the files for the
// next one (runtime/handover-file).
import type { Kernel } from '../kernel/kernel.ts';
import type { Numbers } from '../kernel/own-pieces.ts';
import type { LivingElement } from '../kernel/sets.ts';
import { beginReading, endReading, takeRead } from '../learn/dynamic-sets.ts';
import { learnedEndpoints } from '../learn/endpoints.ts';
import { adoptSilence } from '../learn/silence.ts';
import { adoptElements, learnedSetsOf } from '../learn/snapshot.ts';
import { now, unattended } from '../os/clock.ts';
import { errnoText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import type { Policy } from '../policy/policy.ts';
import type { TablePiece } from '../reconcile/desired.ts';
import type { RepairEvent, RepairState } from '../reconcile/repair.ts';
import { cutSet, formerName, GATES, GATEWAYS } from '../ruleset/names.ts';
import type { State } from '../step/state.ts';
import { counted } from '../syntax/words.ts';
import { bytesIn } from '../wire/hex.ts';
import { macText } from '../wire/mac.ts';
import { readGates } from './gates.ts';
import {
  type Handover,
  readHandover,
  readOrigins,
  writeHandover,
  writeOrigins,
} from './handover-file.ts';
import { beginMove, type PathState } from './paths.ts';
import { adoptTable, noteMarks, type TableState } from './table-state.ts';

export interface HandoverState {
  /** Index of the set that tickHandover reads next, and when. */
  reading: number;
  readFrom: number;
  /** The elements of the table that was taken over are still to be read (adoptLeft). */
  isUnread: boolean;
  /** `counters.matched` when the names were last written, and when they may be written again. */
  remembered: number;
  writeFrom: number;
}

export interface HandoverNeeds {
  readonly kernel: Kernel;
  readonly table: TableState;
  readonly handover: HandoverState;
  readonly paths: PathState;
  readonly repair: RepairState;
  readonly policy: Policy;
  readonly state: State;
  readonly problems: Map<string, string>;
  /** Path of the file with the loaded table. */
  readonly handoverFile: string;
  happened(event: RepairEvent): void;
}

export function createHandover(): HandoverState {
  return { reading: 0, readFrom: 0, isUnread: false, remembered: 0, writeFrom: 0 };
}

/** To read a set of thousands of elements, or to write their names, takes a slow router a good part of a second: the
 * next one waits so many times as long. */
const PAUSES = 20;

/** When the next job may begin, after one that began at `began` and has ended now. */
function nextAfter(began: number): number {
  return now() + PAUSES * (now() - began);
}

/** What an earlier agent has left. */
export interface Left {
  readonly file: Handover | null;
  /** The file, if the table in the kernel has its fingerprint. */
  readonly standing: Handover | null;
}

export function leftBehind({ tables }: Kernel, path: string): Left {
  const file = readHandover(path);
  return { file, standing: file?.fingerprint === tables.fingerprint() ? file : null };
}

/** Elements of a set that is read twice. */
const LONG = 100;

/** Takes over an existing table. If it is the one of the file, the table itself, so that the first load changes only what
 * differs; its elements are read when they are needed, or by adoptLeft. Otherwise they are read now. */
export async function adopt(agent: HandoverNeeds, policy: Policy, left: Left): Promise<void> {
  const { kernel, state } = agent;
  if (left.file !== null) findLeft(agent, policy, left.file);
  if (kernel.tables.fingerprint() === '') return;
  const routers = kernel.sets.read(GATEWAYS);
  for (const { key } of routers.ok ? routers.value : []) state.gateways.add(macText(key, 0));
  agent.handover.isUnread = true;
  if (left.standing !== null) takeOver(agent, policy, left.standing);
  else await adoptLeft(agent, policy, 'replaced, what it had learned is kept');
}

/** Reads the elements of the table that was taken over, with their remaining timeouts. There may be thousands, and a slow
 * router reads them for seconds: no answer is held and no table loaded meanwhile. */
export async function adoptLeft(
  agent: HandoverNeeds,
  policy: Policy,
  how = 'taken over',
): Promise<void> {
  const { kernel, state } = agent;
  if (!agent.handover.isUnread) return;
  agent.handover.isUnread = false;
  const origins = readOrigins(agent.handoverFile);
  const living = new Map<string, LivingElement[]>();
  const readOf = async (set: string, from: string): Promise<void> => {
    const elements = new Map<string, LivingElement>();
    const read = () => kernel.sets.readInTurns(from, (one) => elements.set(one.key, one));
    await read();
    // The dump of a long set leaves elements out while others expire (runtime/forget).
    if (elements.size > LONG) await read();
    living.set(set, [...(living.get(set) ?? []), ...elements.values()]);
  };
  const cuts = [cutSet(4), cutSet(6)];
  for (const set of policy.apps.flatMap(learnedSetsOf)) await readOf(set, set);
  // To be removed with version 0.3.0, which takes over no table of 0.1.0.
  for (const set of [...living.keys(), ...cuts]) {
    const former = formerName(set);
    if (former !== null) await readOf(set, former);
  }
  const at = now();
  const leftIn = (set: string) =>
    (living.get(set) ?? []).map(({ key, expires }) => ({ key, left: expires - at }));
  let count = 0;
  for (const app of policy.apps) count += adoptElements(state, app, leftIn, origins, at);
  for (const set of cuts) {
    const keys = (living.get(set) ?? []).map(({ key }) => bytesIn(key));
    adoptSilence(state.silence, set, keys, at);
  }
  log('notice', `a table stands: ${how}; ${counted(count, 'learned element')}`);
}

function takeOver(
  { kernel, table }: HandoverNeeds,
  { globals }: Policy,
  { standing, slots, mask, ...left }: Handover,
): void {
  const places = { ...globals, ...left, mask: mask ?? globals.mask };
  const gates = slots.flatMap(({ name: app }) =>
    GATES.map((gate) => ({ kind: 'gate', app, gate }) as const),
  );
  const piece: TablePiece = {
    kind: 'table',
    parts: standing,
    holds: globals.hold,
    mask: places.mask,
    slots,
    preference: places.preference,
    table: places.table,
  };
  adoptTable(table, piece, readGates(kernel, gates));
}

/** The configuration may have changed while no agent ran: what was made for the numbers and marks of before is
 * looked for by them, whether the table is still there or not. */
function findLeft(agent: HandoverNeeds, { globals }: Policy, left: Handover): void {
  beginMove(agent, { globals: { ...globals, ...numbersOf(left) } });
  const { mask = globals.mask, slots } = left;
  if (mask !== globals.mask) noteMarks(agent.table, { mask, slots });
}

function numbersOf({ preference, table }: Handover): Partial<Numbers> {
  return preference === undefined || table === undefined ? {} : { preference, table };
}

/** Notes generation and fingerprint of the loaded table for reconcile/repair, and writes the file. */
export function remember(agent: HandoverNeeds): void {
  const { sets, tables } = agent.kernel;
  if (agent.table.piece === null) return;
  const generation = tables.generation();
  const fingerprint = tables.fingerprint();
  // The load is one transaction. What else the agent did beside it counts as foreign, and costs a look at others' chains.
  const own = sets.takeCommits() + 1;
  agent.happened({ kind: 'loaded', generation, own, fingerprint });
  writeHandoverFile(agent);
}

/** Writes the file for the next agent. */
export function writeHandoverFile(agent: HandoverNeeds): void {
  const { table, repair } = agent;
  if (table.piece === null || repair.fingerprint === null) return;
  const { fingerprint } = repair;
  const { parts: standing, slots, mask, preference, table: numbers } = table.piece;
  const places = { slots, mask, preference, table: numbers };
  const handover: Handover = { format: 1, fingerprint, standing, ...places };
  noteDisk(agent, writeHandover(agent.handoverFile, handover));
}

function noteDisk({ problems, handoverFile }: HandoverNeeds, errno: number): void {
  if (errno === 0) {
    problems.delete('disk');
    return;
  }
  const what = `${handoverFile}: cannot be written: ${errnoText(errno)}: a restarted agent would not take over`;
  if (!problems.has('disk')) log('error', what);
  problems.set('disk', what);
}

/** Reads a set that the ruleset fills, so that a reload can add its elements. `isGone`: another program may have
 * emptied the set; if it is empty, the elements known before are kept. */
export async function readTaught(
  { state, kernel }: HandoverNeeds,
  set: string,
  isGone = false,
): Promise<void> {
  const { taught } = state;
  if (set.includes('_addr')) return;
  const reading = beginReading(taught, set);
  let count = 0;
  const isUnread = (key: string): boolean => kernel.sets.isUnread(set, key);
  const whole = await kernel.sets.readInTurns(set, (one) => {
    takeRead(taught, reading, one, isUnread);
    count += 1;
  });
  endReading(taught, reading, whole && (count > 0 || !isGone));
}

/** Call it with every tick: reads one set, and writes the names of endpoints if there are new ones; each for a
 * twentieth of the time at most. */
export function tickHandover(agent: HandoverNeeds): void {
  const { handover, kernel, problems } = agent;
  if (handover.isUnread) return;
  const names = agent.policy.apps
    .flatMap(learnedSetsOf)
    .filter((set) => !/_(?:addr|portmap)/.test(set));
  const set = names[handover.reading % Math.max(1, names.length)];
  if (set !== undefined && !kernel.sets.isReading() && now() >= handover.readFrom) {
    handover.reading += 1;
    const began = now();
    const rest = (): void => {
      handover.readFrom = nextAfter(began);
    };
    unattended(readTaught(agent, set).then(rest));
  }
  // A full disk may have room again.
  if (problems.has('disk')) writeHandoverFile(agent);
  keepOrigins(agent);
}

function keepOrigins(agent: HandoverNeeds): void {
  const { handover, state } = agent;
  const { matched } = state.counters;
  const began = now();
  if (matched === handover.remembered || began < handover.writeFrom) return;
  handover.remembered = matched;
  const origins = learnedEndpoints(state.learned).map(({ app, address, name, device }) => ({
    app,
    address,
    name,
    device,
  }));
  noteDisk(agent, writeOrigins(agent.handoverFile, origins));
  handover.writeFrom = nextAfter(began);
}
