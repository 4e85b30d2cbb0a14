// kernel/feeds: the packets the kernel shows us: held ones (NFQUEUE) and announced ones (NFLOG).
// Unwraps the messages and hands out spans of the receive buffer, valid until the callback returns.
// No decision is made here.
import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import {
  NETLINK_NETFILTER,
  NF_ACCEPT,
  NF_DROP,
  NF_REPEAT,
  NFQA_CFG_F_FAIL_OPEN,
} from '../netlink/constants.ts';
import {
  createLoggedPacket,
  LOGGED_PACKET,
  logPrefix,
  putLogBind,
  readLoggedPacket,
} from '../netlink/nflog.ts';
import {
  addVerdict,
  createQueuedPacket,
  createVerdicts,
  putQueueBind,
  QUEUED_PACKET,
  readQueuedPacket,
  verdictsLength,
} from '../netlink/nfqueue.ts';
import { senderMac } from '../netlink/sender.ts';
import type { Writer } from '../netlink/writer.ts';
import { now, wallTime } from '../os/clock.ts';
import { readText } from '../os/file.ts';
import type { PacketSpan } from '../step/state.ts';
import { transact } from './netlink-request.ts';
import {
  closeNetlink,
  type NetlinkCounters,
  type NetlinkSocket,
  type OnMessage,
  openNetlink,
  receiveOnce,
  request,
  sendBytes,
  takeSequence,
} from './netlink-socket.ts';
import { heldFirst, holdNoMore, isTurn } from './yield-to-held.ts';

/** Whole packets: a DNS answer over UDP can fill the largest. */
const COPY_QUEUED = 0xffff;
/** Whole as well, where the rule says no less: the feeds that are about headers do (HEADER_SNAPLEN). */
const COPY_LOGGED = 0xffff;
/** Bytes of a message with the longest packet. */
const WHOLE_PACKET = 0x11000;
/** Datagrams taken in one go, and verdicts that go out together after it. */
const DRAIN = 16;
/** Bytes the kernel may queue for us on each socket: bursts of some hundred small packets. */
const QUEUE_BYTES = 1 << 19;

const QUEUES = '/proc/net/netfilter/nfnetlink_queue';

export interface Feed {
  readonly counters: NetlinkCounters;
  close(): void;
}

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

export interface AnnouncedFeed extends Feed {
  /** Takes in what waits by now, in HEAR_MILLISECONDS at most. */
  takeWaiting(): void;
}

/** An answer may wait for its query for so long; what is not read by then is refused, and asked for again. */
const HEAR_MILLISECONDS = 100;

/** Longer than the watchdog lets any packet wait: the clock was set in between. */
const OLDEST_MILLISECONDS = 6000;

/** Milliseconds from `stamp` (seconds since 1970, 0 = the kernel put none) to `wall`; 0 is unknown. */
function ageOf(stamp: number, wall: number): number {
  const age = wall - stamp * 1000;
  return stamp === 0 || age < 0 || age > OLDEST_MILLISECONDS ? 0 : age;
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

/** A socket that has one queue or log group, `what`. A string is the error with its errno. */
function bound(
  options: { readonly silentOverrun?: boolean; readonly buffer?: number },
  what: string,
  put: (w: Writer, seq: number) => void,
): NetlinkSocket | string {
  const room = { receiveQueue: QUEUE_BYTES, buffer: WHOLE_PACKET, ...options };
  const opened = openNetlink(NETLINK_NETFILTER, room);
  if (!opened.ok) return opened.reason;
  const { socket } = opened;
  const seq = takeSequence(socket);
  put(request(socket), seq);
  const { errno } = transact(socket, seq, seq);
  if (errno === 0) return socket;
  closeNetlink(socket);
  return `bind ${what}: errno ${errno}`;
}

/** Verdicts of queue `number`, sent together. */
function verdictsOf(
  socket: NetlinkSocket,
  number: number,
): Pick<HeldFeed, 'release' | 'refuse' | 'flush'> {
  const verdicts = createVerdicts(number, DRAIN);
  const flush = (): void => {
    sendBytes(socket, verdicts.buffer, verdictsLength(verdicts));
    verdicts.count = 0;
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

/** Holds packets of queue `number` (0..65535) for us. A string is the error with its errno. */
export function openHeld(
  number: number,
  onPacket: OnPacket,
  { most: held, failOpen, onFull, behind }: Holding,
): HeldFeed | string {
  const socket = bound({ silentOverrun: true }, `queue ${number}`, (w, seq) =>
    putQueueBind(w, seq, number, {
      copyRange: COPY_QUEUED,
      maxLength: held,
      flags: failOpen ? NFQA_CFG_F_FAIL_OPEN : 0,
    }),
  );
  if (typeof socket === 'string') return socket;
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
  return { counters, release, refuse, flush, takeOne, isBehind: () => isBehind, close };
}

/** A packet with its prefix, the MAC of its sender (null: none), its age in milliseconds and whether the
 * router itself sends it. */
export type OnAnnounced = (
  prefix: string,
  span: PacketSpan,
  mac: string | null,
  age: number,
  isOwn: boolean,
) => void;

/** Receives the packets of NFLOG group `number`; `onLost` when the kernel had more than we took (ENOBUFS).
 * `buffer`: bytes of the longest message. A string is the error. */
export function openAnnounced(
  number: number,
  onPacket: OnAnnounced,
  onLost: () => void,
  buffer = WHOLE_PACKET,
): AnnouncedFeed | string {
  const options = { copyRange: COPY_LOGGED, threshold: 1, timeout: 1, bufferSize: 0 };
  const socket = bound({ buffer }, `log group ${number}`, (w, seq) =>
    putLogBind(w, seq, number, options),
  );
  if (typeof socket === 'string') return socket;
  const packet = createLoggedPacket();
  /** When the last one was announced, milliseconds since 1970; 0: the kernel put no time. */
  let announcedAt = 0;
  const span = { bytes: socket.reader.bytes, offset: 0, end: 0 };
  const onMessage: OnMessage = (message, reader) => {
    if (message.type !== LOGGED_PACKET) return;
    if (readLoggedPacket(reader, message, packet) !== undefined) return;
    span.offset = packet.payloadAt;
    span.end = packet.payloadAt + packet.payloadLength;
    const mac = senderMac(reader, packet.senderAt);
    const age = ageOf(packet.time, wallTime());
    announcedAt = packet.time * 1000;
    onPacket(logPrefix(reader, packet), span, mac, age, packet.iif === 0);
  };
  /** `goesOn`: asked after every datagram, when its bytes are not needed any more: who is held may ask for
   * what waits here. */
  const take = (goesOn: () => boolean): void => {
    let isLost = false;
    do {
      const got = receiveOnce(socket, onMessage);
      isLost ||= got === -sys.ENOBUFS;
      if (got === -sys.EAGAIN) break;
    } while (goesOn());
    if (isLost) onLost();
  };
  os.setReadHandler(socket.fd, () => {
    const began = now();
    let taken = 0;
    take(() => {
      heldFirst(now() - began);
      taken += 1;
      return taken < DRAIN;
    });
  });
  const takeWaiting = (): void => {
    const [wall, until] = [wallTime(), now() + HEAR_MILLISECONDS];
    // What is announced from now on is not waited for: under load there would be no end to it.
    take(() => announcedAt < wall && now() < until);
  };
  return { counters: socket.counters, takeWaiting, close: () => closeNetlink(socket) };
}
