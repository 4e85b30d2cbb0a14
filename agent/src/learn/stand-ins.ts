// learn/stand-ins: answers for an application's name that give an address which is not public: the
// resolver stands something else in for the server (the fake-IP of a transparent proxy, a split view).
// Such an address teaches nothing; that it came is kept for `whp status`. Before: observe-dns. Pure.
import { type Lesson, NOT_PUBLIC } from './observe-dns.ts';

export interface StandIn {
  readonly app: string;
  readonly name: string;
  readonly address: string;
  /** Who asked, and when (milliseconds). */
  readonly device: string;
  readonly at: number;
}

/** How long it is told after it was last seen. */
const KEPT_MILLISECONDS = 3600000;
/** What blocklists answer: the name is not to be reached at all. */
const BLOCKED = /^(?:0\.|127\.|::1?$)/;

/** By app: the last. A true answer for its name ends it. */
export function noteStandIn(known: Map<string, StandIn>, lesson: Lesson): void {
  const { app, name, device, at, addresses, refused } = lesson;
  const stand = refused.find(
    ({ address, reason }) => reason === NOT_PUBLIC && !BLOCKED.test(address),
  );
  if (stand !== undefined) known.set(app, { app, name, device, at, address: stand.address });
  else if (addresses.length > 0 && known.get(app)?.name === name) known.delete(app);
}

export function expireStandIns(known: Map<string, StandIn>, now: number): void {
  for (const [app, { at }] of known) if (at + KEPT_MILLISECONDS <= now) known.delete(app);
}
