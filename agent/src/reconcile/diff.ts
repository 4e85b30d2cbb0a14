// reconcile/diff: desired and realized pieces in, the operations between them out. What is already
// right is not touched (a reload drops no flow: invariant 4), and nothing is taken away before what
// replaces it stands, so that no marked packet finds neither the new nor the old path. Pure.
import { describe, isPath, type PathPiece, type Piece } from './desired.ts';
import { isSame } from './same.ts';

/** `add` of a route replaces the one with the same destination and metric in its table; `add` of the table or the
 * guard replaces the one that stands. */
export interface Operation<P extends Piece = Piece> {
  readonly op: 'add' | 'delete';
  readonly piece: P;
}

export type PathOperation = Operation<PathPiece>;

/** Where the kernel keeps a piece: two pieces in one place cannot both stand. */
function place(piece: Piece): string {
  switch (piece.kind) {
    case 'link':
      return `link ${piece.name}`;
    case 'route':
      return `route ${piece.family} ${piece.table} ${piece.metric}`;
    case 'address':
    case 'rule':
    case 'gate':
      return describe(piece);
    case 'offload':
      return `offload ${piece.name}`;
    case 'table':
    case 'guard':
      return piece.kind;
  }
}

function isEqual(now: Piece, piece: Piece): boolean {
  if (!isPath(now) || !isPath(piece)) return isSame(now, piece);
  // A description leaves out the tunnel's key.
  const key = (one: Piece): number | null => (one.kind === 'link' ? one.key : null);
  return describe(now) === describe(piece) && key(now) === key(piece);
}

/** The device of an address or a route. */
export function linkOf(piece: Piece): string | null {
  return piece.kind === 'address' || piece.kind === 'route' ? piece.link : null;
}

/**
 * The operations that turn `realized` into `desired`, in the order to run them.
 * A tunnel device with other parameters is deleted and made anew, with its addresses and routes; for
 * that moment the prohibit route behind it answers.
 */
export function diff<P extends Piece>(
  desired: readonly P[],
  realized: readonly P[],
): Operation<P>[] {
  const had = new Map(realized.map((piece) => [place(piece), piece]));
  const wanted = new Set(desired.map(place));
  const remade = new Set<string>();
  const operations: Operation<P>[] = [];
  for (const piece of desired) {
    const now = had.get(place(piece));
    if (now !== undefined && isEqual(now, piece) && !remade.has(linkOf(piece) ?? '')) continue;
    if (piece.kind === 'link' && now !== undefined) {
      remade.add(piece.name);
      operations.push({ op: 'delete', piece: now });
    }
    operations.push({ op: 'add', piece });
  }
  // The guard first, links last: while a rule stands, its table must not be empty; while the table marks, a rule
  // has to catch the mark.
  for (const piece of [...realized].reverse()) {
    const fellWithLink = remade.has(linkOf(piece) ?? '');
    if (!wanted.has(place(piece)) && !fellWithLink) operations.push({ op: 'delete', piece });
  }
  return operations;
}
