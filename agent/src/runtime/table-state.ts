// runtime/table-state: the loaded `table inet whp` as the agent knows it. runtime/table and runtime/gates change
// the table in the kernel.
import { parseJson } from '../os/kept-file.ts';
import type { Policy } from '../policy/policy.ts';
import type { GatePiece, TablePiece } from '../reconcile/desired.ts';
import type { Operation } from '../reconcile/diff.ts';
import { withPins } from '../reconcile/set-changes.ts';

export interface TableState {
  /** As last loaded; null: not loaded, or deleted by this agent. */
  piece: TablePiece | null;
  /** Another program has deleted or changed the table since. */
  isGone: boolean;
  /** How many learned elements it had when it was last loaded whole. */
  elements: number;
  /** The gates that are set. Key: app and gate, "skype paused". */
  readonly gates: Map<string, GatePiece>;
  /** The table before, if its mask was another one; null: no connection carries marks of another mask. */
  leaving: Pick<TablePiece, 'mask' | 'slots'> | null;
  /** The last result of the compiler, and its inputs. */
  compiled: Compiled | null;
  /** `compiled` when it was last written for the next agent (runtime/made). */
  kept: Compiled | null;
  /** What an earlier agent has compiled; null: nothing, or it was looked at. */
  made: Made | null;
}

/** A compiled table and its inputs, both as JSON. */
export interface Made {
  readonly from: string;
  readonly piece: string;
}

interface Compiled {
  readonly from: CompiledFrom;
  readonly piece: TablePiece;
}

export interface CompiledFrom {
  readonly policy: Policy;
  readonly isAnnounced: boolean;
}

export function createTable(made: Made | null = null): TableState {
  const nothing = { piece: null, leaving: null, compiled: null, kept: null };
  return { ...nothing, isGone: false, elements: 0, gates: new Map(), made };
}

/** The realized table piece. Gates are pieces of their own. */
export function tablePieces({ piece, isGone }: TableState): TablePiece[] {
  return piece === null || isGone ? [] : [piece];
}

/** The table of an earlier agent is taken over. `gates`: those that are set. */
export function adoptTable(
  table: TableState,
  piece: TablePiece,
  gates: readonly GatePiece[],
): void {
  table.piece = piece;
  noteGates(
    table,
    gates.map((gate) => ({ op: 'add', piece: gate })),
  );
}

/** Another program has deleted or changed the table. */
export function noteGone(table: TableState): void {
  table.isGone = true;
  table.gates.clear();
}

/** The pins of the table are those of `policy`. */
export function notePins(table: TableState, policy: Policy): void {
  if (table.piece === null) return;
  table.piece = { ...table.piece, parts: withPins(table.piece.parts, policy) };
}

/** The table was loaded. `elements`: it was replaced, so its gates are unset, and has so many learned elements; null: it
 * was changed. */
export function noteTable(table: TableState, next: TablePiece, elements: number | null): void {
  const isWhole = elements !== null;
  if (isWhole) table.elements = elements;
  const before = table.piece;
  if (before !== null && before.mask !== next.mask) table.leaving = before;
  table.piece = next;
  table.isGone = false;
  for (const [key, { app }] of table.gates) {
    // The sets of an app that is gone are gone with it.
    if (isWhole || next.slots.every(({ name }) => name !== app)) table.gates.delete(key);
  }
}

/** The table was deleted. */
export function noteDeleted(table: TableState): void {
  table.piece = null;
  table.gates.clear();
}

/** Connections may carry marks that an earlier agent's table has set. */
export function noteMarks(table: TableState, marks: Pick<TablePiece, 'mask' | 'slots'>): void {
  table.leaving = marks;
}

/** The connections with marks of the old mask are deleted. */
export function noteLeft(table: TableState): void {
  table.leaving = null;
}

export function noteCompiled(table: TableState, from: CompiledFrom, piece: TablePiece): void {
  table.compiled = { from, piece };
}

/** Takes the table of an earlier agent if it was compiled from these inputs. The names of devices (Policy.directory)
 * are no input of the compiler. */
export function takeMade(table: TableState, from: CompiledFrom): TablePiece | null {
  const { made } = table;
  table.made = null;
  if (made === null || made.from !== JSON.stringify(from)) return null;
  const piece = (parseJson(made.piece) ?? null) as TablePiece | null;
  if (piece === null) return null;
  noteCompiled(table, from, piece);
  noteKept(table);
  return piece;
}

export function noteKept(table: TableState): void {
  table.kept = table.compiled;
}

export function noteGates(
  { gates }: TableState,
  operations: readonly Operation<GatePiece>[],
): void {
  for (const { op, piece } of operations) {
    const key = `${piece.app} ${piece.gate}`;
    if (op === 'add') gates.set(key, piece);
    else gates.delete(key);
  }
}
