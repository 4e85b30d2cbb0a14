// runtime/gates: the states of applications that the table has to know, one element in a set for each family.
import type { Kernel } from '../kernel/kernel.ts';
import type { KernelError } from '../netlink/kernel-error.ts';
import type { SetChange } from '../netlink/nft-set.ts';
import type { GatePiece } from '../reconcile/desired.ts';
import type { Operation } from '../reconcile/diff.ts';
import { familyKey } from '../ruleset/elements.ts';
import { gateName } from '../ruleset/names.ts';
import { noteGates, type TableState } from './table-state.ts';

/** Runs operations on gates as one transaction, with other changes of sets. */
export function applyGates(
  { table, kernel }: { readonly table: TableState; readonly kernel: Kernel },
  operations: readonly Operation<GatePiece>[],
  besides: readonly SetChange[] = [],
): KernelError | null {
  const changes = [...besides, ...operations.flatMap(gateChanges)];
  const error = changes.length === 0 ? null : kernel.sets.change(changes);
  if (error === null) noteGates(table, operations);
  return error;
}

function gateChanges({ op, piece }: Operation<GatePiece>): SetChange[] {
  const set = gateName(piece.app, piece.gate);
  const elements = ([4, 6] as const).map((family) => ({ key: familyKey(family) }));
  const add = { operation: 'add', set, elements } as const;
  // Adding first makes the deletion succeed whatever was there.
  return op === 'add' ? [add] : [add, { ...add, operation: 'delete' }];
}

/** Those of `pieces` that are on in the table that stands. */
export function readGates({ sets }: Kernel, pieces: readonly GatePiece[]): GatePiece[] {
  return pieces.filter(({ app, gate }) => sets.count(gateName(app, gate)) > 0);
}
