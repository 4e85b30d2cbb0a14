// runtime/table: compiles `table inet whp` from a policy, and loads it in one transaction with everything learned.

import { ENDED_AT_ONCE, listWhole } from '../kernel/conntrack.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { heldElements, withDevices } from '../learn/snapshot.ts';
import { isNoSubsystem, type KernelError } from '../netlink/kernel-error.ts';
import { inParts, now, pause, unattended } from '../os/clock.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { markOf } from '../policy/marks.ts';
import type { Policy } from '../policy/policy.ts';
import type { TablePiece } from '../reconcile/desired.ts';
import type { Operation } from '../reconcile/diff.ts';
import { isSame } from '../reconcile/same.ts';
import { compile } from '../ruleset/compile/compile.ts';
import { differenceOf, isNothing, reshapedSets } from '../ruleset/difference.ts';
import type { TableChange } from '../ruleset/encode/change.ts';
import { BOOT_TABLE, TABLE } from '../ruleset/names.ts';
import type { TableParts } from '../ruleset/parts.ts';
import { renderParts } from '../ruleset/render.ts';
import { loadText, reloadText } from '../ruleset/transaction.ts';
import { withoutAnnouncements } from '../ruleset/without-logs.ts';
import { type HandoverNeeds, readTaught, remember, writeHandoverFile } from './handover.ts';
import { countsToKeep } from './meter.ts';
import {
  type CompiledFrom,
  noteCompiled,
  noteDeleted,
  noteEncoded,
  noteLeft,
  noteTable,
  type TableState,
} from './table-state.ts';

export interface TableNeeds extends HandoverNeeds {
  readonly table: TableState;
  readonly effects: { wait(): void; goOn(): void };
}

/** Returns the table of `policy`. `isAnnounced`: the NFLOG group is open. Compiling takes a slow router half a
 * second: the last result is kept with its inputs. */
export async function tableOf(
  { table }: Pick<TableNeeds, 'table'>,
  policy: Policy,
  isAnnounced: boolean,
): Promise<TablePiece> {
  const from: CompiledFrom = { policy, isAnnounced };
  if (table.compiled !== null && isSame(table.compiled.from, from)) return table.compiled.piece;
  const ruleset = compile(policy);
  await pause();
  const shown = isAnnounced ? ruleset : withoutAnnouncements(ruleset);
  const parts = renderParts(shown);
  const { mask, hold, preference, table: numbers } = policy.globals;
  const slots = policy.apps.map(({ name, slot }) => ({ name, slot }));
  const places = { mask, slots, preference, table: numbers };
  const piece: TablePiece = { kind: 'table', parts, holds: hold, ...places };
  noteCompiled(table, from, piece, shown);
  return piece;
}

/** Runs an operation on the table. */
export async function applyTable(
  agent: TableNeeds,
  { op, piece }: Operation<TablePiece>,
): Promise<KernelError | null> {
  const { table } = agent;
  if (op === 'add') return replaceTable(agent, piece);
  const error = await deleteTable(agent, TABLE);
  if (error !== null) return error;
  noteDeleted(table);
  return null;
}

async function replaceTable(agent: TableNeeds, next: TablePiece): Promise<KernelError | null> {
  await pause();
  const { table, kernel } = agent;
  const before = table.isGone ? null : table.piece;
  if (before !== null) {
    for (const set of reshapedSets(before.parts, next.parts)) await readTaught(agent, set);
  }
  const isHeld = isHeldAtBoot(kernel);
  const load = (from: TableParts | null) => loadParts(agent, next.parts, from, isHeld);
  await pause();
  const isChanged = before === null || !isNothing(differenceOf(before.parts, next.parts));
  let isWhole = before === null;
  let error = isChanged || isHeld ? await load(before?.parts ?? null) : null;
  if (error !== null && before !== null) {
    // The table in the kernel is not as expected: load it whole.
    isWhole = true;
    error = await load(null);
  }
  if (error !== null) return error;
  noteTable(table, next, isWhole);
  if (isChanged || agent.repair.fingerprint === null) remember(agent);
  else writeHandoverFile(agent);
  unattended(encodeCompiled(agent));
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

/** Loads the table of `next`: what differs from `before`, or (null) the whole. With `isHeld` the hold at boot ends in the
 * same transaction. */
async function loadParts(
  agent: TableNeeds,
  next: TableParts,
  before: TableParts | null,
  isHeld: boolean,
): Promise<KernelError | null> {
  const { kernel, table, state } = agent;
  const held = withDevices(heldElements(state, now()));
  const counts = before === null ? countsToKeep(state.outside, kernel.tables) : new Map();
  const text = (): string =>
    before === null ? loadText(next, held, counts) : reloadText(before, next, held);
  // Without the program that parses text, the messages are made first.
  if (!kernel.tables.hasNft()) await encodeCompiled(agent);
  const { encoded } = table;
  const without = isHeld ? [BOOT_TABLE] : [];
  const change =
    encoded?.standing === next
      ? { without, made: { standing: next, encoded: encoded.table, before, held, counts } }
      : null;
  return loadNft(agent, () => text() + without.map(withoutText).join(''), change);
}

/** Encodes the compiled table: a lost one is then loaded without a program (runtime/repair). */
async function encodeCompiled({
  kernel,
  table,
}: Pick<TableNeeds, 'kernel' | 'table'>): Promise<void> {
  const { compiled } = table;
  if (compiled === null || compiled.ruleset === null) return;
  const encoded = await kernel.tables.encode(compiled.ruleset);
  if (table.compiled === compiled) noteEncoded(table, compiled, encoded);
}

/** A table that was taken over and that is the compiled one gets its messages like a loaded one. */
export function encodeAdopted(agent: Pick<TableNeeds, 'kernel' | 'table'>): void {
  const { table } = agent;
  const { compiled, piece } = table;
  if (compiled === null || compiled.piece === piece || !isSame(compiled.piece, piece)) return;
  noteTable(table, compiled.piece, false);
  unattended(encodeCompiled(agent));
}

/** `add` comes first, so that there is a table to delete. */
function withoutText(table: string): string {
  return `add table inet ${table}\ndelete table inet ${table}\n`;
}

/** Deletes a table of ours, if it exists. */
export function deleteTable(
  agent: Pick<TableNeeds, 'kernel' | 'effects'>,
  table: string,
): Promise<KernelError | null> {
  return loadNft(agent, () => withoutText(table), { without: [table], made: null });
}

/** At boot the init script holds forwarding from the home (BOOT_TABLE) until the table is loaded, or for some
 * seconds. */
function isHeldAtBoot({ tables }: Kernel): boolean {
  if (tables.fingerprint(BOOT_TABLE) === '') return false;
  log('notice', 'forwarding from the home was held since boot: it goes on with this');
  return true;
}

/** Ends the hold at boot if no table was loaded. */
export async function endHold(agent: TableNeeds): Promise<void> {
  if (!isHeldAtBoot(agent.kernel)) return;
  const error = await deleteTable(agent, BOOT_TABLE);
  if (error !== null) log('error', errorText(error));
}

/** Runs one transaction; effects that change sets are deferred meanwhile. */
export async function loadNft(
  { kernel, effects }: Pick<TableNeeds, 'kernel' | 'effects'>,
  text: () => string,
  change: TableChange | null,
): Promise<KernelError | null> {
  effects.wait();
  const error = await kernel.tables.load(text, change);
  effects.goOn();
  return error;
}
