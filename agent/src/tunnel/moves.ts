// tunnel/moves: the last changes of the apps' ways, for `whp status`. tunnel/failover notes them. Pure.
import type { Way } from './select.ts';

/** A change of an app's way, by the health of its proxies. */
export interface Moved {
  readonly app: string;
  readonly from: Way;
  readonly to: Way;
  /** Why its proxy was left; '': it was not. */
  readonly reason: string;
  /** Milliseconds, monotonic. */
  readonly at: number;
}

/** Number of moves that are remembered. */
const MOVED = 10;

/** Adds the newest move to those of before, oldest first. */
export function noteMove(moves: Moved[], one: Moved): void {
  moves.push(one);
  if (moves.length > MOVED) moves.shift();
}
