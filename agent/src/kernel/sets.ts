// kernel/sets: writes and reads elements of the sets of `table inet whp` over one netlink socket. The kernel has
// committed a change when `change` returns: runtime/effects releases a held answer only after that.
import { NFPROTO_INET } from '../netlink/constants.ts';
import {
  done,
  failed,
  type KernelError,
  type KernelResult,
  refused,
} from '../netlink/kernel-error.ts';
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
import { type NetlinkSocket, request, takeSequence } from './netlink-socket.ts';
import type { Dumps, PutDump } from './sliced-dump.ts';

const WHERE = { family: NFPROTO_INET, table: TABLE };

/** Messages for one change: three for a renewal. Two more open and close the batch. */
const MESSAGES_EACH = 3;
/** Longest set that is read in one turn: reading thousands of elements takes a slow router seconds. */
const FEW = 100;

/** `expires`: on the clock of now(). */
export interface LivingElement {
  readonly key: Uint8Array;
  readonly expires: number;
}

/** Elements of the sets of `table inet whp`. */
export interface Sets {
  /** Commits the changes in one transaction, or in several if they are more than the kernel can take at once (some
   * hundred elements). Transactions before a refused one stay committed. */
  change(changes: readonly SetChange[]): KernelError | null;
  /** The elements of `set`: `most` of them at most, and only those whose key `wanted` selects. */
  read(set: string, most?: number, wanted?: KeyFilter | null): KernelResult<KernelElement[]>;
  /** All elements of `set`; above a hundred, one slice a turn of the event loop. False: elements may be missing. An
   * element may be reported twice. */
  readInTurns(set: string, onElement: (one: LivingElement) => void): Promise<boolean>;
  /** Number of elements; 0 if the set does not exist. */
  count(set: string): number;
  /** `readInTurns` is running. */
  isReading(): boolean;
  /** Transactions committed since the last call; reconcile/repair subtracts them from the kernel's generation
   * number. */
  takeCommits(): number;
}

/** `socket`: its receive buffer must hold datagrams of 32 KiB. */
export function setsOver(socket: NetlinkSocket, dumps: Dumps): Sets {
  let commits = 0;
  const read: Sets['read'] = (set, most, wanted) => readSet(socket, set, most, wanted);
  return {
    change: (changes) => {
      for (const part of splitChanges(changes)) {
        const error = commitPart(socket, part);
        if (error !== null) return error;
        commits += 1;
      }
      return null;
    },
    read,
    readInTurns: (set, onElement) => readInTurns(read, dumps, set, onElement),
    count: (set) => countSet(socket, set),
    isReading: dumps.isBusy,
    takeCommits: () => {
      const taken = commits;
      commits = 0;
      return taken;
    },
  };
}

function commitPart(socket: NetlinkSocket, changes: readonly SetChange[]): KernelError | null {
  const w = request(socket);
  const first = takeSequence(socket, changes.length * MESSAGES_EACH + 2);
  const batch = putSetBatch(w, first, WHERE, changes);
  if (batch.parts.length === 0) return null;
  const { errno, refused: acks } = transact(socket, batch.first, batch.last, batch.acknowledged);
  if (errno === 0) return null;
  const sent = createReader(w.bytes.subarray(0, w.length));
  const fault = acks[0] === undefined ? undefined : faultOf(sent, batch, acks[0]);
  const object = fault === undefined ? 'sets' : `set ${changes[fault.change]!.set}`;
  return refused('change', object, fault?.errno ?? errno);
}

function allOf(set: string): PutDump {
  return (w, seq) => putSetDump(w, seq, WHERE, set);
}

function readSet(
  socket: NetlinkSocket,
  set: string,
  most = Number.POSITIVE_INFINITY,
  wanted: KeyFilter | null = null,
): KernelResult<KernelElement[]> {
  let found: KernelElement[] = [];
  const errno = dump(
    socket,
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
  return errno === 0 ? done(found) : failed(refused('read', `set ${set}`, errno));
}

function readInTurns(
  read: Sets['read'],
  dumps: Dumps,
  set: string,
  onElement: (one: LivingElement) => void,
): Promise<boolean> {
  const take = (elements: readonly KernelElement[]): void => {
    const at = now();
    for (const { key, expiration } of elements) onElement({ key, expires: at + (expiration ?? 0) });
  };
  const few = read(set, FEW + 1);
  if (!few.ok) return Promise.resolve(false);
  if (few.value.length <= FEW) {
    take(few.value);
    return Promise.resolve(true);
  }
  return new Promise((resolve) => {
    dumps.read(
      [allOf(set)],
      (message, reader) => {
        const elements = readElements(reader, message);
        if (elements.ok) take(elements.value.elements);
      },
      ({ whole }) => resolve(whole),
    );
  });
}

function countSet(socket: NetlinkSocket, set: string): number {
  let count = 0;
  dump(
    socket,
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
