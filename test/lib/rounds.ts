// How often a test repeats itself: `short` in every run, `long` with `scripts/unit.mjs --long`, which
// scripts/test.sh runs once.

/** Defined by scripts/unit.mjs when it bundles. */
declare const LONG: boolean;

/** `short` must exceed every cap that the test is about, so that each assertion can fail. */
export function rounds(short: number, long: number): number {
  return LONG ? long : short;
}
