// kernel/yield-to-held: held packets have priority. Callbacks that handle many kernel messages call heldFirst
// between two of them, which handles one held packet.

/** Longest work of one callback. A matching answer costs some 30 ms on a 24K, four times as much if its query must
 * be read first. */
const TURN_MILLISECONDS = 1500;
/** The same for packets that have passed: nobody waits for these. */
const KNOWN_MILLISECONDS = 30;

type Take = () => unknown;

let take: Take | null = null;

/** Registers `one`, which reads and handles the next held packet. */
export function holdFirst(one: Take): void {
  take = one;
}

/** Removes `one`. */
export function holdNoMore(one: Take): void {
  if (take === one) take = null;
}

/** Call it between two messages. `spent`: milliseconds since the callback began. Handles one held packet, and none
 * after TURN_MILLISECONDS, so that a flood of held packets leaves time for the others. */
export function heldFirst(spent: number): void {
  if (isTurn(spent)) take?.();
}

/** Whether a callback that has spent this time (milliseconds) may go on. The event loop must get back to the feeds,
 * the control socket and the watchdog, which gives each callback five seconds. `isKnown`: what it has read last waits
 * for nothing. */
export function isTurn(spent: number, isKnown = false): boolean {
  return spent < (isKnown ? KNOWN_MILLISECONDS : TURN_MILLISECONDS);
}
