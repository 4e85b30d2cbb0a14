// system/feeds: the packets the kernel shows us: held ones (NFQUEUE) and announced ones (NFLOG).
// Unwraps the messages and hands out spans of the receive buffer, valid until the callback returns.
// No decision is made here.
import * as os from 'qjs:os';
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
import type { PacketSpan } from '../state.ts';
import { wallTime } from './clock.ts';
import { heldFirst, holdNoMore } from './first.ts';
import { transact } from './netlink-request.ts';
import {
  closeNetlink,
  type NetlinkCounters,
  openNetlink,
  receive,
  request,
  sendBytes,
  takeSequence,
} from './netlink-socket.ts';

/** Whole packets: a DNS answer over UDP can fill the largest. */
const COPY_QUEUED = 0xffff;
/** Of an announced packet: headers, and a DNS query or a mapping request whole. */
const COPY_LOGGED = 640;
/** Answers the kernel holds for us at most; beyond that they pass unheld (fail-open). What waits
 * counts against the resolver's own send buffer, which has room for some 250 (net.core.wmem_default):
 * a device that floods it with matches must not take that from the others' answers. And it bounds how
 * long an answer waits behind others. */
const HELD_AT_MOST = 64;
/** Datagrams taken in one go, and verdicts that go out together after it. Few, so that the loop comes
 * round for the other feed, the control socket and the watchdog: a match costs some 30 ms on a 24K. */
const DRAIN = 16;
/** Bytes the kernel may queue for us on each socket: bursts of some hundred small packets. */
const QUEUE_BYTES = 1 << 19;

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
  /** Takes in one more, if one waits. */
  takeOne(): void;
}

/** Longer than the watchdog lets any packet wait: the clock was set in between. */
const OLDEST_MILLISECONDS = 6000;

/** Milliseconds from `stamp` (seconds since 1970, 0 = the kernel put none) to `wall`; 0 is unknown. */
function ageOf(stamp: number, wall: number): number {
  const age = wall - stamp * 1000;
  return stamp === 0 || age < 0 || age > OLDEST_MILLISECONDS ? 0 : age;
}

/** Holds packets of queue `number` (0..65535) for us, `most` at a time; beyond that they pass
 * unheld. A string is the error with its errno. */
export function openHeld(
  number: number,
  onPacket: (id: number, span: PacketSpan, sender: () => string | null) => void,
  most = HELD_AT_MOST,
): HeldFeed | string {
  const opened = openNetlink(NETLINK_NETFILTER, {
    receiveQueue: QUEUE_BYTES,
    buffer: 0x11000,
    silentOverrun: true,
  });
  if (!opened.ok) return opened.reason;
  const { socket } = opened;
  const seq = takeSequence(socket);
  const options = {
    copyRange: COPY_QUEUED,
    maxLength: most,
    flags: NFQA_CFG_F_FAIL_OPEN,
  };
  putQueueBind(request(socket), seq, number, options);
  const { errno } = transact(socket, seq, seq);
  if (errno !== 0) {
    closeNetlink(socket);
    return `bind queue ${number}: errno ${errno}`;
  }
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
  const release = (id: number, again = false): void => decide(id, again ? NF_REPEAT : NF_ACCEPT);
  const refuse = (id: number): void => decide(id, NF_DROP);
  const packet = createQueuedPacket();
  const span = { bytes: socket.reader.bytes, offset: 0, end: 0 };
  const sender = (): string | null => senderMac(socket.reader, packet.senderAt);
  const take = (most: number): void => {
    receive(
      socket,
      (message, reader) => {
        if (message.type !== QUEUED_PACKET) return;
        if (readQueuedPacket(reader, message, packet) !== undefined) return;
        span.offset = packet.payloadAt;
        span.end = packet.payloadAt + packet.payloadLength;
        onPacket(packet.id, span, sender);
      },
      most,
    );
    flush();
  };
  os.setReadHandler(socket.fd, () => take(DRAIN));
  const takeOne = (): void => take(1);
  const close = (): void => {
    holdNoMore(takeOne);
    closeNetlink(socket);
  };
  return { counters: socket.counters, release, refuse, flush, takeOne, close };
}

/** Receives the packets of NFLOG group `number` with their prefix, the MAC of their sender (null: none)
 * and their age in milliseconds; `onLost` when the kernel had more than we took (ENOBUFS). A string is the error. */
export function openAnnounced(
  number: number,
  onPacket: (prefix: string, span: PacketSpan, mac: string | null, age: number) => void,
  onLost: () => void,
): Feed | string {
  const opened = openNetlink(NETLINK_NETFILTER, { receiveQueue: QUEUE_BYTES, buffer: 0x11000 });
  if (!opened.ok) return opened.reason;
  const { socket } = opened;
  const seq = takeSequence(socket);
  putLogBind(request(socket), seq, number, {
    copyRange: COPY_LOGGED,
    threshold: 1,
    timeout: 1,
    bufferSize: 0,
  });
  const { errno } = transact(socket, seq, seq);
  if (errno !== 0) {
    closeNetlink(socket);
    return `bind log group ${number}: errno ${errno}`;
  }
  const packet = createLoggedPacket();
  const span = { bytes: socket.reader.bytes, offset: 0, end: 0 };
  os.setReadHandler(socket.fd, () => {
    const lost = receive(
      socket,
      (message, reader) => {
        if (message.type !== LOGGED_PACKET) return;
        if (readLoggedPacket(reader, message, packet) !== undefined) return;
        span.offset = packet.payloadAt;
        span.end = packet.payloadAt + packet.payloadLength;
        const mac = senderMac(reader, packet.senderAt);
        onPacket(logPrefix(reader, packet), span, mac, ageOf(packet.time, wallTime()));
        heldFirst();
      },
      DRAIN,
    );
    if (lost !== 0) onLost();
  });
  return { counters: socket.counters, close: () => closeNetlink(socket) };
}
