// reconcile/refused: pieces that could not be made (no GRE in the kernel, an address that is taken). They
// are no repair, are said once, and are tried again after a while that doubles; what stands on a device
// that is missing waits for the device. Pure: runtime/enforce.ts runs the operations and notes what became of them.
import { describe, type Piece } from './desired.ts';
import type { Operation } from './diff.ts';

interface Refusal {
  readonly tries: number;
  /** Not tried again before, milliseconds; 0: when its device is there. */
  readonly until: number;
  /** What the kernel said; '': its device is missing. */
  readonly why: string;
}

/** By what describe() says of a piece. */
export type Refused = Map<string, Refusal>;

const FIRST_MILLISECONDS = 5000;
const MOST_MILLISECONDS = 600_000;
/** Reasons that are written out. */
const SAID = 3;

/** Whether the piece was refused and its time to be tried again has not come. */
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

/** Pieces that nobody wants any more are forgotten. */
export function retainRefused(refused: Refused, operations: readonly Operation[]): void {
  const wanted = new Set(operations.map(({ piece }) => describe(piece)));
  for (const key of Array.from(refused.keys())) if (!wanted.has(key)) refused.delete(key);
}

/** When the first of them is to be tried again, milliseconds; null: there is none. */
export function nextTry(refused: Refused): number | null {
  let next: number | null = null;
  for (const { until } of refused.values()) if (until > 0) next = Math.min(next ?? until, until);
  return next;
}

/** What cannot be made and why, or null. */
export function refusedText(refused: Refused): string | null {
  const reasons = Array.from(refused.values(), ({ why }) => why).filter((why) => why !== '');
  if (reasons.length === 0) return null;
  const more = reasons.length - SAID;
  return reasons.slice(0, SAID).join('; ') + (more > 0 ? `; and ${more} more` : '');
}
