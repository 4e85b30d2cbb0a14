// kernel/held-feed: packets that the kernel holds until we say what becomes of them (NFQUEUE). Unwraps the messages
// and hands out spans of the receive buffer, valid until the callback returns. No decision is made here.

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
} from '../netlink/nfqueue.ts';
import { senderMac } from '../netlink/sender.ts';
import { now } from '../os/clock.ts';
import { readText } from '../os/file.ts';
import type { PacketSpan } from '../step/state.ts';
import { DRAIN, type Feed, openFeed } from './feed-socket.ts';
import {
  closeNetlink,
  type NetlinkSocket,
  type OnMessage,
  receiveOnce,
  sendBytes,
} from './netlink-socket.ts';
import { holdNoMore, isTurn } from './yield-to-held.ts';

/** Whole packets: a DNS answer over UDP can fill the largest. */
const COPY_QUEUED = 0xffff;

const QUEUES = '/proc/net/netfilter/nfnetlink_queue';

export interface HeldFeed extends Feed {
  /** Lets a held packet go; it leaves with the next `flush`, at the latest after the drain.
   * `again`: through the rules of the same hook once more, which may refuse it now. */
  release(id: number, again?: boolean): void;
  /** Drops a held packet, likewise. */
  refuse(id: number): void;
  flush(): void;
  /** Takes in one more; false: none waits. */
  takeOne(): boolean;
  /** Half of what may be held waits: as of the last DRAIN of packets that found it never empty. */
  isBehind(): boolean;
}

/** Packets of queue `number` that have no verdict yet; null: the kernel does not say
 * (nfnetlink_queue.c, seq_show: number, port, waiting, ...). */
function waitingIn(number: number): number | null {
  const read = readText(QUEUES);
  if (!read.ok) return null;
  for (const line of read.text.split('\n')) {
    const [queue, , waiting] = line.trim().split(/ +/);
    if (queue === String(number)) return Number(waiting);
  }
  return null;
}

/** Whether a multiple of `each` lies behind `before`, up to `after`. */
function hasPassed(each: number, before: number, after: number): boolean {
  return Math.floor(after / each) > Math.floor(before / each);
}

/** Takes in `most` datagrams, or what one turn has time for. Whether nothing is left. */
function drain(socket: NetlinkSocket, onMessage: OnMessage, most: number): boolean {
  const began = now();
  for (let i = 0; i < most && isTurn(now() - began); i++) {
    const got = receiveOnce(socket, onMessage);
    if (got < 0 && got !== -sys.ENOBUFS && got !== -sys.EINTR) return true;
  }
  return false;
}

export interface Holding {
  /** Packets that the kernel holds for us at most. */
  readonly most: number;
  /** What becomes of one more: it passes, or it is dropped. */
  readonly failOpen: boolean;
  /** Called when so many were read as the queue holds and it was never empty: there may have been more. */
  readonly onFull?: () => void;
  /** Only what this one leaves time for is taken in. */
  readonly behind?: HeldFeed;
}

/** `isOwn`: the router itself sends the packet. */
export type OnPacket = (
  id: number,
  span: PacketSpan,
  sender: () => string | null,
  isOwn: boolean,
) => void;

/** Verdicts of queue `number`, sent together. */
function verdictsOf(
  socket: NetlinkSocket,
  number: number,
): Pick<HeldFeed, 'release' | 'refuse' | 'flush'> {
  const verdicts = createVerdicts(number, DRAIN);
  const flush = (): void => {
    sendBytes(socket, verdicts.buffer, takeVerdicts(verdicts));
  };
  const decide = (id: number, verdict: number): void => {
    if (addVerdict(verdicts, id, verdict)) return;
    flush();
    addVerdict(verdicts, id, verdict);
  };
  return {
    release: (id, again = false) => decide(id, again ? NF_REPEAT : NF_ACCEPT),
    refuse: (id) => decide(id, NF_DROP),
    flush,
  };
}

/** Holds packets of queue `number` (0..65535) for us. */
export function openHeld(
  number: number,
  onPacket: OnPacket,
  { most: held, failOpen, onFull, behind }: Holding,
): KernelResult<HeldFeed> {
  const opened = openFeed({ silentOverrun: true }, `queue ${number}`, (w, seq) =>
    putQueueBind(w, seq, number, {
      copyRange: COPY_QUEUED,
      maxLength: held,
      flags: failOpen ? NFQA_CFG_F_FAIL_OPEN : 0,
    }),
  );
  if (!opened.ok) return opened;
  const socket = opened.value;
  const { release, refuse, flush } = verdictsOf(socket, number);
  const packet = createQueuedPacket();
  const span = { bytes: socket.reader.bytes, offset: 0, end: 0 };
  const sender = (): string | null => senderMac(socket.reader, packet.senderAt);
  let taken = 0;
  /** Since it was empty last. */
  let inRow = 0;
  let isBehind = false;
  const onMessage: OnMessage = (message, reader) => {
    if (message.type !== QUEUED_PACKET) return;
    if (readQueuedPacket(reader, message, packet) !== undefined) return;
    taken += 1;
    span.offset = packet.payloadAt;
    span.end = packet.payloadAt + packet.payloadLength;
    onPacket(packet.id, span, sender, packet.iif === 0);
  };
  const take = (most: number): boolean => {
    taken = 0;
    const isEmpty = drain(socket, onMessage, most);
    flush();
    const before = inRow;
    inRow = isEmpty ? 0 : inRow + taken;
    if (hasPassed(held, before, inRow)) onFull?.();
    if (inRow < DRAIN) isBehind = false;
    else if (hasPassed(DRAIN, before, inRow)) isBehind = (waitingIn(number) ?? inRow) > held / 2;
    return taken > 0;
  };
  const takeOne = (): boolean => take(1);
  const drainBehind = (first: HeldFeed): void => {
    const began = now();
    for (let i = 0; i < DRAIN && isTurn(now() - began); i++)
      if (!first.takeOne() && !takeOne()) return;
    // However busy the first is, this one does not stand still.
    takeOne();
  };
  os.setReadHandler(socket.fd, () => (behind === undefined ? take(DRAIN) : drainBehind(behind)));
  const close = (): void => {
    holdNoMore(takeOne);
    closeNetlink(socket);
  };
  const { counters } = socket;
  const value = { counters, release, refuse, flush, takeOne, isBehind: () => isBehind, close };
  return done(value);
}
