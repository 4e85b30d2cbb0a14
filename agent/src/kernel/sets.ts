// kernel/sets: writes and reads elements of the sets of `table inet whp` over one netlink socket. The kernel has
// committed a change when `change` returns: runtime/effects releases a held answer only after that.
import * as feeds from 'whp:feeds';
import { NFPROTO_INET } from '../netlink/constants.ts';
import {
  done,
  failed,
  type KernelError,
  type KernelResult,
  refused,
} from '../netlink/kernel-error.ts';
import { createReader } from '../netlink/message.ts';
import { type KernelElement, type KeyFilter, putSetDump } from '../netlink/nft-element.ts';
import { faultOf, putSetBatch, type SetChange, splitChanges } from '../netlink/nft-set.ts';
import { now } from '../os/clock.ts';
import { DELETES, elementPacket, leaseFor, OF_THE_SET } from '../ruleset/element-packet.ts';
import { elementProofSet, TABLE } from '../ruleset/names.ts';
import type { Family } from '../wire/address.ts';
import { byteString, bytesIn } from '../wire/hex.ts';
import { type ElementPackets, elementPackets } from './element-packets.ts';
import { readGeneration } from './generation.ts';
import { dump, transact } from './netlink-request.ts';
import { type NetlinkSocket, type OnMessage, request, takeSequence } from './netlink-socket.ts';
import { countElements, eachElement } from './set-elements.ts';
import type { Dumps, PutDump } from './sliced-dump.ts';

const WHERE = { family: NFPROTO_INET, table: TABLE };

/** Messages for one change: three for a renewal. Two more open and close the batch. */
const MESSAGES_EACH = 3;
/** Longest set that is decoded in one turn: what else is due would wait for thousands of elements. Of a longer
 * one the first answer is received whole, and the rest of it thrown away; then it is read one slice a turn. */
const FEW = 500;

/** `key`: one character a byte (wire/hex). `expires`: on the clock of now(). */
export interface LivingElement {
  readonly key: string;
  readonly expires: number;
}

/** Whether packets of each family add elements; null: not tried yet. */
export interface ByPacket {
  readonly 4: boolean | null;
  readonly 6: boolean | null;
}

/** Elements of the sets of `table inet whp`. */
export interface Sets {
  /** Commits the changes in one transaction, or in several if they are more than the kernel can take at once (some
   * hundred elements). Transactions before a refused one stay committed. */
  change(changes: readonly SetChange[]): KernelError | null;
  /** Makes the changes by packets, which others' nft does not notice, and in a transaction what packets cannot do. */
  teach(changes: readonly SetChange[]): KernelError | null;
  byPacket(): ByPacket;
  /** True: the host program adds no element by itself. */
  teachAlone(isAlone: boolean): void;
  /** Whether the host program has added the element for an answer that the script has not read yet. */
  isUnread(set: string, key: string): boolean;
  /** The elements of `set`: `most` of them at most, and only those whose key `wanted` selects. */
  read(set: string, most?: number, wanted?: KeyFilter | null): KernelResult<KernelElement[]>;
  /** All elements of `set`; above five hundred, one slice a turn of the event loop. False: elements may be missing. An
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
  let isAlone = false;
  const read: Sets['read'] = (set, most, wanted) => readSet(socket, set, most, wanted);
  const teaching = createTeaching(read);
  const change: Sets['change'] = (changes) => {
    for (const part of splitChanges(changes)) {
      const error = commitPart(socket, part);
      if (error !== null) return error;
      commits += 1;
      // Elements of ours change no rule: what was proven before holds in the next generation.
      teaching.generation += 1;
    }
    return null;
  };
  return {
    change,
    teach: (changes) => {
      const error = change(leftByPackets(teaching, changes));
      const { generation, isProven, packets } = teaching;
      const socket = (family: Family) => (isProven[family] ? packets.socket(family) : -1);
      feeds.teaches(isAlone ? 0 : generation, socket(4), socket(6));
      return error;
    },
    teachAlone: (alone) => {
      isAlone = alone;
      if (alone) feeds.teaches(0, -1, -1);
    },
    byPacket: () => teaching.isProven,
    isUnread,
    read,
    readInTurns: (set, onElement) => readInTurns(socket, dumps, set, onElement),
    count: (set) => countSet(socket, set),
    isReading: dumps.isBusy,
    takeCommits: () => {
      const taken = commits;
      commits = 0;
      return taken;
    },
  };
}

function isUnread(set: string, key: string): boolean {
  if (!feeds.isRecent(null)) return false;
  const packet = elementPacket(set, bytesIn(key), DELETES);
  return packet !== null && feeds.isRecent(packet.buffer as ArrayBuffer);
}

interface Teaching {
  readonly packets: ElementPackets;
  readonly read: Sets['read'];
  /** The generation in which what `isProven` says was found. */
  generation: number;
  isProven: { 4: boolean | null; 6: boolean | null };
  /** When the last proof failed, milliseconds. */
  failedAt: number;
  proofs: number;
}

/** Milliseconds after which packets that added nothing are tried again: loopback may have been down. */
const AGAIN = 10_000;
/** How often packets are sent again because another program has changed a table meanwhile. */
const TRIES = 3;

function createTeaching(read: Sets['read']): Teaching {
  const isProven = { 4: null, 6: null };
  const none = { generation: 0, failedAt: Number.NEGATIVE_INFINITY, proofs: 0 };
  return { packets: elementPackets(), read, isProven, ...none };
}

/** Sends a packet for each element. Returns the changes of those that no rule has taken. Another table may take a
 * packet from ours: a packet counts if the tables are still those in which a packet was proven to add an element. */
function leftByPackets(teaching: Teaching, changes: readonly SetChange[]): readonly SetChange[] {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const left = changes.flatMap((one) => leftByPacket(teaching, one));
    const generation = readGeneration();
    if (generation !== 0 && generation === teaching.generation) return left;
    startProofs(teaching, generation);
  }
  return changes;
}

function startProofs(teaching: Teaching, generation: number): void {
  teaching.generation = generation;
  const hasFailed = now() - teaching.failedAt < AGAIN;
  const after = (known: boolean | null): boolean | null =>
    known === false && hasFailed ? false : null;
  teaching.isProven = { 4: after(teaching.isProven[4]), 6: after(teaching.isProven[6]) };
}

/** Returns the change of the elements that no rule has taken: empty, or one. */
function leftByPacket(teaching: Teaching, change: SetChange): SetChange[] {
  const { operation, set } = change;
  if (operation === 'add') return [change];
  const elements = change.elements.filter(({ key, timeout }) => {
    const lease = operation === 'delete' ? DELETES : leaseFor(set, timeout);
    const packet = lease === null ? null : elementPacket(set, key, lease);
    if (packet === null || !isProven(teaching, packet[0]! >> 4 === 4 ? 4 : 6)) return true;
    if (lease === DELETES && feeds.isRecent(packet.buffer as ArrayBuffer)) return false;
    return !teaching.packets.send(packet);
  });
  return elements.length === 0 ? [] : [{ ...change, elements }];
}

/** Whether packets of the family add elements: adds one to a set of its own and reads it back, once in each
 * generation. */
function isProven(teaching: Teaching, family: Family): boolean {
  const known = teaching.isProven[family];
  if (known === true || (known === false && now() - teaching.failedAt < AGAIN)) return known;
  teaching.proofs += 1;
  const key = new Uint8Array(family === 4 ? 4 : 16);
  new DataView(key.buffer).setUint32(key.length - 4, teaching.proofs);
  const set = elementProofSet(family);
  const isTaken = teaching.packets.send(elementPacket(set, key, OF_THE_SET)!);
  const text = byteString(key);
  const found = isTaken ? teaching.read(set, 1, (one) => one === text) : null;
  // Nothing is known where others change tables meanwhile, and the read is interrupted.
  if (found?.ok === false) return false;
  const proven = found !== null && found.value.length === 1;
  teaching.isProven[family] = proven;
  if (!proven) teaching.failedAt = now();
  return proven;
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
      eachElement(message, reader, (key, left) => {
        if (found.length >= most || wanted?.(key) === false) return;
        found.push({ key: bytesIn(key), ...(left === null ? {} : { expiration: left }) });
      });
    },
  );
  return errno === 0 ? done(found) : failed(refused('read', `set ${set}`, errno));
}

function readInTurns(
  socket: NetlinkSocket,
  dumps: Dumps,
  set: string,
  onElement: (one: LivingElement) => void,
): Promise<boolean> {
  const takeTo =
    (take: (one: LivingElement) => void): OnMessage =>
    (message, reader) => {
      const at = now();
      eachElement(message, reader, (key, left) => take({ key, expires: at + (left ?? 0) }));
    };
  const few: LivingElement[] = [];
  const takeFew = takeTo((one) => few.push(one));
  const errno = dump(
    socket,
    allOf(set),
    () => {
      few.length = 0;
    },
    (message, reader) => {
      if (few.length <= FEW) takeFew(message, reader);
    },
  );
  if (errno !== 0) return Promise.resolve(false);
  if (few.length <= FEW) {
    for (const one of few) onElement(one);
    return Promise.resolve(true);
  }
  return new Promise((resolve) => {
    dumps.read([allOf(set)], takeTo(onElement), ({ whole }) => resolve(whole));
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
      count += countElements(message, reader);
    },
  );
  return count;
}
