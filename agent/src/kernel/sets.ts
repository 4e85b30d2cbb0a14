// kernel/sets: elements of the table's sets, written and read over one netlink socket. A write is one transaction,
// which the kernel has committed when the call returns: runtime/effects releases a held answer only after that.
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

/** Messages a change may take: three for a renewal, and the two that frame the batch. */
const MESSAGES_EACH = 3;
/** Elements that are read in one go; to read thousands takes a slow router seconds. */
const FEW = 100;

/** An element and when it expires, `now()`. */
export interface LivingElement {
  readonly key: Uint8Array;
  readonly expires: number;
}

/** Elements of the sets of `table inet whp`. */
export interface Sets {
  /** Commits the changes, as one transaction where the kernel's memory allows it (some hundred elements). Of
   * several, those before the one that was refused are committed. */
  change(changes: readonly SetChange[]): KernelError | null;
  /** The elements of `set`, or the first `most` of them, or those whose key `wanted` selects. */
  read(set: string, most?: number, wanted?: KeyFilter | null): KernelResult<KernelElement[]>;
  /** All elements of `set`, more than a hundred of them a slice a turn of the event loop. Answers whether none
   * was missed; an element may come twice. */
  readInTurns(set: string, onElement: (one: LivingElement) => void): Promise<boolean>;
  /** 0 where there is no such set. */
  count(set: string): number;
  /** A list is being read in turns. */
  isReading(): boolean;
  /** Transactions committed since the last call: reconcile/repair counts those of other programs. */
  takeCommits(): number;
}

/** `socket`: receives dumps in datagrams of up to 32 KiB. */
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
