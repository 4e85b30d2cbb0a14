// reconcile/diff: returns the operations that turn the realized pieces into the desired ones. Equal pieces are not
// touched, so a reload drops no flow. Except for a link with new parameters, a piece is deleted after the new
// pieces are added, so that a marked packet always finds a route. Pure.
import { describe, isPath, type PathPiece, type Piece } from './desired.ts';
import { isSame } from './same.ts';

/** `add` of a route replaces the route of the same table, family and metric; `add` of the table or the guard
 * replaces the loaded one. */
export interface Operation<P extends Piece = Piece> {
  readonly op: 'add' | 'delete';
  readonly piece: P;
}

export type PathOperation = Operation<PathPiece>;

/** The key of a piece in the kernel: two pieces with one key cannot both exist. */
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
  // The description does not contain the key of the tunnel.
  const key = (one: Piece): number | null => (one.kind === 'link' ? one.key : null);
  return describe(now) === describe(piece) && key(now) === key(piece);
}

/** The device of an address or a route. */
export function linkOf(piece: Piece): string | null {
  return piece.kind === 'address' || piece.kind === 'route' ? piece.link : null;
}

/**
 * Returns the operations that turn `realized` into `desired`, in order of execution. A link with other parameters
 * is deleted and created again with its addresses and routes; meanwhile its routing table has only the prohibit
 * route.
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
  // The guard is deleted first, links last: the routing table of a rule must have a route, and a mark that the
  // table sets must have a rule.
  for (const piece of [...realized].reverse()) {
    const fellWithLink = remade.has(linkOf(piece) ?? '');
    if (!wanted.has(place(piece)) && !fellWithLink) operations.push({ op: 'delete', piece });
  }
  return operations;
}
