// kernel/netlink-request: a request to the kernel and all of its answer. The kernel works on it inside
// send() and queues its answer before send() returns, so it is a send and a few non-blocking
// receives: nothing here waits for the event loop.

import * as sys from 'whp:socket';
import {
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_MIN_TYPE,
  NLMSG_OVERRUN,
} from '../netlink/constants.ts';
import { type Ack, getU32, type Message, type Reader, readAck } from '../netlink/message.ts';
import type { Writer } from '../netlink/writer.ts';
import {
  type NetlinkSocket,
  type OnMessage,
  receiveOnce,
  request,
  sendWritten,
  takeSequence,
} from './netlink-socket.ts';

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
