// preflight/look: the type of the result of one check: the subject, what was seen, and what is wrong. The
// other files of this folder make it; `whp check` and `whp status` print it.

import type { Problem } from '../syntax/result.ts';

/** The result of one check of `whp check` and `whp status`. */
export interface Look {
  /** The subject in a few words: "lan devices". */
  readonly subject: string;
  /** What was seen, one line for `whp check --explain`; or why it could not be checked. */
  readonly seen: string;
  /** Faults: traffic is not proxied, or is refused. `whp check` exits with status 1. */
  readonly problems: readonly Problem[];
  /** Warnings and remarks. The exit status stays 0. */
  readonly notes: readonly Problem[];
}
