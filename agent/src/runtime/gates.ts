// runtime/gates: sets the gates of apps: elements of the sets that the table looks up, one for each family.

import type { Kernel } from '../kernel/kernel.ts';
import type { KernelError } from '../netlink/kernel-error.ts';
import type { SetChange } from '../netlink/nft-set.ts';
import type { GatePiece } from '../reconcile/desired.ts';
import type { Operation } from '../reconcile/diff.ts';
import { familyKey } from '../ruleset/elements.ts';
import { gateName } from '../ruleset/names.ts';
import { FAMILIES } from '../wire/address.ts';
import { noteGates, type TableState } from './table-state.ts';

/** Commits gate operations in one transaction, together with the set changes `besides`. */
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
  const elements = FAMILIES.map((family) => ({ key: familyKey(family) }));
  const add = { operation: 'add', set, elements } as const;
  // `add` comes first, so that `delete` succeeds for an element that does not exist.
  return op === 'add' ? [add] : [add, { ...add, operation: 'delete' }];
}

/** Those of `pieces` whose set has elements. */
export function readGates({ sets }: Kernel, pieces: readonly GatePiece[]): GatePiece[] {
  return pieces.filter(({ app, gate }) => sets.count(gateName(app, gate)) > 0);
}
