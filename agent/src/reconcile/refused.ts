// reconcile/refused: pieces that the kernel refused (no GRE, an address in use). Each is logged once and tried
// again after a delay that doubles; an address or route of a missing device waits for the device. runtime/paths
// runs the operations and records the results. Pure.
import { describe, type Piece } from './desired.ts';
import type { Operation } from './diff.ts';

interface Refusal {
  readonly tries: number;
  /** Time of the next try, milliseconds; 0: none, the device of the piece is missing. */
  readonly until: number;
  /** The error as text; '': the device is missing. */
  readonly why: string;
}

/** By describe() of the piece. */
export type Refused = Map<string, Refusal>;

const FIRST_MILLISECONDS = 5000;
const MOST_MILLISECONDS = 600_000;
/** Most reasons in refusedText. */
const SAID = 3;

/** Whether the piece was refused and is not yet to be tried again. */
export function isWaiting(refused: Refused, piece: Piece, now: number): boolean {
  const refusal = refused.get(describe(piece));
  return refusal !== undefined && refusal.until > now;
}

export function noteRefused(refused: Refused, piece: Piece, why: string, now: number): void {
  const key = describe(piece);
  const tries = (refused.get(key)?.tries ?? 0) + 1;
  const wait = Math.min(MOST_MILLISECONDS, FIRST_MILLISECONDS * 2 ** (tries - 1));
  refused.set(key, { tries, until: now + wait, why });
}

/** The device of the piece is missing. */
export function noteBare(refused: Refused, piece: Piece): void {
  refused.set(describe(piece), { tries: 0, until: 0, why: '' });
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

/** The refused pieces and the reasons as text; null: none. */
export function refusedText(refused: Refused): string | null {
  const reasons = Array.from(refused.values(), ({ why }) => why).filter((why) => why !== '');
  if (reasons.length === 0) return null;
  const more = reasons.length - SAID;
  return reasons.slice(0, SAID).join('; ') + (more > 0 ? `; and ${more} more` : '');
}
