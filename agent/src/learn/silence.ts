// learn/silence: flows that were cut and whose remote end may go on sending: what the table drops without
// a word, so that no error of the router tells the home's address. Before: runtime/late-flows, failover. After:
// runtime/cuts, which writes the sets; learn/snapshot, when the table is written anew. Pure and bounded.

import { fairEvictions } from '../bounds/fair-share.ts';
import type { Connection, Tuple } from '../netlink/conntrack.ts';
import { SILENT, SILENT_MILLISECONDS } from '../ruleset/compile/ended-flows.ts';
import { endsKey } from '../ruleset/elements.ts';
import { silentSet } from '../ruleset/names.ts';
import { TCP, UDP } from '../wire/packet.ts';

/** A connection that is ended; `outward`: the device began it. */
export interface Ending {
  readonly connection: Connection;
  readonly outward: boolean;
}

export interface SilentEnd {
  readonly set: string;
  readonly key: Uint8Array;
  /** Whose flow it was. */
  readonly device: string;
  /** Milliseconds. Each packet renews the element in the kernel, but not beyond this. */
  readonly until: number;
}

/** By set and key, the oldest first. */
export type Silence = Map<string, SilentEnd>;

/** Of both families together: half of what each set has room for, so that what an agent before this one
 * has left there is no matter. */
const MOST = SILENT / 2;
/** Longer than a TCP end tries (RFC 9293 section 3.8.3) and than a peer keeps a call (RFC 7675). */
const LONGEST = 3_600_000;

/** IPS_SEEN_REPLY, IPS_OFFLOAD, IPS_HW_OFFLOAD (linux/netfilter/nf_conntrack_common.h). */
const ANSWERED = 1 << 1;
const OFFLOADED = (1 << 14) | (1 << 15);

/** Whether both ends believe in it, so that the device has to be told of its end. One that nobody has
 * answered begins anew by itself; packets of a direct one in a flow table pass no rule that could tell (a
 * proxied one is in our own, ruleset/flow-offload, if in any). */
export function isToBeTold({ original, status, mark }: Connection, mask: number): boolean {
  const isOffloaded = (status & OFFLOADED) !== 0 && (mark & mask) === 0;
  return original.protocol === TCP && (status & ANSWERED) !== 0 && !isOffloaded;
}

/** Packets of the device, as it sends them. */
export function deviceSide({ connection, outward }: Ending): Tuple {
  return outward ? connection.original : connection.reply;
}

/** Packets of the remote end, as they come to the router. */
export function remoteSide({ connection, outward }: Ending): Tuple {
  return outward ? connection.reply : connection.original;
}

export function createSilence(): Silence {
  return new Map();
}

/** Notes the remote ends of `endings`; answers what is to be added and, for want of room, to go. */
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

/** Forgets what has lasted long enough, and answers it. */
export function expireSilence(silence: Silence, now: number): SilentEnd[] {
  const gone = Array.from(silence.values()).filter(({ until }) => until <= now);
  for (const end of gone) silence.delete(nameOf(end));
  return gone;
}

/** What is left of `end` in a table that is written anew, milliseconds. */
export function leftOf({ until }: SilentEnd, now: number): number {
  return Math.min(SILENT_MILLISECONDS, until - now);
}

function endOf(ending: Ending, now: number): SilentEnd[] {
  const { source, sourcePort, destinationPort, protocol } = remoteSide(ending);
  const key = endsKey(source, sourcePort, destinationPort);
  if ((protocol !== TCP && protocol !== UDP) || key === null) return [];
  const set = silentSet(ending.connection.family);
  return [{ set, key, device: deviceSide(ending).source, until: now + LONGEST }];
}

function nameOf({ set, key }: SilentEnd): string {
  return `${set} ${String.fromCharCode(...key)}`;
}
