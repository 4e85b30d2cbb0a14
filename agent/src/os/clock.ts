// os/clock: the only place that reads the time. Decisions take `now` as an argument and are
// made on the monotonic clock; the wall clock is for what a person reads (a router without a
// battery starts in 1970 and jumps when NTP answers).
import * as os from 'qjs:os';
import { monotonic } from 'whp:socket';

/** Milliseconds since boot, with fractions; never jumps. */
export function now(): number {
  return monotonic();
}

/** Milliseconds since 1970, as far as the machine knows. */
export function wallTime(): number {
  return Date.now();
}

/** Calls `run` every so many milliseconds; returns what stops it. */
export function every(milliseconds: number, run: () => void): () => void {
  const timer = os.setInterval(run, milliseconds);
  return () => os.clearInterval(timer);
}

/** Calls `run` once, so many milliseconds from now; returns what stops it. */
export function after(milliseconds: number, run: () => void): () => void {
  const timer = os.setTimeout(run, Math.ceil(milliseconds));
  return () => os.clearTimeout(timer);
}

/** Lets the event loop come round between two long parts of a job: held packets get their turn, and
 * a slow machine is not taken for a hung one. */
export function pause(): Promise<void> {
  return new Promise((resolve) => {
    os.setTimeout(resolve, 0);
  });
}

/** Gives `each` the parts of `list`, `size` at most, one a turn of the event loop. Answers the first error that it
 * answers, at once, or null. */
export async function inParts<T>(
  list: readonly T[],
  size: number,
  each: (part: readonly T[]) => string | null,
): Promise<string | null> {
  for (let from = 0; from < list.length; from += size) {
    if (from > 0) await pause();
    const wrong = each(list.slice(from, from + size));
    if (wrong !== null) return wrong;
  }
  return null;
}

/** A job that nobody waits for. What it throws (no memory) ends the program: the next agent takes
 * over from what stands, and that is better than to go on with half of a job done. */
export function unattended(job: Promise<unknown>): void {
  void job.catch((error: unknown) => {
    throw error;
  });
}
