// runtime/repairs: what other programs undid and the agent made again, counted for `whp status`.
import { now } from '../os/clock.ts';
import { log } from '../os/log.ts';

/** Repairs so far, and the last one: when and in words. */
export interface Repairs {
  count: number;
  last: string;
  at: number;
}

export function createRepairs(): Repairs {
  return { count: 0, last: '', at: 0 };
}

export function noteRepair(repairs: Repairs, what: string): void {
  repairs.count += 1;
  repairs.last = what;
  repairs.at = now();
  log('notice', `repaired: ${what}`);
}
