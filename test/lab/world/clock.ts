// Waiting, for the world's programs.
import * as os from 'qjs:os';

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    os.setTimeout(() => resolve(), Math.max(0, ms));
  });
}

/** Looks every `every` ms until `condition` holds; false when it did not within `ms`. */
export async function waitFor(condition: () => boolean, ms: number, every = 20): Promise<boolean> {
  for (let waited = 0; !condition(); waited += every) {
    if (waited >= ms) return false;
    await sleep(every);
  }
  return true;
}
