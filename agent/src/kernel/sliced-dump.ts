// kernel/sliced-dump: dumps long lists of the kernel (conntrack, set elements), one slice a turn of the event loop,
// so that no held answer waits for a list of thousands.
import * as os from 'qjs:os';
import {
  NETLINK_NETFILTER,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
} from '../netlink/constants.ts';
import { done, type KernelResult } from '../netlink/kernel-error.ts';
import { getU32, type Message, type MessageReader } from '../netlink/message.ts';
import type { Writer } from '../netlink/writer.ts';
import { after, now } from '../os/clock.ts';
import {
  closeNetlink,
  type NetlinkSocket,
  type OnMessage,
  openNetlink,
  receiveOnce,
  request,
  sendBytes,
  takeSequence,
} from './netlink-socket.ts';
import { heldFirst } from './yield-to-held.ts';

/** Receive buffer, bytes. The kernel fills a datagram to this size: some 15 connections or 40 elements. */
const SLICE = 4096;

/** Writes the dump request of one list. */
export type PutDump = (w: Writer, seq: number) => void;

export interface DumpsEnd {
  /** 0, or the errno that ended it early. */
  readonly errno: number;
  /** False: the lists changed during the dump, or part of one was lost. */
  readonly whole: boolean;
  /** Milliseconds of processing. */
  readonly spent: number;
}

export interface Dumps {
  /** Dumps `lists` one after the other, after the jobs requested before; then calls `onEnd`. */
  read(lists: readonly PutDump[], onEntry: OnMessage, onEnd: (end: DumpsEnd) => void): void;
  /** A job is running. */
  isBusy(): boolean;
  close(): void;
}

interface Job {
  readonly lists: PutDump[];
  readonly onEntry: OnMessage;
  readonly onEnd: (end: DumpsEnd) => void;
  errno: number;
  whole: boolean;
  spent: number;
}

/** The first job is running, the others wait. */
interface Dumper {
  readonly socket: NetlinkSocket;
  readonly share: number;
  readonly jobs: Job[];
  /** Sequence number of the running dump. */
  seq: number;
}

/** `share`: largest share of the time for reading, up to 1. */
export function openDumps(share = 1): KernelResult<Dumps> {
  const opened = openNetlink(NETLINK_NETFILTER, { receiveQueue: 1 << 17, buffer: SLICE });
  if (!opened.ok) return opened;
  const dumper: Dumper = { socket: opened.value, share, jobs: [], seq: 0 };
  return done({
    read: (lists, onEntry, onEnd) => {
      dumper.jobs.push({ lists: [...lists], onEntry, onEnd, errno: 0, whole: true, spent: 0 });
      if (dumper.jobs.length > 1) return;
      goOn(dumper);
      requestNext(dumper);
    },
    isBusy: () => dumper.jobs.length > 0,
    close: () => {
      dumper.jobs.length = 0;
      closeNetlink(dumper.socket);
    },
  });
}

/** Requests the next list of the first job; ends jobs that have no list left. */
function requestNext(dumper: Dumper): void {
  const { socket, jobs } = dumper;
  for (let job = jobs[0]; job !== undefined; job = jobs[0]) {
    const list = job.lists.shift();
    if (list !== undefined) {
      dumper.seq = takeSequence(socket);
      const w = request(socket);
      list(w, dumper.seq);
      const errno = sendBytes(socket, w.bytes.buffer as ArrayBuffer, w.length);
      if (errno === 0) return;
      job.errno = errno;
      job.lists.length = 0;
    } else {
      const { errno, whole, spent } = job;
      job.onEnd({ errno, whole: whole && errno === 0, spent });
      jobs.shift();
    }
  }
  os.setReadHandler(socket.fd, null);
}

function goOn(dumper: Dumper): void {
  os.setReadHandler(dumper.socket.fd, () => readSlice(dumper));
}

function readSlice(dumper: Dumper): void {
  const { socket, share, jobs } = dumper;
  const job = jobs[0]!;
  const began = now();
  let isOver = false;
  const got = receiveOnce(socket, (message, reader) => {
    if (message.seq !== dumper.seq) return;
    if (takeMessage(job, message, reader)) isOver = true;
    else heldFirst(now() - began);
  });
  if (got < 0) job.whole = false;
  const took = now() - began;
  job.spent += took;
  if (isOver) requestNext(dumper);
  if (share < 1 && jobs.length > 0) rest(dumper, (took * (1 - share)) / share);
}

/** True: the message is the last of its list. */
function takeMessage(job: Job, message: Message, reader: MessageReader): boolean {
  if ((message.flags & NLM_F_DUMP_INTR) !== 0) job.whole = false;
  if (message.type !== NLMSG_DONE && message.type !== NLMSG_ERROR) {
    job.onEntry(message, reader);
    return false;
  }
  // The body of both begins with an int: 0 or -errno.
  if (message.end - message.body >= 4) job.errno ||= 0 - (getU32(reader, message.body) | 0);
  return true;
}

/** Pauses reading. */
function rest(dumper: Dumper, milliseconds: number): void {
  os.setReadHandler(dumper.socket.fd, null);
  after(milliseconds, () => {
    if (dumper.jobs.length > 0) goOn(dumper);
  });
}
