// system/netlink-socket: netlink messages to and from the kernel. The kernel works on a request
// inside send() and queues its answer before send() returns, so a request is a send and a few
// non-blocking receives: nothing here waits for the event loop. Feeds (queue, log, events) are
// drained by `receive` from a read handler.
import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import {
  AF_NETLINK,
  MSG_DONTWAIT,
  MSG_TRUNC,
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_CAP_ACK,
  NETLINK_DROP_MEMBERSHIP,
  NETLINK_EXT_ACK,
  NETLINK_NO_ENOBUFS,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_MIN_TYPE,
  NLMSG_OVERRUN,
  SOL_NETLINK,
} from '../netlink/constants.ts';
import { hostInt, hostIntFrom, netlinkAddress, netlinkPort } from '../netlink/endian.ts';
import {
  type Ack,
  createMessage,
  createReader,
  getU32,
  type Message,
  type Reader,
  readAck,
  readMessage,
} from '../netlink/message.ts';
import { createWriter, resetWriter, type Writer } from '../netlink/writer.ts';

/** What went by and what went wrong, since the socket was opened. */
export interface NetlinkCounters {
  sent: number;
  received: number;
  /** ENOBUFS: the kernel dropped messages because we were slow. */
  overruns: number;
  /** System calls cut short by a signal, and tried again. */
  interrupted: number;
  /** Messages that did not fit into the receive buffer. */
  truncated: number;
  /** Bytes that are no netlink message, and messages that did not come from the kernel. */
  malformed: number;
  /** Dumps started again because the kernel's list changed meanwhile. */
  restarted: number;
  /** Acknowledgements with an errno, and ones nobody waited for. */
  refused: number;
  stray: number;
}

export interface NetlinkSocket {
  readonly fd: number;
  /** Our port ID: events that quote it are our own doing. */
  readonly port: number;
  readonly counters: NetlinkCounters;
  /** The one receive buffer; `reader` reads it. */
  readonly buffer: ArrayBuffer;
  readonly reader: Reader;
  /** The one send buffer of requests. */
  readonly writer: Writer;
  /** Next sequence number. */
  seq: number;
  /** Reused by every receive: valid inside the callback only. */
  readonly message: Message;
  readonly sender: ArrayBuffer;
}

export interface NetlinkOptions {
  /** Multicast groups to join, RTNLGRP_* or NFNLGRP_*. */
  readonly groups?: readonly number[];
  /** Bytes the kernel may queue for us; it books about twice that. */
  readonly receiveQueue?: number;
  readonly sendQueue?: number;
  /** Bytes of our receive buffer: one datagram has to fit (dumps: 32768). */
  readonly buffer?: number;
  /** Do not report overruns, and keep delivering while one lasts: right for NFQUEUE, where the
   * kernel itself lets the packet pass (fail-open), wrong where a loss has to be noticed. */
  readonly silentOverrun?: boolean;
}

export type Opened =
  | { readonly ok: true; readonly socket: NetlinkSocket }
  | { readonly ok: false; readonly reason: string };

/** Opens and binds a socket of `protocol` (NETLINK_ROUTE, NETLINK_NETFILTER). */
export function openNetlink(protocol: number, options: NetlinkOptions = {}): Opened {
  const fd = sys.socket(AF_NETLINK, sys.SOCK_RAW | sys.SOCK_NONBLOCK, protocol);
  if (fd < 0) return { ok: false, reason: `netlink socket ${protocol}: errno ${-fd}` };
  const failed = prepare(fd, options);
  if (failed !== undefined) {
    os.close(fd);
    return { ok: false, reason: `netlink socket ${protocol}: ${failed}` };
  }
  const own = new ArrayBuffer(12);
  sys.getsockname(fd, own);
  const buffer = new ArrayBuffer(options.buffer ?? 0x8000);
  const socket = {
    fd,
    port: netlinkPort(own),
    counters: {
      sent: 0,
      received: 0,
      overruns: 0,
      interrupted: 0,
      truncated: 0,
      malformed: 0,
      restarted: 0,
      refused: 0,
      stray: 0,
    },
    buffer,
    reader: createReader(new Uint8Array(buffer)),
    writer: createWriter(4096),
    seq: 1,
    message: createMessage(),
    sender: new ArrayBuffer(12),
  };
  return { ok: true, socket };
}

function prepare(fd: number, options: NetlinkOptions): string | undefined {
  // Acknowledgements say in words what was wrong, and do not quote the whole request. Kernels
  // without the options (before 4.12) answer ENOPROTOOPT and go on as ever.
  sys.setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, hostInt(1));
  sys.setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, hostInt(1));
  if (options.silentOverrun) sys.setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, hostInt(1));
  setQueue(fd, sys.SO_RCVBUFFORCE, sys.SO_RCVBUF, options.receiveQueue);
  setQueue(fd, sys.SO_SNDBUFFORCE, sys.SO_SNDBUF, options.sendQueue);
  const bound = sys.bind(fd, netlinkAddress(0, 0));
  if (bound < 0) return `bind: errno ${-bound}`;
  for (const group of options.groups ?? []) {
    const errno = joinGroup({ fd }, group);
    if (errno !== 0) return `join group ${group}: errno ${errno}`;
  }
  return undefined;
}

/** Joins a multicast group. Returns 0 or the positive errno. */
export function joinGroup(socket: Pick<NetlinkSocket, 'fd'>, group: number): number {
  const done = sys.setsockopt(socket.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, hostInt(group));
  return done < 0 ? -done : 0;
}

/** Leaves a multicast group, e.g. NFNLGRP_NFTABLES while a large ruleset is loaded: without a
 * listener the kernel does not make the announcements (see BATCH_ELEMENTS). */
export function leaveGroup(socket: Pick<NetlinkSocket, 'fd'>, group: number): number {
  const done = sys.setsockopt(socket.fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, hostInt(group));
  return done < 0 ? -done : 0;
}

/** The forced option passes the system's limit and needs CAP_NET_ADMIN; else as much as allowed. */
function setQueue(fd: number, forced: number, plain: number, size: number | undefined): void {
  if (size === undefined) return;
  if (sys.setsockopt(fd, sys.SOL_SOCKET, forced, hostInt(size)) >= 0) return;
  sys.setsockopt(fd, sys.SOL_SOCKET, plain, hostInt(size));
}

/** Bytes the kernel books for the receive queue (SO_RCVBUF as getsockopt tells it). */
export function receiveQueueSize(socket: NetlinkSocket): number {
  const value = new ArrayBuffer(4);
  return sys.getsockopt(socket.fd, sys.SOL_SOCKET, sys.SO_RCVBUF, value) < 0
    ? 0
    : hostIntFrom(value);
}

/** Bytes one send() may carry: a larger batch has to be split (EMSGSIZE). */
export function sendLimit(socket: NetlinkSocket): number {
  const value = new ArrayBuffer(4);
  const size = sys.getsockopt(socket.fd, sys.SOL_SOCKET, sys.SO_SNDBUF, value);
  // netlink_sendmsg() refuses len > sk_sndbuf - 32.
  return size < 0 ? 0 : hostIntFrom(value) - 32;
}

export function closeNetlink(socket: NetlinkSocket): void {
  os.setReadHandler(socket.fd, null);
  os.close(socket.fd);
}

/** Takes `count` sequence numbers and answers the first. 0 is left out: it marks events. */
export function takeSequence(socket: NetlinkSocket, count = 1): number {
  if (socket.seq + count > 0xffffffff) socket.seq = 1;
  const first = socket.seq;
  socket.seq += count;
  return first;
}

/** The socket's send buffer, emptied. */
export function request(socket: NetlinkSocket): Writer {
  resetWriter(socket.writer);
  return socket.writer;
}

/** Sends `length` bytes of `buffer` as one datagram. Returns 0 or the positive errno. */
export function sendBytes(socket: NetlinkSocket, buffer: ArrayBuffer, length: number): number {
  if (length === 0) return 0;
  for (;;) {
    const sent = sys.send(socket.fd, buffer, 0, length, MSG_DONTWAIT);
    if (sent !== -sys.EINTR) {
      if (sent >= 0) socket.counters.sent += 1;
      return sent < 0 ? -sent : 0;
    }
    socket.counters.interrupted += 1;
  }
}

function sendWritten(socket: NetlinkSocket): number {
  const { writer } = socket;
  if (writer.overflow) return sys.EMSGSIZE;
  return sendBytes(socket, writer.bytes.buffer as ArrayBuffer, writer.length);
}

/** Called with each message; it and its bytes are valid until the callback returns. */
export type OnMessage = (message: Message, reader: Reader) => void;

/** Receives one datagram and hands on its messages. Returns the messages seen, or -errno
 * (-EAGAIN: nothing there). */
export function receiveOnce(socket: NetlinkSocket, onMessage: OnMessage): number {
  const { fd, buffer, counters, message, reader, sender } = socket;
  const size = sys.recvfrom(fd, buffer, 0, buffer.byteLength, MSG_DONTWAIT | MSG_TRUNC, sender);
  if (size < 0) {
    if (size === -sys.ENOBUFS) counters.overruns += 1;
    else if (size === -sys.EINTR) counters.interrupted += 1;
    return size;
  }
  // Any process may send to our port; only port 0 is the kernel.
  if (netlinkPort(sender) !== 0) {
    counters.malformed += 1;
    return 0;
  }
  if (size > buffer.byteLength) counters.truncated += 1;
  const end = Math.min(size, buffer.byteLength);
  let seen = 0;
  for (let at = 0; at < end; ) {
    at = readMessage(reader, at, end, message);
    if (at < 0) {
      counters.malformed += 1;
      break;
    }
    seen += 1;
    onMessage(message, reader);
  }
  counters.received += seen;
  return seen;
}

/** Drains a feed, at most `limit` datagrams so that other work gets its turn (the read handler is
 * level-triggered and comes again). Returns 0, or the positive errno of what ended it: ENOBUFS
 * means that messages are lost and the caller has to look at the kernel's state. */
export function receive(socket: NetlinkSocket, onMessage: OnMessage, limit = 64): number {
  let lost = 0;
  for (let i = 0; i < limit; i++) {
    const got = receiveOnce(socket, onMessage);
    if (got >= 0 || got === -sys.EINTR) continue;
    if (got === -sys.ENOBUFS) {
      lost = sys.ENOBUFS;
      continue;
    }
    return got === -sys.EAGAIN ? lost : -got;
  }
  return lost;
}

/** What became of the requests that went out together. */
export interface Outcome {
  /** 0 = all done. Else the errno of the first that was refused, or of the socket. */
  readonly errno: number;
  /** Every acknowledgement with an errno, in the order of the requests. */
  readonly refused: readonly Ack[];
}

/** Sends what `request(socket)` was filled with and collects the acknowledgements of sequence
 * numbers first..last. It is complete when `last` (or `closing`) is acknowledged or, as a refused
 * batch ends early, when the kernel has no more to say. Other messages go to `onOther`. */
export function transact(
  socket: NetlinkSocket,
  first: number,
  last: number,
  closing = last,
  onOther?: OnMessage,
): Outcome {
  const failed = sendWritten(socket);
  if (failed !== 0) return { errno: failed, refused: [] };
  const refused: Ack[] = [];
  let complete = false;
  let lost = 0;
  for (;;) {
    const got = receiveOnce(socket, (m, r) => {
      const ack = m.type === NLMSG_ERROR ? ackOf(socket, r, m, first, last) : undefined;
      if (ack === undefined) {
        onOther?.(m, r);
        return;
      }
      if (ack.errno !== 0) refused.push(ack);
      if (ack.seq === closing) complete = true;
    });
    if (got >= 0 || got === -sys.EINTR) continue;
    if (got !== -sys.EAGAIN && got !== -sys.ENOBUFS) return { errno: -got, refused };
    if (got === -sys.EAGAIN) break;
    lost = sys.ENOBUFS;
  }
  socket.counters.refused += refused.length;
  // After an overrun a refusal may be among what was dropped.
  const errno = refused[0]?.errno ?? (lost || (complete ? 0 : sys.EIO));
  return { errno, refused };
}

function ackOf(
  socket: NetlinkSocket,
  r: Reader,
  m: Message,
  first: number,
  last: number,
): Ack | undefined {
  const read = readAck(r, m);
  if (!read.ok) {
    socket.counters.malformed += 1;
    return undefined;
  }
  if (read.value.seq >= first && read.value.seq <= last) return read.value;
  socket.counters.stray += 1;
  return undefined;
}

/** How often a dump is started again when the list changes under it. */
const DUMP_TRIES = 5;

/** Runs a dump, or a query with one answer: `put` writes the request with the sequence number it
 * is given, `restart` forgets what was collected, `onMessage` gets each answer. Returns 0 or a
 * positive errno; EINTR: the list changed `DUMP_TRIES` times, what was collected may miss some. */
export function dump(
  socket: NetlinkSocket,
  put: (w: Writer, seq: number) => void,
  restart: () => void,
  onMessage: OnMessage,
): number {
  let errno = 0;
  for (let attempt = 0; attempt < DUMP_TRIES; attempt++) {
    if (attempt > 0) socket.counters.restarted += 1;
    restart();
    const seq = takeSequence(socket);
    put(request(socket), seq);
    errno = sendWritten(socket) || collect(socket, seq, onMessage);
    // ENOBUFS too: part of the answer was dropped, so ask again.
    if (errno !== sys.EINTR && errno !== sys.ENOBUFS) return errno;
  }
  return errno;
}

/** Receives the answers to `seq` up to the end of the dump; a query has one answer and no end, so
 * an empty queue ends it too. */
function collect(socket: NetlinkSocket, seq: number, onMessage: OnMessage): number {
  let errno = 0;
  let done = false;
  for (;;) {
    const got = receiveOnce(socket, (m, r) => {
      if (m.seq !== seq) {
        socket.counters.stray += 1;
        return;
      }
      if ((m.flags & NLM_F_DUMP_INTR) !== 0) errno = sys.EINTR;
      if (m.type === NLMSG_DONE || m.type === NLMSG_ERROR) {
        // Both start with an int: 0 or -errno.
        if (m.end - m.body >= 4) errno = 0 - (getU32(r, m.body) | 0) || errno;
        done = true;
      } else if (m.type === NLMSG_OVERRUN) {
        errno = sys.ENOBUFS;
      } else if (m.type >= NLMSG_MIN_TYPE) {
        onMessage(m, r);
      }
    });
    if (got >= 0 || got === -sys.EINTR) {
      if (done) return errno;
      continue;
    }
    if (got === -sys.ENOBUFS) errno = sys.ENOBUFS;
    else return got === -sys.EAGAIN ? errno : -got;
  }
}
