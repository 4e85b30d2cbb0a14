// runtime/paths: devices, addresses, routes and rules: where they are counted from, and what becomes of those that
// the kernel refuses.
import type { Kernel } from '../kernel/kernel.ts';
import type { Numbers, Realized } from '../kernel/routing.ts';
import { isNotSupported, type KernelError } from '../netlink/kernel-error.ts';
import { now } from '../os/clock.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { weakerWithout } from '../policy/missing-parts.ts';
import type { Policy } from '../policy/policy.ts';
import { describe, type PathPiece } from '../reconcile/desired.ts';
import { linkOf, type PathOperation } from '../reconcile/diff.ts';
import {
  isWaiting,
  nextTry,
  noteBare,
  noteRefused,
  type Refused,
  refusedText,
} from '../reconcile/refused.ts';
import type { RepairEvent } from '../reconcile/repair.ts';
import { tunnelMtu } from '../tunnel/plan.ts';

export interface PathState {
  /** Of the pieces that stand: two while a reload moves them, and after one that failed. */
  numbers: readonly Numbers[];
}

interface PathNeeds {
  readonly kernel: Kernel;
  readonly paths: PathState;
  readonly refused: Refused;
  readonly problems: Map<string, string>;
  happened(event: RepairEvent): void;
}

/** What became of the pieces, as reconcile/desired describes them. */
export interface PathChanges {
  /** What is otherwise than before. */
  readonly changed: string[];
  /** Those of them that had stood, or that another program put there. */
  readonly again: string[];
  /** Those that the kernel had refused before. */
  readonly late: string[];
}

export function createPaths({ preference, table }: Numbers): PathState {
  return { numbers: [{ preference, table }] };
}

/** Every proxy with the MTU its tunnel gets: the configured one, or what the way there allows. */
export function withMtus({ routing }: Kernel, policy: Policy, { links }: Realized): Policy {
  const proxies = policy.proxies.map((proxy) => {
    const wan = routing.pathMtu(proxy.address, links);
    return { ...proxy, mtu: tunnelMtu(proxy, wan) };
  });
  return { ...policy, proxies };
}

/** Pieces are made at the numbers of `policy`, and may stand at those before. */
export function beginMove({ paths }: PathNeeds, { globals }: Policy): void {
  const { preference, table } = globals;
  const isKnown = paths.numbers.some((one) => one.preference === preference && one.table === table);
  if (!isKnown) paths.numbers = [...paths.numbers, { preference, table }];
}

/** The policy is enforced. While pieces could not be made or deleted, those at other numbers are still looked for. */
export function endMove({ paths, refused, happened }: PathNeeds, { globals }: Policy): void {
  const { preference, table } = globals;
  if (refused.size === 0) paths.numbers = [{ preference, table }];
  happened({ kind: 'moved', preference, table });
}

/** Runs an operation, unless the time to try it again has not come. What the kernel refuses is noted, and no reason to
 * stop: the table refuses marked packets that are routed to no tunnel. `devices`: names of those there are, kept up
 * to date. */
export function applyPath(
  { kernel, refused }: PathNeeds,
  operation: PathOperation,
  operations: readonly PathOperation[],
  devices: Set<string>,
  changes: PathChanges,
): void {
  const { op, piece } = operation;
  if (op === 'add' && isWaiting(refused, piece, now())) return;
  const device = linkOf(piece);
  const text = describe(piece);
  if (op === 'add' && device !== null && !devices.has(device)) {
    noteBare(refused, piece);
    return;
  }
  const error = kernel.routing.apply(operation);
  if (error !== null) {
    const why = pathText(error, piece);
    if (!refused.has(text)) log('error', why);
    noteRefused(refused, piece, why, now());
    return;
  }
  if (piece.kind === 'link') devices[op](piece.name);
  changes.changed.push(text);
  if (refused.delete(text)) changes.late.push(text);
  else if (op === 'add' || !isRemade(piece, operations)) changes.again.push(text);
}

/** The error in words, with the fix where a part of the kernel is missing. */
function pathText(error: KernelError, piece: PathPiece): string {
  const text = errorText(error);
  if (piece.kind !== 'link' || !isNotSupported(error)) return text;
  return weakerWithout(piece.remote.includes(':') ? 'gre6' : 'gre', text);
}

/** Whether a device that is deleted is made anew. */
function isRemade(piece: PathPiece, operations: readonly PathOperation[]): boolean {
  return (
    piece.kind === 'link' &&
    operations.some(
      (one) => one.op === 'add' && one.piece.kind === 'link' && one.piece.name === piece.name,
    )
  );
}

/** Shows what cannot be made, and asks to be called when it is to be tried again. */
export function noteRefusals({ refused, problems, happened }: PathNeeds): void {
  const text = refusedText(refused);
  if (text === null) problems.delete('paths');
  else problems.set('paths', text);
  const next = nextTry(refused);
  if (next !== null) happened({ kind: 'refused', milliseconds: next - now() });
}
