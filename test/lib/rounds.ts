// How long a test repeats itself: a few times in every run, and as often as it takes minutes of an emulated
// processor in `scripts/unit.mjs --long`, which scripts/test.sh runs once.

/** Set by scripts/unit.mjs when it bundles. */
declare const LONG: boolean;

/** `short` is enough for each assertion to be able to fail: beyond every cap that the test is about. */
export function rounds(short: number, long: number): number {
  return LONG ? long : short;
}
