// runtime/table-state: what is known of `table inet whp` as this agent has loaded it. The verbs that change it in the
// kernel are in runtime/table and runtime/gates.
import type { Policy } from '../policy/policy.ts';
import type { GatePiece, TablePiece } from '../reconcile/desired.ts';
import type { Operation } from '../reconcile/diff.ts';
import { withPins } from '../reconcile/set-changes.ts';

export interface TableState {
  /** As it was loaded last; null: none of ours. */
  piece: TablePiece | null;
  /** Another program has deleted or changed it since. */
  isGone: boolean;
  /** The gates that are on, by reconcile/desired's description. */
  readonly gates: Map<string, GatePiece>;
  /** A table whose marks had another mask, while connections may still carry them. */
  leaving: TablePiece | null;
  /** What was compiled last, and from what. */
  compiled: { readonly from: CompiledFrom; readonly piece: TablePiece } | null;
}

export interface CompiledFrom {
  readonly policy: Policy;
  readonly isAnnounced: boolean;
}

export function createTable(): TableState {
  return { piece: null, isGone: false, gates: new Map(), leaving: null, compiled: null };
}

/** The table that stands; gates are elements of it, and are compared apart. */
export function tablePieces({ piece, isGone }: TableState): TablePiece[] {
  return piece === null || isGone ? [] : [piece];
}

/** An earlier agent's table stands as it was left. `gates`: those that are on. */
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

/** Another program has deleted the table, or changed it. */
export function noteGone(table: TableState): void {
  table.isGone = true;
  table.gates.clear();
}

/** Its pins are those of `policy` now. */
export function notePins(table: TableState, policy: Policy): void {
  if (table.piece === null) return;
  table.piece = { ...table.piece, standing: withPins(table.piece.standing, policy) };
}

/** The table was loaded; `isWhole`: anew, with empty sets. One with marks of another mask is left. */
export function noteTable(table: TableState, next: TablePiece, isWhole: boolean): void {
  const before = table.isGone ? null : table.piece;
  if (before !== null && before.mask !== next.mask) table.leaving = before;
  table.piece = next;
  table.isGone = false;
  if (isWhole) table.gates.clear();
}

/** The table was deleted. */
export function noteDeleted(table: TableState): void {
  table.piece = null;
  table.gates.clear();
}

/** No connection carries the marks of the table before any more. */
export function noteLeft(table: TableState): void {
  table.leaving = null;
}

export function noteCompiled(table: TableState, from: CompiledFrom, piece: TablePiece): void {
  table.compiled = { from, piece };
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
