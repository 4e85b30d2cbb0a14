// runtime/guard: loads and removes the guard, `table inet whp_guard`, which drops what the home sends while `table
// inet whp` is missing.
import type { RaisedGuard } from '../kernel/guard.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { KernelError } from '../netlink/kernel-error.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { CROWD, markOf, UNDECIDED, WATCHED } from '../policy/marks.ts';
import type { Policy } from '../policy/policy.ts';
import type { GuardPiece } from '../reconcile/desired.ts';
import type { Operation } from '../reconcile/diff.ts';
import { isSame } from '../reconcile/same.ts';
import type { Guard } from '../ruleset/guard.ts';
import { GUARD_TABLE, tunnelDevice, UNJUDGED_PREFIX } from '../ruleset/names.ts';

export interface GuardState {
  /** null: not loaded, or the kernel has no owned tables. */
  raised: { readonly piece: GuardPiece; readonly table: RaisedGuard } | null;
  /** A guard that dropped judged packets, whose mark was cleared; it is not loaded again. */
  useless: GuardPiece | null;
}

interface GuardNeeds {
  readonly guard: GuardState;
  readonly kernel: Kernel;
  readonly problems: Map<string, string>;
}

export function createGuard(): GuardState {
  return { raised: null, useless: null };
}

/** The guard of `policy`; empty if this guard was useless. */
export function wantedGuard(
  { guard }: Pick<GuardNeeds, 'guard'>,
  { globals, proxies }: Policy,
  isAnnounced: boolean,
): GuardPiece[] {
  const { mask, lan, group } = globals;
  const wanted: Guard = {
    table: GUARD_TABLE,
    mask,
    direct: [WATCHED, CROWD, UNDECIDED].map((mark) => markOf(mask, mark)),
    lan,
    tunnels: tunnelDevice(''),
    inner: proxies.flatMap(({ local, inner6 }) =>
      inner6 === undefined ? [local] : [local, inner6.local],
    ),
    group,
    prefix: isAnnounced ? UNJUDGED_PREFIX : '',
  };
  const piece: GuardPiece = { kind: 'guard', guard: wanted };
  return isSame(guard.useless, piece) ? [] : [piece];
}

export function guardPieces({ raised }: GuardState): GuardPiece[] {
  return raised === null ? [] : [raised.piece];
}

/** If the kernel refuses the guard, a problem is noted and no error returned. */
export function applyGuard(
  { guard, kernel, problems }: GuardNeeds,
  { op, piece }: Operation<GuardPiece>,
): KernelError | null {
  lower(guard);
  if (op === 'delete') return null;
  const raised = kernel.tables.raiseGuard(piece.guard);
  if (raised.ok) {
    guard.raised = { piece, table: raised.value };
    problems.delete('guard');
    return null;
  }
  if (problems.has('guard')) return null;
  const why = errorText(raised.error);
  const what = `no guard: while somebody else deletes our table, packets pass unjudged (${why})`;
  problems.set('guard', what);
  log('notice', what);
  return null;
}

function lower(guard: GuardState): void {
  guard.raised?.table.lower();
  guard.raised = null;
}

/** Removes the guard, so that new flows pass. `forGood`: this guard is not loaded again. */
export function liftGuard(
  agent: Pick<GuardNeeds, 'guard' | 'problems'>,
  why: string,
  forGood: boolean,
): void {
  const { guard, problems } = agent;
  if (guard.raised === null) return;
  guard.useless = forGood ? guard.raised.piece : null;
  lower(guard);
  problems.set('guard', why);
  log('error', why);
}
