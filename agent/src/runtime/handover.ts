// runtime/handover: what an earlier agent left is taken over, and what this one has loaded and learned is noted for
// the next one (runtime/handover-file).
import type { Kernel } from '../kernel/kernel.ts';
import type { LivingElement } from '../kernel/sets.ts';
import { beginReading, endReading, takeRead } from '../learn/dynamic-sets.ts';
import { learnedEndpoints } from '../learn/endpoints.ts';
import { adoptElements, learnedSetsOf } from '../learn/snapshot.ts';
import { now, unattended } from '../os/clock.ts';
import { errnoText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import type { Policy } from '../policy/policy.ts';
import type { RepairEvent, RepairState } from '../reconcile/repair.ts';
import { GATES, GATEWAYS } from '../ruleset/names.ts';
import type { State } from '../step/state.ts';
import { macText } from '../wire/mac.ts';
import { readGates } from './gates.ts';
import {
  type Handover,
  readHandover,
  readOrigins,
  writeHandover,
  writeOrigins,
} from './handover-file.ts';
import { adoptTable, type TableState } from './table-state.ts';

export interface MemoryState {
  /** Sets that were read so far. */
  reading: number;
  /** Matched answers when the names were written. */
  remembered: number;
}

export interface HandoverNeeds {
  readonly kernel: Kernel;
  readonly table: TableState;
  readonly memory: MemoryState;
  readonly repair: RepairState;
  readonly policy: Policy;
  readonly state: State;
  readonly problems: Map<string, string>;
  /** Where the next agent finds what this one has loaded. */
  readonly handoverFile: string;
  happened(event: RepairEvent): void;
}

export function createMemory(): MemoryState {
  return { reading: 0, remembered: 0 };
}

/** What an earlier agent left, if its table is still as it was left. */
export function handoverOf({ tables }: Kernel, path: string): Handover | null {
  const handover = readHandover(path);
  return handover !== null && handover.fingerprint === tables.fingerprint() ? handover : null;
}

/**
 * Takes over a table that stands: what it has learned, with what is left of each timeout, and, when
 * it is as an agent left it, the table itself: the first load then touches only what differs.
 */
export async function adopt(
  agent: HandoverNeeds,
  policy: Policy,
  handover: Handover | null,
): Promise<void> {
  const { kernel, state } = agent;
  if (kernel.tables.fingerprint() === '') return;
  const origins = readOrigins(agent.handoverFile);
  const living = new Map<string, LivingElement[]>();
  for (const set of policy.apps.flatMap(learnedSetsOf)) {
    const elements: LivingElement[] = [];
    living.set(set, elements);
    await kernel.sets.readInTurns(set, (one) => elements.push(one));
  }
  const routers = kernel.sets.read(GATEWAYS);
  for (const { key } of routers.ok ? routers.value : []) state.gateways.add(macText(key, 0));
  const at = now();
  const leftIn = (set: string) =>
    (living.get(set) ?? []).map(({ key, expires }) => ({ key, left: expires - at }));
  let count = 0;
  for (const app of policy.apps) count += adoptElements(state, app, leftIn, origins, at);
  if (handover !== null) takeOver(agent, policy, handover);
  const how = handover === null ? 'replaced, what it had learned is kept' : 'taken over';
  log('notice', `a table stands: ${how}; ${count} learned element(s)`);
}

function takeOver({ kernel, table }: HandoverNeeds, { globals }: Policy, handover: Handover): void {
  const { standing, slots } = handover;
  const { mask, hold } = globals;
  const gates = slots.flatMap(({ name: app }) =>
    GATES.map((gate) => ({ kind: 'gate', app, gate }) as const),
  );
  adoptTable(
    table,
    { kind: 'table', standing, holds: hold, mask, slots },
    readGates(kernel, gates),
  );
}

/** Notes how the table is now, here and for the next agent. */
export function remember(agent: HandoverNeeds): void {
  const { sets, tables } = agent.kernel;
  if (agent.table.piece === null) return;
  const generation = tables.generation();
  const fingerprint = tables.fingerprint();
  sets.takeCommits();
  agent.happened({ kind: 'loaded', generation, fingerprint });
  writeStanding(agent);
}

/** For the next agent. */
export function writeStanding(agent: HandoverNeeds): void {
  const { table, repair } = agent;
  if (table.piece === null || repair.fingerprint === null) return;
  const { fingerprint } = repair;
  const { standing, slots } = table.piece;
  noteDisk(agent, writeHandover(agent.handoverFile, { format: 1, fingerprint, standing, slots }));
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

/** Reads one set that the ruleset fills, so that it could be written again. `isGone`: another program may have
 * emptied it, and what is known of it counts all the same. */
export async function readTaught(
  { state, kernel }: HandoverNeeds,
  set: string,
  isGone = false,
): Promise<void> {
  const { taught } = state;
  if (set.includes('_addr')) return;
  const reading = beginReading(taught, set);
  let count = 0;
  const whole = await kernel.sets.readInTurns(set, (one) => {
    takeRead(taught, reading, one);
    count += 1;
  });
  endReading(taught, reading, whole && (count > 0 || !isGone));
}

/** With every tick: one set is read, and the names of what is learned are left for the next agent when
 * they have changed. */
export function keepMemory(agent: HandoverNeeds): void {
  const { memory, kernel, state, problems } = agent;
  const names = agent.policy.apps
    .flatMap(learnedSetsOf)
    .filter((set) => !/_(?:addr|asked)/.test(set));
  const set = names[memory.reading % Math.max(1, names.length)];
  if (set !== undefined && !kernel.sets.isReading()) {
    memory.reading += 1;
    unattended(readTaught(agent, set));
  }
  // A full disk may have room again.
  if (problems.has('disk')) writeStanding(agent);
  const { matched } = state.counters;
  if (matched === memory.remembered) return;
  memory.remembered = matched;
  const origins = learnedEndpoints(state.learned).map(({ app, address, name, device }) => ({
    app,
    address,
    name,
    device,
  }));
  noteDisk(agent, writeOrigins(agent.handoverFile, origins));
}
