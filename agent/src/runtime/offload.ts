// runtime/offload: loads `table inet whp_offload`, which keeps marked flows out of the flow tables of other programs
// (ruleset/flow-offload).
import type { KernelError } from '../netlink/kernel-error.ts';
import { errorText } from '../os/errno.ts';
import type { OffloadTable } from '../reconcile/desired.ts';
import type { Operation } from '../reconcile/diff.ts';
import { offloadText } from '../ruleset/flow-offload.ts';
import { OFFLOAD_TABLE } from '../ruleset/names.ts';
import { deleteTable, loadNft, type TableNeeds } from './table.ts';

export interface OffloadState {
  /** As this agent has loaded it; null: not loaded by it. */
  piece: OffloadTable | null;
}

export function createOffload(): OffloadState {
  return { piece: null };
}

/** If nft refuses the table, a problem is noted and no error returned: flows of apps may be offloaded. */
export async function applyOffload(
  agent: TableNeeds & { readonly offload: OffloadState },
  { op, piece }: Operation<OffloadTable>,
): Promise<null> {
  const { offload, problems } = agent;
  const error: KernelError | null =
    op === 'add'
      ? await loadNft(agent, () => offloadText(piece.mask), null)
      : await deleteTable(agent, piece.name);
  if (error === null) {
    if (piece.name === OFFLOAD_TABLE) offload.piece = op === 'add' ? piece : null;
    problems.delete('offload');
  } else problems.set('offload', `offloaded: ${errorText(error)}`);
  return null;
}
