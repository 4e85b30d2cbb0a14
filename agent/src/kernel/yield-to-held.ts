// kernel/yield-to-held: what is held comes first. Every moment a held packet waits, somebody waits for it, so
// whoever has many of the kernel's messages to go through lets it pass between two of them. Before:
// held-feed. After: announced-feed, sliced-dump, runtime/accounting.

/** A match costs some 30 ms on a 24K, and four times as much when its query has to be looked for first. */
const TURN_MILLISECONDS = 1500;

type Take = () => unknown;

let take: Take | null = null;

/** `one` takes in the next held packet, if there is one, and lets it go. */
export function holdFirst(one: Take): void {
  take = one;
}

/** `one` holds nothing any more. */
export function holdNoMore(one: Take): void {
  if (take === one) take = null;
}

/** To be called between two messages that can wait, by a callback of the loop that has `spent` so much
 * (milliseconds). One a time, and for one turn: under a flood of held packets the others have theirs, too. */
export function heldFirst(spent: number): void {
  if (isTurn(spent)) take?.();
}

/** Whether a callback that has `spent` so much (milliseconds) may go on: the loop comes round for the feeds, the
 * control socket and the watchdog, which gives each callback five seconds. */
export function isTurn(spent: number): boolean {
  return spent < TURN_MILLISECONDS;
}
