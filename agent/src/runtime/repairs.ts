// runtime/repairs: counts repairs for `whp status`.
import { now } from '../os/clock.ts';
import { log } from '../os/log.ts';

/** `last`: text of the last repair; `at`: its time, `now()`. */
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
