// kernel/sliced-dump: reads long lists of the kernel's a slice a turn of the event loop, so that no held answer
// waits for a list of thousands. Before: conntrack, nf_tables. After: conntrack-dump, sets.
import * as os from 'qjs:os';
import {
  NETLINK_NETFILTER,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
} from '../netlink/constants.ts';
import { getU32 } from '../netlink/message.ts';
import type { Writer } from '../netlink/writer.ts';
import { after, now } from '../os/clock.ts';
import {
  closeNetlink,
  type OnMessage,
  type Opened,
  openNetlink,
  receiveOnce,
  request,
  sendBytes,
  takeSequence,
} from './netlink-socket.ts';
import { heldFirst } from './yield-to-held.ts';

/** Bytes received in one turn: the kernel fills at most this, some 15 connections or 40 elements. */
const SLICE = 4096;

/** Writes the request for one list. */
export type PutDump = (w: Writer, seq: number) => void;

export interface DumpsEnd {
  /** 0, or the errno of what ended it early. */
  readonly errno: number;
  /** Nothing was missed; otherwise the lists changed under us, or part of one was dropped. */
  readonly whole: boolean;
  /** Milliseconds that this program worked on it. */
  readonly spent: number;
}

export interface Dumps {
  /** Reads `lists` one after the other, behind those asked for before; then calls `done`. */
  read(lists: readonly PutDump[], onEntry: OnMessage, done: (end: DumpsEnd) => void): void;
  /** Something is being read. */
  isBusy(): boolean;
  close(): void;
}

interface Job {
  readonly lists: PutDump[];
  readonly onEntry: OnMessage;
  readonly done: (end: DumpsEnd) => void;
  errno: number;
  whole: boolean;
  spent: number;
}

/** `share`: of the time, what reading may take at most (1: all there is). */
export function openDumps(share = 1): Opened<Dumps> {
  const opened = openNetlink(NETLINK_NETFILTER, { receiveQueue: 1 << 17, buffer: SLICE });
  if (!opened.ok) return opened;
  const socket = opened.value;
  const jobs: Job[] = [];
  let seq = 0;
  /** Asks for the next list of the first job; a job without one more is done. */
  const next = (): void => {
    for (let job = jobs[0]; job !== undefined; job = jobs[0]) {
      const list = job.lists.shift();
      if (list !== undefined) {
        seq = takeSequence(socket);
        const w = request(socket);
        list(w, seq);
        const errno = sendBytes(socket, w.bytes.buffer as ArrayBuffer, w.length);
        if (errno === 0) return;
        job.errno = errno;
        job.lists.length = 0;
      } else {
        const { errno, whole, spent } = job;
        job.done({ errno, whole: whole && errno === 0, spent });
        jobs.shift();
      }
    }
    os.setReadHandler(socket.fd, null);
  };
  const goOn = (): void => os.setReadHandler(socket.fd, onReadable);
  const rest = (milliseconds: number): void => {
    os.setReadHandler(socket.fd, null);
    after(milliseconds, () => {
      if (jobs.length > 0) goOn();
    });
  };
  const onReadable = (): void => {
    const job = jobs[0]!;
    const began = now();
    let isOver = false;
    const got = receiveOnce(socket, (message, reader) => {
      if (message.seq !== seq) return;
      if ((message.flags & NLM_F_DUMP_INTR) !== 0) job.whole = false;
      if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
        isOver = true;
        // Both start with an int: 0 or -errno.
        if (message.end - message.body >= 4) job.errno ||= 0 - (getU32(reader, message.body) | 0);
        return;
      }
      job.onEntry(message, reader);
      heldFirst(now() - began);
    });
    if (got < 0) job.whole = false;
    const took = now() - began;
    job.spent += took;
    if (isOver) next();
    if (share < 1 && jobs.length > 0) rest((took * (1 - share)) / share);
  };
  const dumps: Dumps = {
    read(lists, onEntry, done) {
      jobs.push({ lists: [...lists], onEntry, done, errno: 0, whole: true, spent: 0 });
      if (jobs.length > 1) return;
      goOn();
      next();
    },
    isBusy: () => jobs.length > 0,
    close() {
      jobs.length = 0;
      closeNetlink(socket);
    },
  };
  return { ok: true, value: dumps };
}
