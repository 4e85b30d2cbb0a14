// runtime/offload: the table that keeps marked flows out of the flow tables of others (ruleset/flow-offload).
import type { KernelError } from '../netlink/kernel-error.ts';
import { errorText } from '../os/errno.ts';
import type { OffloadTable } from '../reconcile/desired.ts';
import type { Operation } from '../reconcile/diff.ts';
import { offloadText, withoutOffload } from '../ruleset/flow-offload.ts';
import { OFFLOAD_TABLE } from '../ruleset/names.ts';
import { loadNft, type TableNeeds } from './table.ts';

export interface OffloadState {
  /** As this agent has loaded it; null: it has not. */
  piece: OffloadTable | null;
}

export function createOffload(): OffloadState {
  return { piece: null };
}

/** A table that cannot be made is shown as a problem: flows of applications may be offloaded then. */
export async function applyOffload(
  agent: TableNeeds & { readonly offload: OffloadState },
  { op, piece }: Operation<OffloadTable>,
): Promise<null> {
  const { offload, problems } = agent;
  const error: KernelError | null = await loadNft(
    agent,
    op === 'add' ? offloadText(piece.mask) : withoutOffload(piece.name),
  );
  if (error === null) {
    if (piece.name === OFFLOAD_TABLE) offload.piece = op === 'add' ? piece : null;
    problems.delete('offload');
  } else problems.set('offload', `offloaded: ${errorText(error)}`);
  return null;
}
