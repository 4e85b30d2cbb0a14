// kernel/netlink-socket: opens netlink sockets, sends and receives their messages. `receive` drains a feed from a
// read handler; kernel/netlink-request has requests with an answer.

import * as os from 'qjs:os';
import * as feeds from 'whp:feeds';
import * as sys from 'whp:socket';
import {
  AF_NETLINK,
  MSG_DONTWAIT,
  MSG_TRUNC,
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_NO_ENOBUFS,
  SOL_NETLINK,
} from '../netlink/constants.ts';
import { hostInt, netlinkAddress, netlinkPort } from '../netlink/endian.ts';
import {
  done,
  failed,
  type KernelError,
  type KernelResult,
  refused,
} from '../netlink/kernel-error.ts';
import {
  createMessage,
  createNativeReader,
  type Message,
  type MessageReader,
  readMessage,
} from '../netlink/message.ts';
import { createWriter, resetWriter, type Writer } from '../netlink/writer.ts';

/** Counted since the socket was opened. */
export interface NetlinkCounters {
  sent: number;
  received: number;
  /** ENOBUFS: the kernel dropped messages because the receive buffer was full. */
  overruns: number;
  /** System calls interrupted by a signal (EINTR) and repeated. */
  interrupted: number;
  /** Datagrams longer than the receive buffer. */
  truncated: number;
  /** Malformed bytes, and datagrams of other processes. */
  malformed: number;
  /** Dumps repeated because the kernel's list changed. */
  restarted: number;
  /** `refused`: acknowledgements with an errno. `stray`: answers that no request waits for. */
  refused: number;
  stray: number;
}

export interface NetlinkSocket {
  readonly fd: number;
  /** Port id: events that carry it are caused by requests of this socket. */
  readonly port: number;
  readonly counters: NetlinkCounters;
  /** The only receive buffer; `reader` reads from it. */
  readonly buffer: ArrayBuffer;
  readonly reader: MessageReader;
  /** The only send buffer of requests. */
  readonly writer: Writer;
  /** Next sequence number. */
  seq: number;
  /** Reused by every receive: valid inside the callback only. */
  readonly message: Message;
  readonly sender: ArrayBuffer;
  /** Its port ID, in the router's byte order. */
  readonly senderPort: Uint32Array;
  /** What the host program has dealt with (whp:feeds, open); null: it is not asked. */
  readonly glanced: Uint32Array | null;
}

/** What the host program deals with, and whether it does so before it calls the script (whp:feeds, open). */
export type Glanced = 'answers' | 'answers of the crowd' | 'queries';
const KINDS = { answers: 0, 'answers of the crowd': 1, queries: 2 } as const;

export interface NetlinkOptions {
  /** Multicast groups to join, RTNLGRP_* or NFNLGRP_*. */
  readonly groups?: readonly number[];
  /** Receive buffer in the kernel, bytes; the kernel reserves about twice that. */
  readonly receiveQueue?: number;
  readonly sendQueue?: number;
  /** Send buffer, bytes: the largest request or batch must fit. */
  readonly request?: number;
  /** Receive buffer of this process, bytes: one datagram must fit (dumps: 32768). */
  readonly buffer?: number;
  /** NETLINK_NO_ENOBUFS: overruns are not reported. For NFQUEUE, where the kernel itself accepts or drops a packet
   * that it cannot deliver; not for sockets whose losses matter. */
  readonly silentOverrun?: boolean;
  readonly glanced?: Glanced;
}

/** Opens and binds a socket of `protocol` (NETLINK_ROUTE, NETLINK_NETFILTER). */
export function openNetlink(
  protocol: number,
  options: NetlinkOptions = {},
): KernelResult<NetlinkSocket> {
  const fd = sys.socket(AF_NETLINK, sys.SOCK_RAW | sys.SOCK_NONBLOCK, protocol);
  const object = `netlink socket ${protocol}`;
  if (fd < 0) return failed(refused('open', object, -fd));
  const error = prepare(fd, object, options);
  if (error !== null) {
    os.close(fd);
    return failed(error);
  }
  const own = new ArrayBuffer(12);
  sys.getsockname(fd, own);
  const buffer = new ArrayBuffer(options.buffer ?? 0x8000);
  const sender = new ArrayBuffer(12);
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
    reader: createNativeReader(buffer, sys.attributes),
    writer: createWriter(options.request ?? 4096),
    seq: 1,
    message: createMessage(),
    sender,
    senderPort: new Uint32Array(sender, 4, 1),
    glanced:
      options.glanced === undefined
        ? null
        : new Uint32Array(feeds.open(fd, KINDS[options.glanced])),
  };
  return done(socket);
}

function prepare(fd: number, object: string, options: NetlinkOptions): KernelError | null {
  // EXT_ACK: errors carry a text. CAP_ACK: they do not repeat the whole request. Kernels before 4.12 answer
  // ENOPROTOOPT and work without.
  sys.setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, hostInt(1));
  sys.setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, hostInt(1));
  if (options.silentOverrun) sys.setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, hostInt(1));
  setQueue(fd, sys.SO_RCVBUFFORCE, sys.SO_RCVBUF, options.receiveQueue);
  setQueue(fd, sys.SO_SNDBUFFORCE, sys.SO_SNDBUF, options.sendQueue);
  const bound = sys.bind(fd, netlinkAddress(0, 0));
  if (bound < 0) return refused('bind', object, -bound);
  for (const group of options.groups ?? []) {
    const errno = joinGroup({ fd }, group);
    if (errno !== 0) return refused('join', `group ${group} of ${object}`, errno);
  }
  return null;
}

/** Joins a multicast group. Returns 0 or the positive errno. */
export function joinGroup(socket: Pick<NetlinkSocket, 'fd'>, group: number): number {
  const done = sys.setsockopt(socket.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, hostInt(group));
  return done < 0 ? -done : 0;
}

/** The FORCE option exceeds the system's limit and needs CAP_NET_ADMIN; the plain one is capped. */
function setQueue(fd: number, forced: number, plain: number, size: number | undefined): void {
  if (size === undefined) return;
  if (sys.setsockopt(fd, sys.SOL_SOCKET, forced, hostInt(size)) >= 0) return;
  sys.setsockopt(fd, sys.SOL_SOCKET, plain, hostInt(size));
}

export function closeNetlink(socket: NetlinkSocket): void {
  os.setReadHandler(socket.fd, null);
  if (socket.glanced !== null) feeds.close(socket.fd);
  os.close(socket.fd);
}

/** Reserves `count` sequence numbers and returns the first; never 0, which marks events. */
export function takeSequence(socket: NetlinkSocket, count = 1): number {
  if (socket.seq + count > 0xffffffff) socket.seq = 1;
  const first = socket.seq;
  socket.seq += count;
  return first;
}

/** Returns the send buffer of the socket, emptied. */
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

export function sendWritten(socket: NetlinkSocket): number {
  const { writer } = socket;
  if (writer.overflow) return sys.EMSGSIZE;
  return sendBytes(socket, writer.bytes.buffer as ArrayBuffer, writer.length);
}

/** The message and its bytes are valid until the callback returns. */
export type OnMessage = (message: Message, reader: MessageReader) => void;

/** Receives one datagram and passes on its messages. Returns the number of messages, or -errno (-EAGAIN: the
 * receive queue is empty). `isUrgent`: leaves what the host program has dealt with. */
export function receiveOnce(socket: NetlinkSocket, onMessage: OnMessage, isUrgent = false): number {
  const { fd, buffer, counters, message, reader, sender, senderPort } = socket;
  const size =
    socket.glanced === null
      ? sys.recvfrom(fd, buffer, 0, buffer.byteLength, MSG_DONTWAIT | MSG_TRUNC, sender)
      : feeds.receive(fd, buffer, sender, isUrgent);
  if (size < 0) {
    if (size === -sys.ENOBUFS) counters.overruns += 1;
    else if (size === -sys.EINTR) counters.interrupted += 1;
    return size;
  }
  // Any process can send to this port; only port 0 is the kernel.
  if (senderPort[0] !== 0) {
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

/** Drains a feed, `limit` datagrams at most, so that other work gets its turn (the read handler is level-triggered
 * and is called again). Returns 0 or the positive errno that ended it. ENOBUFS: messages are lost, and the caller
 * must read the kernel's state. */
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
