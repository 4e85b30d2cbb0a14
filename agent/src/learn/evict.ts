// learn/evict: chooses the elements to delete from a full set that the ruleset fills. step asks for room (effect
// make-room); runtime and replay read the set and delete the keys returned here.

import { fairEvictions } from '../bounds/fair-share.ts';
import type { ProfileCaps } from '../profile/profile.ts';
import { deviceOf } from '../ruleset/elements.ts';
import { FILLED_SETS, type LearnedKind, SHARE_SETS, type ShareKind } from '../ruleset/names.ts';

export interface SetEntry {
  readonly key: Uint8Array;
  /** Milliseconds until the kernel expires the element. */
  readonly left: number;
}

/** Elements with less than this left are not deleted: deleting an element that is already gone fails the whole
 * transaction. */
const SOON_MILLISECONDS = 1000;

/** Set kinds that are evicted from: what rules learn, and the counters of what each device has. */
export const ROOM_SETS = [...FILLED_SETS, ...SHARE_SETS] as const;

/** Milliseconds between two readings of an app's sets for eviction: one takes a slow router a good part of a
 * second. */
const ROOM_EVERY = 5000;

/** Whether the sets of `app` may be read for eviction at `now`; if so, notes it in `made` (last time by app). */
export function isRoomDue(made: Map<string, number>, app: string, now: number): boolean {
  const last = made.get(app);
  if (last !== undefined && now - last < ROOM_EVERY) return false;
  made.set(app, now);
  return true;
}

/** Keys unknown to the agent in an address set that is at least 7/8 full: left by an earlier agent, or added by
 * another program. */
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

const CAPS: Readonly<Record<LearnedKind | ShareKind, keyof ProfileCaps>> = {
  addr: 'endpoints',
  hello: 'endpoints',
  udp: 'ports',
  udpmac: 'ports',
  tcp: 'ports',
  tcpmac: 'ports',
  peer: 'peers',
  peermac: 'peers',
  request: 'devices',
  portmap: 'devices',
  portmapmac: 'devices',
  port_limit: 'devices',
  peer_limit: 'devices',
  server_limit: 'devices',
  port_limit_mac: 'devices',
  peer_limit_mac: 'devices',
  server_limit_mac: 'devices',
};

/** The size of a set of this kind. */
export function capOf(caps: ProfileCaps, kind: LearnedKind | ShareKind): number {
  return caps[CAPS[kind]];
}

/** An eighth of the elements of a set that is at least 7/8 full: of the devices with the most, each device's
 * earliest to expire first. Empty: there is room. */
export function surplusOf(entries: readonly SetEntry[], cap: number): Uint8Array[] {
  if (entries.length < cap - (cap >> 3)) return [];
  const lasting = entries
    .filter(({ left }) => left > SOON_MILLISECONDS)
    .map(({ key, left }) => ({ key, left, device: deviceOf(key) }))
    .sort((a, b) => a.left - b.left);
  return fairEvictions(lasting, Math.max(1, entries.length >> 3)).map(({ key }) => key);
}
