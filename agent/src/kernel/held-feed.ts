// kernel/held-feed: packets that the kernel holds in an NFQUEUE queue until the agent sends a verdict. Decodes the
// messages and calls back with spans of the receive buffer, valid until the callback returns. Makes no decision.

import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import { NF_ACCEPT, NF_DROP, NF_REPEAT, NFQA_CFG_F_FAIL_OPEN } from '../netlink/constants.ts';
import { done, type KernelResult } from '../netlink/kernel-error.ts';
import {
  addVerdict,
  createQueuedPacket,
  createVerdicts,
  putQueueBind,
  QUEUED_PACKET,
  readQueuedPacket,
  takeVerdicts,
  type Verdicts,
} from '../netlink/nfqueue.ts';
import { senderMac } from '../netlink/sender.ts';
import { now } from '../os/clock.ts';
import { readText } from '../os/file.ts';
import type { PacketSpan } from '../step/state.ts';
import { DRAIN, glancedOf, type OpenFeed, openFeed } from './feed-socket.ts';
import {
  closeNetlink,
  type Glanced,
  type NetlinkSocket,
  type OnMessage,
  receiveOnce,
  sendBytes,
} from './netlink-socket.ts';
import { holdNoMore, isTurn } from './yield-to-held.ts';

/** Whole packets: a DNS answer over UDP can have 64 KiB. */
const COPY_QUEUED = 0xffff;

const QUEUES = '/proc/net/netfilter/nfnetlink_queue';

export interface HeldFeed extends OpenFeed {
  /** Verdict: accept. It is sent by the next `flush`, at the latest after the drain. `again`: the packet passes the
   * rules of the same hook again (NF_REPEAT). */
  release(id: number, again?: boolean): void;
  /** Verdict: drop; sent in the same way. */
  refuse(id: number): void;
  flush(): void;
  /** Reads one packet that waits for a verdict; false: none does. */
  takeOne(): boolean;
  /** Packets that have found no room in the queue, or in the socket's buffer, since the last call. */
  takeDropped(): number;
  /** More than half of the queue's length waits. Updated after each DRAIN packets during which the queue was never
   * empty. */
  isBehind(): boolean;
}

/** Packets in queue `number` without a verdict, and those dropped since it was bound, as the queue or the socket's
 * buffer had no room; null: unknown (nfnetlink_queue.c, seq_show: number, port, waiting, copy mode and range, dropped
 * by the queue, by the socket, ...). */
function countsOf(number: number): { readonly waiting: number; readonly dropped: number } | null {
  const read = readText(QUEUES);
  if (!read.ok) return null;
  for (const line of read.text.split('\n')) {
    const [queue, , waiting, , , full, unsent] = line.trim().split(/ +/).map(Number);
    if (queue === number) return { waiting: waiting ?? 0, dropped: (full ?? 0) + (unsent ?? 0) };
  }
  return null;
}

/** Whether the host program has dealt with the last packet. */
function isKnown({ glanced }: NetlinkSocket): boolean {
  return glanced?.[2] === 1;
}

/** Whether a multiple of `each` is above `before` and not above `after`. */
function hasPassed(each: number, before: number, after: number): boolean {
  return Math.floor(after / each) > Math.floor(before / each);
}

/** Reads `most` datagrams, or as many as one turn has time for. True: the queue is empty. */
function drain(
  socket: NetlinkSocket,
  onMessage: OnMessage,
  most: number,
  isUrgent: boolean,
): boolean {
  const began = now();
  for (let i = 0; i < most && isTurn(now() - began, isKnown(socket)); i++) {
    const got = receiveOnce(socket, onMessage, isUrgent);
    if (got < 0 && got !== -sys.ENOBUFS && got !== -sys.EINTR) return true;
  }
  return false;
}

export interface Holding {
  /** Longest queue, packets. */
  readonly most: number;
  /** A packet that finds no room: true accepts, false drops it. */
  readonly failOpen: boolean;
  /** This feed is read first; the new one when it is empty, and at least one packet each round. */
  readonly behind?: HeldFeed;
  /** The host program accepts what concerns no application. */
  readonly glanced?: Glanced;
}

/** `id`: null: the host program has accepted the packet, after it has added the elements of what it tells. `sender`:
 * MAC of the sender, null: none. `isOwn`: the router itself is the sender. */
export type OnPacket = (
  id: number | null,
  span: PacketSpan,
  sender: () => string | null,
  isOwn: boolean,
) => void;

/** A bound queue, its verdicts that are not sent yet, and what was read of it. */
interface Queue extends Holding {
  readonly number: number;
  readonly socket: NetlinkSocket;
  readonly verdicts: Verdicts;
  readonly onMessage: OnMessage;
  /** Packets read by the running drain, and by all that the script has read. */
  taken: number;
  read: number;
  /** Packets read, and dropped, when takeDropped last looked. */
  looked: number;
  dropped: number;
  /** Packets read since the queue was last empty. */
  inRow: number;
  isBehind: boolean;
}

/** Binds queue `number` (0..65535). */
export function openHeld(
  number: number,
  onPacket: OnPacket,
  holding: Holding,
): KernelResult<HeldFeed> {
  const { glanced } = holding;
  const options = { silentOverrun: true, ...(glanced === undefined ? {} : { glanced }) };
  const opened = openFeed(options, `queue ${number}`, (w, seq) =>
    putQueueBind(w, seq, number, {
      copyRange: COPY_QUEUED,
      maxLength: holding.most,
      flags: holding.failOpen ? NFQA_CFG_F_FAIL_OPEN : 0,
    }),
  );
  if (!opened.ok) return opened;
  const socket = opened.value;
  const queue: Queue = {
    ...holding,
    number,
    socket,
    verdicts: createVerdicts(number, DRAIN),
    onMessage: readerOf(socket, onPacket, () => {
      queue.taken += 1;
      queue.read += 1;
    }),
    taken: 0,
    read: 0,
    looked: 0,
    dropped: 0,
    inRow: 0,
    isBehind: false,
  };
  const takeOne = (): boolean => take(queue, 1, true);
  os.setReadHandler(socket.fd, () => {
    if (queue.behind === undefined) take(queue, DRAIN);
    else drainBehind(queue, queue.behind);
  });
  return done({
    counters: socket.counters,
    takeGlanced: glancedOf(socket),
    release: (id, again = false) => decide(queue, id, again ? NF_REPEAT : NF_ACCEPT),
    refuse: (id) => decide(queue, id, NF_DROP),
    flush: () => flush(queue),
    takeOne,
    takeDropped: () => takeDropped(queue),
    // The host program may have found the queue empty since.
    isBehind: () => queue.isBehind && (socket.glanced?.[1] ?? DRAIN) >= DRAIN,
    close: () => {
      holdNoMore(takeOne);
      closeNetlink(socket);
    },
  });
}

/** Decodes a message into objects that are used again, calls `onRead`, then `onPacket`. */
function readerOf(socket: NetlinkSocket, onPacket: OnPacket, onRead: () => void): OnMessage {
  const packet = createQueuedPacket();
  const span = { bytes: socket.reader.bytes, offset: 0, end: 0 };
  const sender = (): string | null => senderMac(socket.reader, packet.senderAt);
  return (message, reader) => {
    if (message.type !== QUEUED_PACKET) return;
    if (readQueuedPacket(reader, message, packet) !== undefined) return;
    onRead();
    span.offset = packet.payloadAt;
    span.end = packet.payloadAt + packet.payloadLength;
    onPacket(isKnown(socket) ? null : packet.id, span, sender, packet.iif === 0);
  };
}

/** Sends the collected verdicts in one datagram. */
function flush({ socket, verdicts }: Queue): void {
  sendBytes(socket, verdicts.buffer, takeVerdicts(verdicts));
}

function decide(queue: Queue, id: number, verdict: number): void {
  if (addVerdict(queue.verdicts, id, verdict)) return;
  flush(queue);
  addVerdict(queue.verdicts, id, verdict);
}

/** Reads `most` packets and sends their verdicts. False: the queue was empty. */
function take(queue: Queue, most: number, isUrgent = false): boolean {
  const { number, socket, inRow: last } = queue;
  const dealt = socket.glanced?.[0];
  queue.taken = 0;
  const isEmpty = drain(socket, queue.onMessage, most, isUrgent);
  flush(queue);
  const { taken } = queue;
  const inAll = socket.glanced?.[1] ?? last + taken;
  // Fewer than before: the host program has found the queue empty meanwhile.
  const before = inAll < last ? 0 : last;
  const inRow = isEmpty ? 0 : inAll;
  queue.inRow = inRow;
  if (inRow < DRAIN) queue.isBehind = false;
  else if (hasPassed(DRAIN, before, inRow))
    queue.isBehind = (countsOf(number)?.waiting ?? inRow) > queue.most / 2;
  return taken > 0 || dealt !== socket.glanced?.[0];
}

function takeDropped(queue: Queue): number {
  const read = queue.read + (queue.socket.glanced?.[0] ?? 0);
  // A queue of which nothing was read has not been full.
  if (read === queue.looked) return 0;
  queue.looked = read;
  const before = queue.dropped;
  queue.dropped = countsOf(queue.number)?.dropped ?? before;
  return queue.dropped - before;
}

function drainBehind(queue: Queue, first: HeldFeed): void {
  const began = now();
  for (let i = 0; i < DRAIN && isTurn(now() - began); i++)
    if (!first.takeOne() && !take(queue, 1)) return;
  // One packet each round even if `first` is never empty.
  take(queue, 1);
}
