// learn/stand-ins: answers that give an address that is not public for an application's name: a resolver replaced
// the server's address (fake-IP of a transparent proxy, split DNS). Such an address teaches nothing; it is noted
// for `whp status`. Pure.
import { type Lesson, NOT_PUBLIC } from './observe-dns.ts';

export interface StandIn {
  readonly app: string;
  readonly name: string;
  readonly address: string;
  /** The device that asked, and when (milliseconds). */
  readonly device: string;
  readonly at: number;
}

/** Shown until this long after the last such answer. */
const KEPT_MILLISECONDS = 3600000;
/** Addresses by which blocklists deny a name. */
const BLOCKED = /^(?:0\.|127\.|::1?$)/;

/** Keeps the last stand-in of each app; removes it when its name gets a public address. */
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
