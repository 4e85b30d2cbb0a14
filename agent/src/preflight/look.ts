// What the preflight tells: one thing on this router that was looked at, what was seen, and what is
// wrong with it. Made by the other files of this folder from what router/ has read; shown by `whp
// check` and `whp status`.

import type { Problem } from '../syntax/result.ts';

/** One thing that `whp check` and `whp status` look at. */
export interface Look {
  /** What is looked at, a few words: "lan devices". */
  readonly subject: string;
  /** What was seen, one line for `whp check --explain`; when it could not be looked at, why. */
  readonly seen: string;
  /** Faults: something is not proxied or refused because of it. Exit status 1 of `whp check`. */
  readonly problems: readonly Problem[];
  /** Weaker than it could be, or worth knowing. Exit status stays 0. */
  readonly notes: readonly Problem[];
}
