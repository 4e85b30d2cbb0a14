// reconcile/diff: desired and realized pieces in, the operations between them out. What is already
// right is not touched (a reload drops no flow: invariant 4), and nothing is taken away before what
// replaces it stands, so that no marked packet finds neither the new nor the old path. Pure.
import { type Desired, describe, type Piece } from './desired.ts';

/** `add` of a route replaces the one with the same destination and metric in its table. */
export type Operation = { readonly op: 'add' | 'delete'; readonly piece: Piece };

/** Where the kernel keeps a piece: two pieces in one place cannot both stand. */
function place(piece: Piece): string {
  switch (piece.kind) {
    case 'link':
      return `link ${piece.name}`;
    case 'route':
      return `route ${piece.family} ${piece.table} ${piece.metric}`;
    case 'address':
    case 'rule':
      return describe(piece);
  }
}

/** What a piece is called leaves out the tunnel's key. */
function isSame(now: Piece, piece: Piece): boolean {
  const key = (one: Piece): number | null => (one.kind === 'link' ? one.key : null);
  return describe(now) === describe(piece) && key(now) === key(piece);
}

/** The device that an address or a route stands on. */
export function linkOf(piece: Piece): string | null {
  return piece.kind === 'address' || piece.kind === 'route' ? piece.link : null;
}

/**
 * The operations that turn `realized` into `desired`, in the order to run them.
 * A tunnel device with other parameters is deleted and made anew, with all that stands on it; for
 * that moment the prohibit route behind it answers.
 */
export function diff(desired: Desired, realized: Desired): Operation[] {
  const had = new Map(realized.map((piece) => [place(piece), piece]));
  const wanted = new Set(desired.map(place));
  const remade = new Set<string>();
  const operations: Operation[] = [];
  for (const piece of desired) {
    const now = had.get(place(piece));
    if (now !== undefined && isSame(now, piece) && !remade.has(linkOf(piece) ?? '')) continue;
    if (piece.kind === 'link' && now !== undefined) {
      remade.add(piece.name);
      operations.push({ op: 'delete', piece: now });
    }
    operations.push({ op: 'add', piece });
  }
  // Rules first, links last: while a rule stands, its table must not be empty.
  for (const piece of [...realized].reverse()) {
    const fellWithLink = remade.has(linkOf(piece) ?? '');
    if (!wanted.has(place(piece)) && !fellWithLink) operations.push({ op: 'delete', piece });
  }
  return operations;
}
