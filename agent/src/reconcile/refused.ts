// reconcile/refused: pieces that the kernel refused (no GRE, an address in use). Each is logged once and tried
// again after a delay that doubles; an address or route of a missing device waits for the device. runtime/paths
// runs the operations and records the results. Pure.
import { describe, type Piece } from './desired.ts';
import type { Operation } from './diff.ts';

interface Refusal {
  readonly op: Operation['op'];
  readonly tries: number;
  /** Time of the next try, milliseconds; 0: none, the device of the piece is missing. */
  readonly until: number;
  /** The error as text, without the piece; '': the device is missing. */
  readonly why: string;
}

/** By describe() of the piece. */
export type Refused = Map<string, Refusal>;

const FIRST_MILLISECONDS = 5000;
const MOST_MILLISECONDS = 600_000;

/** Whether the piece was refused and is not yet to be tried again. */
export function isWaiting(refused: Refused, piece: Piece, now: number): boolean {
  const refusal = refused.get(describe(piece));
  return refusal !== undefined && refusal.until > now;
}

export function noteRefused(
  refused: Refused,
  { op, piece }: Operation,
  why: string,
  now: number,
): void {
  const key = describe(piece);
  const tries = (refused.get(key)?.tries ?? 0) + 1;
  const wait = Math.min(MOST_MILLISECONDS, FIRST_MILLISECONDS * 2 ** (tries - 1));
  refused.set(key, { op, tries, until: now + wait, why });
}

/** The device of the piece is missing. */
export function noteBare(refused: Refused, piece: Piece): void {
  refused.set(describe(piece), { op: 'add', tries: 0, until: 0, why: '' });
}

/** Drops the pieces that no operation of `operations` is about. */
export function retainRefused(refused: Refused, operations: readonly Operation[]): void {
  const wanted = new Set(operations.map(({ piece }) => describe(piece)));
  for (const key of Array.from(refused.keys())) if (!wanted.has(key)) refused.delete(key);
}

/** Time of the next try of any piece, milliseconds; null: none is due. */
export function nextTry(refused: Refused): number | null {
  let next: number | null = null;
  for (const { until } of refused.values()) if (until > 0) next = Math.min(next ?? until, until);
  return next;
}

/** "add PIECE, PIECE: WHY" for each reason. */
export function refusedTexts(refused: Refused): string[] {
  const reasons = new Map<string, { op: string; why: string; pieces: string[] }>();
  for (const [piece, { op, why }] of refused) {
    if (why === '') continue;
    const reason = reasons.get(op + why) ?? { op, why, pieces: [] };
    reason.pieces.push(piece);
    reasons.set(op + why, reason);
  }
  return Array.from(
    reasons.values(),
    ({ op, why, pieces }) => `${op} ${pieces.join(', ')}: ${why}`,
  );
}
