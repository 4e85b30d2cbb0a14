// kernel/netlink-request: sends a netlink request and reads the complete answer. The kernel handles the request
// inside send() and queues its answer before send() returns, so non-blocking receives suffice; nothing waits for
// the event loop.

import * as sys from 'whp:socket';
import {
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_MIN_TYPE,
  NLMSG_OVERRUN,
} from '../netlink/constants.ts';
import { type Ack, getU32, type Message, type MessageReader, readAck } from '../netlink/message.ts';
import type { Writer } from '../netlink/writer.ts';
import {
  type NetlinkSocket,
  type OnMessage,
  receiveOnce,
  request,
  sendWritten,
  takeSequence,
} from './netlink-socket.ts';

/** The result of the requests of one datagram. */
export interface Acknowledged {
  /** 0: all succeeded. Otherwise the errno of the first refused request, or of the socket. */
  readonly errno: number;
  /** Acknowledgements with an errno, in the order of the requests. */
  readonly refused: readonly Ack[];
}

/** Sends the contents of `request(socket)` and reads the acknowledgements of sequence numbers first..last, until the
 * receive queue is empty. EIO: `closing` was not acknowledged and no request was refused (a refused batch ends early).
 * Other messages are passed to `onOther`. */
export function transact(
  socket: NetlinkSocket,
  first: number,
  last: number,
  closing = last,
  onOther?: OnMessage,
): Acknowledged {
  return acknowledgements(socket, sendWritten(socket), first, last, closing, onOther);
}

/** The same for a datagram that is sent. `failed`: 0, or the errno of the send. */
export function acknowledgements(
  socket: NetlinkSocket,
  failed: number,
  first: number,
  last: number,
  closing: number,
  onOther?: OnMessage,
): Acknowledged {
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
  // After an overrun, a refusal may be among the lost messages.
  const errno = refused[0]?.errno ?? (lost || (complete ? 0 : sys.EIO));
  return { errno, refused };
}

function ackOf(
  socket: NetlinkSocket,
  r: MessageReader,
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

/** Most tries of a dump that the kernel interrupts because its list changed. */
const DUMP_TRIES = 5;

/** Runs a dump, or a query with one answer. `put` writes the request with its sequence number, `restart` drops what
 * was collected, `onMessage` gets each answer. Returns 0 or a positive errno. EINTR: the list changed during all
 * DUMP_TRIES; entries may be missing. */
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
    // ENOBUFS: part of the answer was lost, so the dump is repeated.
    if (errno !== sys.EINTR && errno !== sys.ENOBUFS) return errno;
  }
  return errno;
}

/** Reads the answers to `seq` until NLMSG_DONE. A query has one answer and no NLMSG_DONE, so an empty receive queue
 * ends it too. */
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
        // The body of both begins with an int: 0 or -errno.
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
