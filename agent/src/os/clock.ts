// os/clock: the only file that reads the time. Decisions take `now` as an argument, from the monotonic clock. The
// wall clock is for times shown to a person: without a battery a router starts in 1970 and jumps when NTP answers.
import * as os from 'qjs:os';
import { monotonic } from 'whp:socket';

/** Milliseconds since boot, with fractions; never jumps. */
export function now(): number {
  return monotonic();
}

/** Milliseconds since 1970 by the machine's clock, which may not be set yet. */
export function wallTime(): number {
  return Date.now();
}

/** Calls `run` every so many milliseconds, at whole multiples of them on the clock of now(), so that periodic jobs
 * wake the router together. Returns a function that stops this. Each time is a timer of its own, behind those that
 * wait: of due timers the engine runs the first of its list, and one whose job takes longer than its period would be
 * that for ever. */
export function every(milliseconds: number, run: () => void): () => void {
  let timer = os.setTimeout(next, untilNext(milliseconds));
  function next(): void {
    timer = os.setTimeout(next, untilNext(milliseconds));
    run();
  }
  return () => os.clearTimeout(timer);
}

/** Milliseconds to the next multiple of `period` that is at least half a period away: a timer may come early. */
function untilNext(period: number): number {
  const left = period - (now() % period);
  return Math.ceil(left < period / 2 ? left + period : left);
}

/** Calls `run` once, after so many milliseconds; returns a function that cancels this. */
export function after(milliseconds: number, run: () => void): () => void {
  const timer = os.setTimeout(run, Math.ceil(milliseconds));
  return () => os.clearTimeout(timer);
}

/** Resolves in the next turn of the event loop. Called between two parts of a long job, so that held packets are
 * served and the watchdog does not fire on a slow machine. */
export function pause(): Promise<void> {
  return new Promise((resolve) => {
    os.setTimeout(resolve, 0);
  });
}

/** Calls `each` with parts of `list` of at most `size`, one a turn of the event loop. Returns the first error, at
 * once, or null. */
export async function inParts<T, E>(
  list: readonly T[],
  size: number,
  each: (part: readonly T[]) => E | null,
): Promise<E | null> {
  for (let from = 0; from < list.length; from += size) {
    if (from > 0) await pause();
    const wrong = each(list.slice(from, from + size));
    if (wrong !== null) return wrong;
  }
  return null;
}

/** Runs a job without awaiting its result. An exception (no memory) ends the program: the next agent takes over
 * from the kernel's state, which is safer than to continue with a job half done. */
export function unattended(job: Promise<unknown>): void {
  void job.catch((error: unknown) => {
    throw error;
  });
}
