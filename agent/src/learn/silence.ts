// learn/silence: remote ends of cut flows that may go on sending. The table drops their packets silently, since
// an ICMP error or RST of the router would show the home's address. runtime/cuts writes the sets, and
// learn/snapshot restores them in a new table. Pure and bounded.

import { fairEvictions } from '../bounds/fair-share.ts';
import type { Connection, Tuple } from '../netlink/conntrack.ts';
import { SILENT, SILENT_MILLISECONDS } from '../ruleset/compile/ended-flows.ts';
import { endsKey } from '../ruleset/elements.ts';
import { cutSet } from '../ruleset/names.ts';
import { byteString } from '../wire/hex.ts';
import { TCP, UDP } from '../wire/packet.ts';

/** A connection to be ended; `outward`: the device began it. */
export interface Ending {
  readonly connection: Connection;
  readonly outward: boolean;
}

export interface SilentEnd {
  readonly set: string;
  readonly key: Uint8Array;
  /** The device of the flow. */
  readonly device: string;
  /** Milliseconds: last end of the element. Each packet renews it in the kernel, but not beyond this. */
  readonly until: number;
}

/** By set and key, oldest first. */
export type Silence = Map<string, SilentEnd>;

/** Of both families together: half the size of each set, which leaves room for elements of an earlier agent. */
const MOST = SILENT / 2;
/** Milliseconds; longer than TCP retransmits (RFC 9293 section 3.8.3) and than a peer keeps a call (RFC 7675). */
const LONGEST = 3_600_000;

/** IPS_SEEN_REPLY, IPS_OFFLOAD, IPS_HW_OFFLOAD (linux/netfilter/nf_conntrack_common.h). */
const ANSWERED = 1 << 1;
const OFFLOADED = (1 << 14) | (1 << 15);

/** Whether both ends hold the connection established, so that the device needs a RST. An unanswered one begins
 * anew by itself. Packets of an offloaded direct flow pass no rule that could send one (a proxied flow is at most
 * in our own flowtable, ruleset/flow-offload). */
export function isResettable({ original, status, mark }: Connection, mask: number): boolean {
  const isOffloaded = (status & OFFLOADED) !== 0 && (mark & mask) === 0;
  return original.protocol === TCP && (status & ANSWERED) !== 0 && !isOffloaded;
}

/** Tuple of the packets that the device sends. */
export function deviceSide({ connection, outward }: Ending): Tuple {
  return outward ? connection.original : connection.reply;
}

/** Tuple of the packets that the remote end sends, as they arrive at the router. */
export function remoteSide({ connection, outward }: Ending): Tuple {
  return outward ? connection.reply : connection.original;
}

export function createSilence(): Silence {
  return new Map();
}

/** Notes the remote ends of `endings`; returns the elements to add, and those to delete because of the cap. */
export function silenced(
  silence: Silence,
  endings: readonly Ending[],
  now: number,
): { readonly added: SilentEnd[]; readonly gone: SilentEnd[] } {
  const added = endings.flatMap((ending) => endOf(ending, now)).slice(0, MOST);
  for (const end of added) {
    const name = nameOf(end);
    silence.delete(name);
    silence.set(name, end);
  }
  const gone = fairEvictions(Array.from(silence.values()), silence.size - MOST);
  for (const end of gone) silence.delete(nameOf(end));
  return { added: added.filter((end) => silence.has(nameOf(end))), gone };
}

/** Notes elements of `set` that an earlier agent has left, of devices that are not known any more. */
export function adoptSilence(
  silence: Silence,
  set: string,
  keys: readonly Uint8Array[],
  now: number,
): void {
  for (const key of keys.slice(0, MOST / 2)) {
    const end = { set, key, device: '', until: now + LONGEST };
    silence.set(nameOf(end), end);
  }
}

/** Removes and returns the ends that are over by `now`. */
export function expireSilence(silence: Silence, now: number): SilentEnd[] {
  const gone = Array.from(silence.values()).filter(({ until }) => until <= now);
  for (const end of gone) silence.delete(nameOf(end));
  return gone;
}

/** Milliseconds left of `end` for a new table. */
export function leftOf({ until }: SilentEnd, now: number): number {
  return Math.min(SILENT_MILLISECONDS, until - now);
}

function endOf(ending: Ending, now: number): SilentEnd[] {
  const { source, sourcePort, destinationPort, protocol } = remoteSide(ending);
  const key = endsKey(source, sourcePort, destinationPort);
  if ((protocol !== TCP && protocol !== UDP) || key === null) return [];
  const set = cutSet(ending.connection.family);
  return [{ set, key, device: deviceSide(ending).source, until: now + LONGEST }];
}

function nameOf({ set, key }: SilentEnd): string {
  return `${set} ${byteString(key)}`;
}
