// kernel/yield-to-held: what is held comes first. Every moment a held packet waits, somebody waits for it, so
// whoever has many of the kernel's messages to go through lets it pass between two of them. Before:
// feeds. After: feeds, sliced-dump, runtime/accounting.

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

/** To be called between two messages that can wait. One a time: under a flood of held packets the
 * others have their turn, too. */
export function heldFirst(): void {
  take?.();
}
