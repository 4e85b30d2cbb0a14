// The output of a probe program: one line a claim, `ok NAME`, `not ok NAME reason` or `skip NAME reason`. Exit
// status 1 when a claim failed.
import * as os from 'qjs:os';
import * as std from 'qjs:std';

let failed = 0;
let proved = 0;

/** A claim fails by any exception; `Skip`: the kernel lacks the part. */
export class Skip extends Error {}

export function claim(name: string, prove: () => void): boolean {
  try {
    prove();
    proved += 1;
    std.out.puts(`ok ${name}\n`);
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (!(error instanceof Skip)) failed += 1;
    std.out.puts(`${error instanceof Skip ? 'skip' : 'not ok'} ${name} ${reason}\n`);
    return false;
  } finally {
    std.out.flush();
  }
}

/** Returns to the event loop, which the host's watchdog requires every few seconds. */
export function breathe(): Promise<void> {
  return new Promise((done) => os.setTimeout(done, 0));
}

export async function claimLater(name: string, prove: () => Promise<void>): Promise<void> {
  let error: unknown;
  try {
    await prove();
  } catch (thrown) {
    error = thrown ?? new Error('failed');
  }
  claim(name, () => {
    if (error !== undefined) throw error;
  });
}

/** Compared as JSON; both are shown when they differ. */
export function same(got: unknown, wanted: unknown, what = 'got'): void {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what} ${a}, expected ${b}`);
}

export function holds(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

export function finish(): never {
  std.out.puts(`probe: ${proved} passed, ${failed} failed\n`);
  std.exit(failed === 0 && proved > 0 ? 0 : 1);
}
