// runtime/paths: runs the operations on links, addresses, routes and rules, and records the refused ones. Keeps the
// numbers (first preference and table) at which pieces may exist.

import type { Kernel } from '../kernel/kernel.ts';
import type { Numbers } from '../kernel/own-pieces.ts';
import { isNotSupported, type KernelError } from '../netlink/kernel-error.ts';
import type { KernelLink } from '../netlink/kernel-link.ts';
import { now } from '../os/clock.ts';
import { errnoText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import type { Policy } from '../policy/policy.ts';
import { describe, type PathPiece } from '../reconcile/desired.ts';
import { linkOf, type PathOperation } from '../reconcile/diff.ts';
import { pathFix } from '../reconcile/path-fix.ts';
import {
  isWaiting,
  nextTry,
  noteBare,
  noteRefused,
  type Refused,
  refusedTexts,
} from '../reconcile/refused.ts';
import type { RepairEvent } from '../reconcile/repair.ts';
import { weakerHere } from '../router/installer.ts';
import { tunnelMtu } from '../tunnel/plan.ts';
import { familyIn } from '../wire/address.ts';

export interface PathState {
  /** Two while a reload moves the pieces, or after a reload that could not move them all. */
  numbers: readonly Numbers[];
}

/** Begins the keys of the problems with paths. */
const PATHS = 'paths';

interface PathNeeds {
  readonly kernel: Kernel;
  readonly paths: PathState;
  readonly refused: Refused;
  readonly problems: Map<string, string>;
  happened(event: RepairEvent): void;
}

/** Descriptions (reconcile/desired) of the pieces. */
export interface PathChanges {
  /** All pieces added or deleted. */
  readonly changed: string[];
  /** Those of `changed` that the kernel had not refused before; a link that is replaced counts once. */
  readonly again: string[];
  /** Those of `changed` that the kernel had refused before. */
  readonly late: string[];
}

export function createPaths({ preference, table }: Numbers): PathState {
  return { numbers: [{ preference, table }] };
}

/** The policy with the MTU of each tunnel: as configured, or derived from the path MTU to the proxy. */
export function withMtus(
  { routing }: Kernel,
  policy: Policy,
  links: readonly KernelLink[],
): Policy {
  const proxies = policy.proxies.map((proxy) => {
    const wan = routing.pathMtu(proxy.address, links);
    return { ...proxy, mtu: tunnelMtu(proxy, wan) };
  });
  return { ...policy, proxies };
}

/** From now on pieces are created at the numbers of `policy`; those at the old numbers still exist. */
export function beginMove(
  { paths }: Pick<PathNeeds, 'paths'>,
  { globals }: { readonly globals: Numbers },
): void {
  const { preference, table } = globals;
  const isKnown = paths.numbers.some((one) => one.preference === preference && one.table === table);
  if (!isKnown) paths.numbers = [...paths.numbers, { preference, table }];
}

/** The policy is enforced: forgets the old numbers, unless pieces were refused. */
export function endMove({ paths, refused, happened }: PathNeeds, { globals }: Policy): void {
  const { preference, table } = globals;
  if (refused.size === 0) paths.numbers = [{ preference, table }];
  happened({ kind: 'moved', preference, table });
}

/** Runs an operation, unless a refused piece is not yet to be tried again. A refusal is noted and does not stop the
 * others: the table rejects marked packets that are routed to no tunnel. `devices`: names of the existing devices;
 * updated. */
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
    const why = whyRefused(error, piece, devices);
    if (!refused.has(text)) log('error', `${op} ${text}: ${why}`);
    noteRefused(refused, operation, why, now());
    return;
  }
  if (piece.kind === 'link') devices[op](piece.name);
  changes.changed.push(text);
  if (refused.delete(text)) changes.late.push(text);
  else if (op === 'add' || !isRemade(piece, operations)) changes.again.push(text);
}

/** The error in words, with what ends it. */
function whyRefused(error: KernelError, piece: PathPiece, devices: ReadonlySet<string>): string {
  const text = error.detail ?? errnoText(error.errno);
  if (piece.kind !== 'link' || !isNotSupported(error)) {
    const fix = pathFix(error, piece, devices);
    return fix === null ? text : `${text}: ${fix}`;
  }
  return weakerHere(familyIn(piece.remote) === 6 ? 'gre6' : 'gre', text);
}

/** Whether a later operation creates the deleted link again. */
function isRemade(piece: PathPiece, operations: readonly PathOperation[]): boolean {
  return (
    piece.kind === 'link' &&
    operations.some(
      (one) => one.op === 'add' && one.piece.kind === 'link' && one.piece.name === piece.name,
    )
  );
}

/** Notes a problem for each reason, and asks reconcile/repair for the next try. */
export function noteRefusals({ refused, problems, happened }: PathNeeds): void {
  for (const key of problems.keys()) if (key.startsWith(PATHS)) problems.delete(key);
  for (const [i, text] of refusedTexts(refused).entries()) problems.set(`${PATHS} ${i}`, text);
  const next = nextTry(refused);
  if (next !== null) happened({ kind: 'refused', milliseconds: next - now() });
}
