// kernel/sets: elements of the table's sets, written and read over one netlink socket. Every write
// is one transaction that the kernel has committed when the call returns: runtime/effects releases a held
// answer only after that.
import { NETLINK_NETFILTER, NFPROTO_INET } from '../netlink/constants.ts';
import { createReader } from '../netlink/message.ts';
import {
  countElements,
  type KernelElement,
  type KeyFilter,
  putSetDump,
  readElements,
} from '../netlink/nft-element.ts';
import { faultOf, putSetBatch, type SetChange, splitChanges } from '../netlink/nft-set.ts';
import { now } from '../os/clock.ts';
import { TABLE } from '../ruleset/names.ts';
import { dump, transact } from './netlink-request.ts';
import {
  type NetlinkSocket,
  type Opened,
  openNetlink,
  request,
  takeSequence,
} from './netlink-socket.ts';
import type { Dumps, PutDump } from './sliced-dump.ts';

const WHERE = { family: NFPROTO_INET, table: TABLE };

/** Messages a change may take: three for a renewal, and the two that frame the batch. */
const MESSAGES_EACH = 3;

export interface SetSocket {
  readonly socket: NetlinkSocket;
  /** Transactions committed and not yet told to reconcile/repair, which counts those of others. */
  commits: number;
}

export function openSets(): Opened<SetSocket> {
  // Dumps of large sets come in datagrams of up to 32 KiB.
  const opened = openNetlink(NETLINK_NETFILTER, { receiveQueue: 1 << 18 });
  return opened.ok ? { ok: true, value: { socket: opened.value, commits: 0 } } : opened;
}

/** Commits the changes, as one transaction where the kernel's memory allows it (some hundred
 * elements). Returns null, or the set and errno of the part that was refused; parts before it
 * stand. */
export function changeSets(sets: SetSocket, changes: readonly SetChange[]): string | null {
  for (const part of splitChanges(changes)) {
    const wrong = commitPart(sets.socket, part);
    if (wrong !== null) return wrong;
    sets.commits += 1;
  }
  return null;
}

function commitPart(socket: NetlinkSocket, changes: readonly SetChange[]): string | null {
  const w = request(socket);
  const first = takeSequence(socket, changes.length * MESSAGES_EACH + 2);
  const batch = putSetBatch(w, first, WHERE, changes);
  if (batch.parts.length === 0) return null;
  const { errno, refused } = transact(socket, batch.first, batch.last, batch.acknowledged);
  if (errno === 0) return null;
  const sent = createReader(w.bytes.subarray(0, w.length));
  const fault = refused[0] === undefined ? undefined : faultOf(sent, batch, refused[0]);
  const where = fault === undefined ? 'transaction' : `set ${changes[fault.change]!.set}`;
  return `change ${where}: errno ${fault?.errno ?? errno}`;
}

function allOf(set: string): PutDump {
  return (w, seq) => putSetDump(w, seq, WHERE, set);
}

/** The elements of `set` as they are now, or the first `most` of them, or those whose key `wanted`
 * names. A string is the error: errno 2 when there is no such set. */
export function readSet(
  sets: SetSocket,
  set: string,
  most = Number.POSITIVE_INFINITY,
  wanted: KeyFilter | null = null,
): KernelElement[] | string {
  let found: KernelElement[] = [];
  const errno = dump(
    sets.socket,
    allOf(set),
    () => {
      found = [];
    },
    (message, reader) => {
      if (found.length >= most) return;
      const read = readElements(reader, message, wanted, most - found.length);
      if (read.ok) found.push(...read.value.elements);
    },
  );
  return errno === 0 ? found : `read set ${set}: errno ${errno}`;
}

/** An element and when it expires, `now()`. */
export interface LivingElement {
  readonly key: Uint8Array;
  readonly expires: number;
}

/** Elements that are read in one go; to read thousands takes a slow router seconds. */
const FEW = 100;

/** All elements of `set`, many of them a slice a turn of the event loop. Answers whether nothing was
 * missed; an element may come twice. */
export function readInTurns(
  sets: SetSocket,
  dumps: Dumps,
  set: string,
  onElement: (one: LivingElement) => void,
): Promise<boolean> {
  const take = (elements: readonly KernelElement[]): void => {
    const at = now();
    for (const { key, expiration } of elements) onElement({ key, expires: at + (expiration ?? 0) });
  };
  const few = readSet(sets, set, FEW + 1);
  if (typeof few === 'string' || few.length <= FEW) {
    const isRead = typeof few !== 'string';
    if (isRead) take(few);
    return Promise.resolve(isRead);
  }
  return new Promise((resolve) => {
    dumps.read(
      [allOf(set)],
      (message, reader) => {
        const read = readElements(reader, message);
        if (read.ok) take(read.value.elements);
      },
      ({ whole }) => resolve(whole),
    );
  });
}

/** How many elements `set` has now; 0 where there is no such set. */
export function countSet(sets: SetSocket, set: string): number {
  let count = 0;
  dump(
    sets.socket,
    allOf(set),
    () => {
      count = 0;
    },
    (message, reader) => {
      count += countElements(reader, message);
    },
  );
  return count;
}
