// Which elements leave a set that the ruleset fills when it has no room: step asks for it, effects
// and replay read the set and delete what this answers.

import { fairEvictions } from '../bounds/fair-share.ts';
import type { ProfileCaps } from '../profile/profile.ts';
import { deviceOf } from '../ruleset/elements.ts';
import { FILLED_SETS, type LearnedKind, SHARE_SETS, type ShareKind } from '../ruleset/names.ts';

export interface SetEntry {
  readonly key: Uint8Array;
  /** Milliseconds until it expires by itself. */
  readonly left: number;
}

/** Elements about to expire are left to the kernel: deleting one that is gone fails the lot. */
const SOON_MILLISECONDS = 1000;

/** The kinds in which room is made: what the rules learn, and the counts of what each device has. */
export const ROOM_SETS = [...FILLED_SETS, ...SHARE_SETS] as const;

/** Reading the kernel's sets to make room takes a slow router a good part of a second: milliseconds. */
const ROOM_EVERY = 5000;

/** Whether room may be made in the sets of `app` at `now`; it is then. `made`: when it was last. */
export function isRoomDue(made: Map<string, number>, app: string, now: number): boolean {
  const last = made.get(app);
  if (last !== undefined && now - last < ROOM_EVERY) return false;
  made.set(app, now);
  return true;
}

/** Those of a set of addresses that is all but full of which the agent knows nothing: what an earlier
 * one left, or somebody else has put there. */
export function strangersOf(
  entries: readonly SetEntry[],
  cap: number,
  isKnown: (key: Uint8Array) => boolean,
): Uint8Array[] {
  if (entries.length < cap - (cap >> 3)) return [];
  return entries
    .filter(({ key, left }) => left > SOON_MILLISECONDS && !isKnown(key))
    .map(({ key }) => key);
}

/** How many elements a set of this kind has room for. */
export function capOf(caps: ProfileCaps, kind: LearnedKind | ShareKind): number {
  if (kind.startsWith('udp') || kind.startsWith('tcp')) return caps.ports;
  if (kind === 'peer' || kind === 'peermac') return caps.peers;
  return kind === 'addr' ? caps.endpoints : caps.devices;
}

/**
 * An eighth of a set that is all but full, of the devices that hold most, each device's first to
 * expire first; nothing of a set that has room.
 */
export function surplusOf(entries: readonly SetEntry[], cap: number): Uint8Array[] {
  if (entries.length < cap - (cap >> 3)) return [];
  const lasting = entries
    .filter(({ left }) => left > SOON_MILLISECONDS)
    .map(({ key, left }) => ({ key, left, device: deviceOf(key) }))
    .sort((a, b) => a.left - b.left);
  return fairEvictions(lasting, Math.max(1, entries.length >> 3)).map(({ key }) => key);
}
