// runtime/table-state: the loaded `table inet whp` as the agent knows it. runtime/table and runtime/gates change
// the table in the kernel.
import type { Policy } from '../policy/policy.ts';
import type { GatePiece, TablePiece } from '../reconcile/desired.ts';
import type { Operation } from '../reconcile/diff.ts';
import { withPins } from '../reconcile/set-changes.ts';
import type { EncodedTable } from '../ruleset/encode/table.ts';
import type { Ruleset } from '../ruleset/model.ts';
import type { TableParts } from '../ruleset/parts.ts';

export interface TableState {
  /** As last loaded; null: not loaded, or deleted by this agent. */
  piece: TablePiece | null;
  /** Another program has deleted or changed the table since. */
  isGone: boolean;
  /** The gates that are set. Key: app and gate, "skype paused". */
  readonly gates: Map<string, GatePiece>;
  /** The table before, if its mask was another one; null: no connection carries marks of another mask. */
  leaving: Pick<TablePiece, 'mask' | 'slots'> | null;
  /** The last result of the compiler, and its inputs. */
  compiled: {
    readonly from: CompiledFrom;
    readonly piece: TablePiece;
    /** null: it is encoded. */
    readonly ruleset: Ruleset | null;
  } | null;
  /** A table as messages, with the parts of which it has been made. */
  encoded: { readonly standing: TableParts; readonly table: EncodedTable } | null;
}

export interface CompiledFrom {
  readonly policy: Policy;
  readonly isAnnounced: boolean;
}

export function createTable(): TableState {
  return {
    piece: null,
    isGone: false,
    gates: new Map(),
    leaving: null,
    compiled: null,
    encoded: null,
  };
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

/** The table was loaded. `isWhole`: replaced, so its gates are unset. */
export function noteTable(table: TableState, next: TablePiece, isWhole: boolean): void {
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

export function noteCompiled(
  table: TableState,
  from: CompiledFrom,
  piece: TablePiece,
  ruleset: Ruleset,
): void {
  table.compiled = { from, piece, ruleset };
}

/** The compiled table is encoded; its ruleset, which takes more memory, is needed no more. */
export function noteEncoded(
  table: TableState,
  { from, piece }: NonNullable<TableState['compiled']>,
  encoded: EncodedTable,
): void {
  table.compiled = { from, piece, ruleset: null };
  table.encoded = { standing: piece.parts, table: encoded };
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
