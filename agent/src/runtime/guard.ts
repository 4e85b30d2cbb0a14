// runtime/guard: the second table, `inet whp_guard`, which holds back what the home sends while ours is missing.
import type { RaisedGuard } from '../kernel/guard.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { KernelError } from '../netlink/kernel-error.ts';
import type { Guard } from '../netlink/nft-guard.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { CROWD, markOf, UNDECIDED, WATCHED } from '../policy/marks.ts';
import type { Policy } from '../policy/policy.ts';
import type { GuardPiece } from '../reconcile/desired.ts';
import type { Operation } from '../reconcile/diff.ts';
import { isSame } from '../reconcile/same.ts';
import { GUARD_TABLE, tunnelDevice, UNJUDGED_PREFIX } from '../ruleset/names.ts';

export interface GuardState {
  /** null: none, or the kernel has no tables with an owner. */
  raised: { readonly piece: GuardPiece; readonly table: RaisedGuard } | null;
  /** One that held back what it should not have: it is not raised again. */
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

/** The guard that `policy` wants beside its table, or none where that one was useless. */
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

/** A kernel that knows no guard is lived with: the problem is noted. */
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

/** Lets new flows pass that only the guard still stops. `forGood`: this one is not raised again. */
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
