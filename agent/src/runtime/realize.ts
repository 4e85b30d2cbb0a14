// runtime/realize: turns a policy into desired pieces, and runs the operations between realized and desired pieces
// (reconcile/diff), each after the one before has ended. Only runtime/failover, while it moves an app, changes routes
// and gates itself.
import type { KernelError } from '../netlink/kernel-error.ts';
import { pause } from '../os/clock.ts';
import type { Policy } from '../policy/policy.ts';
import { type Desired, isPath, type OffloadTable, type TablePiece } from '../reconcile/desired.ts';
import { diff, type Operation, type PathOperation } from '../reconcile/diff.ts';
import { retainRefused } from '../reconcile/refused.ts';
import { isOffloadWanted } from '../ruleset/flow-offload.ts';
import { FORMER_OFFLOAD_TABLE, OFFLOAD_TABLE } from '../ruleset/names.ts';
import { waysOf } from '../tunnel/failover.ts';
import { plan } from '../tunnel/plan.ts';
import type { Agent } from './agent.ts';
import { applyGates } from './gates.ts';
import { applyGuard, guardPieces, wantedGuard } from './guard.ts';
import { applyOffload } from './offload.ts';
import { applyPath, noteRefusals, type PathChanges } from './paths.ts';
import { applyTable } from './table.ts';
import { tablePieces } from './table-state.ts';

/** All pieces of `policy` except gates, which depend on the ways that runtime/failover opens. `table` null: no
 * tables at all. */
export function desiredOf(agent: Agent, policy: Policy, table: TablePiece | null): Desired {
  return [...plan(policy, waysOf(agent.failover.steering)), ...tablesOf(agent, policy, table)];
}

/** The pieces that are tables. */
export function tablesOf(agent: Agent, policy: Policy, table: TablePiece | null): Desired {
  if (table === null) return [];
  const isAnnounced = agent.feeds.announced !== null;
  return [...offloadOf(agent, policy), table, ...wantedGuard(agent, policy, isAnnounced)];
}

/** Wanted if another table has a flow table. Once loaded it stays: it has no effect without them. */
function offloadOf(agent: Agent, { globals, apps }: Policy): OffloadTable[] {
  const tables = agent.kernel.tables.flowTables();
  const isWanted = tables.has(OFFLOAD_TABLE) || (apps.length > 0 && isOffloadWanted(tables));
  return isWanted ? [{ kind: 'offload', name: OFFLOAD_TABLE, mask: globals.mask }] : [];
}

/** The realized pieces that are tables. */
export function realizedTables({ kernel, offload, table, guard }: Agent): Desired {
  const { tables } = kernel;
  // The mask of an earlier agent's table is not known: 0 makes it differ.
  const left = (name: string): OffloadTable => ({ kind: 'offload', name, mask: 0 });
  const made = tables.flowTables().has(OFFLOAD_TABLE) ? [offload.piece ?? left(OFFLOAD_TABLE)] : [];
  // Wanted by no policy, so it is deleted. To be removed with version 0.3.0, which takes over no table of 0.1.0.
  const hasFormer = tables.has(FORMER_OFFLOAD_TABLE);
  const former = hasFormer ? [left(FORMER_OFFLOAD_TABLE)] : [];
  return [...former, ...made, ...tablePieces(table), ...guardPieces(guard)];
}

export interface Outcome extends PathChanges {
  /** Why the table could not be loaded or deleted; the operations after it were not run. */
  readonly error: KernelError | null;
}

/** Runs the operations from `realized` to `desired`. `devices`: names of the existing devices; null: there are no
 * path pieces. */
export async function realize(
  agent: Agent,
  desired: Desired,
  realized: Desired,
  devices: Set<string> | null,
): Promise<Outcome> {
  const operations = diff(desired, realized);
  const paths = operations.filter(isPathOperation);
  const changes: PathChanges = { changed: [], again: [], late: [] };
  if (devices !== null) retainRefused(agent.refused, paths);
  let error: KernelError | null = null;
  for (const operation of operations) {
    if (isPathOperation(operation) && devices !== null) {
      applyPath(agent, operation, paths, devices, changes);
      continue;
    }
    // The table, the guard, gates: each has its turn of the event loop.
    await pause();
    error = await apply(agent, operation);
    if (error !== null) break;
  }
  if (devices !== null) noteRefusals(agent);
  return { ...changes, error };
}

function isPathOperation(operation: Operation): operation is PathOperation {
  return isPath(operation.piece);
}

/** Runs one operation. A refused offload table or guard is noted as a problem and is no error. */
async function apply(agent: Agent, { op, piece }: Operation): Promise<KernelError | null> {
  switch (piece.kind) {
    case 'link':
    case 'address':
    case 'route':
    case 'rule':
      return agent.kernel.routing.apply({ op, piece });
    case 'offload':
      return applyOffload(agent, { op, piece });
    case 'table':
      return applyTable(agent, { op, piece });
    case 'gate':
      return applyGates(agent, [{ op, piece }]);
    case 'guard':
      return applyGuard(agent, { op, piece });
  }
}
