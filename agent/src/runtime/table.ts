// runtime/table: compiles `table inet whp` from a policy, and loads it in one transaction with everything learned.

import { ENDED_AT_ONCE, listWhole } from '../kernel/conntrack.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { heldElements, withDevices } from '../learn/snapshot.ts';
import { isNoSubsystem, type KernelError } from '../netlink/kernel-error.ts';
import { inParts, now, pause } from '../os/clock.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { markOf } from '../policy/marks.ts';
import type { Policy } from '../policy/policy.ts';
import type { TablePiece } from '../reconcile/desired.ts';
import type { Operation } from '../reconcile/diff.ts';
import { isSame } from '../reconcile/same.ts';
import { compile } from '../ruleset/compile/compile.ts';
import type { Ruleset } from '../ruleset/model.ts';
import { BOOT_TABLE, TABLE } from '../ruleset/names.ts';
import { chainsInOrder, renderChain, renderParts, renderSet } from '../ruleset/render.ts';
import {
  type ChainParts,
  loadText,
  reloadText,
  reshapedSets,
  type SetParts,
  type TableParts,
} from '../ruleset/transaction.ts';
import { withoutAnnouncements } from '../ruleset/without-logs.ts';
import {
  adoptLeft,
  type HandoverNeeds,
  readTaught,
  remember,
  writeHandoverFile,
} from './handover.ts';
import { countsToKeep } from './meter.ts';
import {
  type CompiledFrom,
  noteCompiled,
  noteDeleted,
  noteLeft,
  noteTable,
  type TableState,
  takeMade,
} from './table-state.ts';

export interface TableNeeds extends HandoverNeeds {
  readonly table: TableState;
  readonly effects: { wait(): void; goOn(): void };
}

/** Returns the table of `policy`. `isAnnounced`: the NFLOG group is open. Compiling takes a slow router half a
 * second: the last result is kept with its inputs, also for the next agent. */
export async function tableOf(
  { table }: Pick<TableNeeds, 'table'>,
  policy: Policy,
  isAnnounced: boolean,
): Promise<TablePiece> {
  const from: CompiledFrom = { policy, isAnnounced };
  if (table.compiled !== null && isSame(table.compiled.from, from)) return table.compiled.piece;
  const made = takeMade(table, from);
  if (made !== null) return made;
  const ruleset = compile(policy);
  await pause();
  const parts = await renderedInParts(isAnnounced ? ruleset : withoutAnnouncements(ruleset));
  const { mask, hold, preference, table: numbers } = policy.globals;
  const slots = policy.apps.map(({ name, slot }) => ({ name, slot }));
  const places = { mask, slots, preference, table: numbers };
  const piece: TablePiece = { kind: 'table', parts, holds: hold, ...places };
  noteCompiled(table, from, piece);
  return piece;
}

/** How many sets or chains are rendered in a turn of the event loop. */
const RENDERED_AT_ONCE = 16;

async function renderedInParts(ruleset: Ruleset): Promise<TableParts> {
  const parts = renderParts({ ...ruleset, sets: [], chains: [] });
  const [sets, chains]: [SetParts[], ChainParts[]] = [[], []];
  const jobs = [
    ...ruleset.sets.map((one) => () => sets.push(renderSet(one))),
    ...chainsInOrder(ruleset.chains).map((one) => () => chains.push(renderChain(one))),
  ];
  await inParts(jobs, RENDERED_AT_ONCE, (some) => {
    for (const job of some) job();
    return null;
  });
  return { ...parts, sets, chains };
}

/** Runs an operation on the table. */
export async function applyTable(
  agent: TableNeeds,
  { op, piece }: Operation<TablePiece>,
): Promise<KernelError | null> {
  const { table } = agent;
  if (op === 'add') return replaceTable(agent, piece);
  const error = await loadNft(agent, `add table inet ${TABLE}\ndelete table inet ${TABLE}\n`);
  if (error !== null) return error;
  noteDeleted(table);
  return null;
}

async function replaceTable(agent: TableNeeds, next: TablePiece): Promise<KernelError | null> {
  const { table, kernel } = agent;
  const before = table.isGone ? null : table.piece;
  const reshaped = before === null ? [] : reshapedSets(before.parts, next.parts);
  if (before === null || reshaped.length > 0) await adoptLeft(agent, agent.policy);
  for (const set of reshaped) await readTaught(agent, set);
  const held = () => withDevices(heldElements(agent.state, now()));
  const end = endOfHold(kernel);
  let elements = 0;
  const whole = (): string => {
    const known = held();
    elements = Array.from(known.values()).reduce((sum, list) => sum + list.length, 0);
    return loadText(next.parts, known, countsToKeep(agent.state.outside, kernel.tables)) + end;
  };
  const change = before === null ? whole() : reloadText(before.parts, next.parts, held) + end;
  await pause();
  let isWhole = before === null;
  let error = change === '' ? null : await loadNft(agent, change);
  if (error !== null && before !== null) {
    // The table in the kernel is not as expected: load it whole.
    isWhole = true;
    await adoptLeft(agent, agent.policy);
    error = await loadNft(agent, whole());
  }
  if (error !== null) return error;
  noteTable(table, next, isWhole ? elements : null);
  if (change !== '' || agent.repair.fingerprint === null) remember(agent);
  else writeHandoverFile(agent);
  return leaveMarks(agent);
}

/** Deletes live connections with marks of the old mask, which no chain reads any more. Until then the old guard,
 * which does not know the new marks, drops their packets. */
export async function leaveMarks({
  table,
  kernel: { conntrack },
}: Pick<TableNeeds, 'table' | 'kernel'>): Promise<KernelError | null> {
  if (table.leaving === null) return null;
  const { mask, slots } = table.leaving;
  const wanted = slots.map(({ slot }) => ({ mark: markOf(mask, slot), mask }));
  const found = await listWhole(conntrack.list, wanted);
  if (!found.ok && !isNoSubsystem(found.error)) return found.error;
  const list = found.ok ? found.value : [];
  const error = await inParts(list, ENDED_AT_ONCE, (part) => conntrack.delete(part));
  if (error === null) noteLeft(table);
  return error;
}

/** At boot the init script holds forwarding from the home (BOOT_TABLE) until the table is loaded, or for some
 * seconds. Returns the lines that end this; '': nothing is held. */
function endOfHold({ tables }: Kernel): string {
  if (!tables.has(BOOT_TABLE)) return '';
  log('notice', 'forwarding from the home was held since boot: it goes on with this');
  // `add` comes first, since the table may have ended by its own timer.
  return `add table inet ${BOOT_TABLE}\ndelete table inet ${BOOT_TABLE}\n`;
}

/** Ends the hold at boot if no table was loaded. */
export async function endHold(agent: TableNeeds): Promise<void> {
  const text = endOfHold(agent.kernel);
  const error = text === '' ? null : await loadNft(agent, text);
  if (error !== null) log('error', errorText(error));
}

/** Loads a text of nft; effects that change sets are deferred meanwhile. */
export async function loadNft(
  { kernel, effects }: Pick<TableNeeds, 'kernel' | 'effects'>,
  text: string,
): Promise<KernelError | null> {
  effects.wait();
  const error = await kernel.tables.load(text);
  effects.goOn();
  return error;
}
