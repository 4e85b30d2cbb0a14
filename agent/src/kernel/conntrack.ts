// kernel/conntrack: conntrack entries: dumps, the entry of one flow, deletion, and setting the mark of connections
// that are being ended (runtime/cuts).

import type { Flow } from '../learn/evidence.ts';
import { type Connection, readConnection } from '../netlink/conntrack.ts';
import {
  putConntrackDelete,
  putConntrackDump,
  putConntrackGet,
  putConntrackMark,
  type TupleFilter,
} from '../netlink/conntrack-request.ts';
import {
  cutShort,
  done,
  failed,
  isNoSubsystem,
  isNotFound,
  type KernelError,
  type KernelResult,
  refused,
} from '../netlink/kernel-error.ts';
import type { Writer } from '../netlink/writer.ts';
import { familyIn } from '../wire/address.ts';
import { TCP, UDP } from '../wire/packet.ts';
import { type ConntrackWatch, openConntrackWatch } from './conntrack-watch.ts';
import { dump, transact } from './netlink-request.ts';
import { type NetlinkSocket, request, takeSequence } from './netlink-socket.ts';
import type { Dumps, DumpsEnd } from './sliced-dump.ts';

/** Most connections that one turn of the event loop ends. */
export const ENDED_AT_ONCE = 64;
/** Most dumps of one list; an incomplete dump is repeated. */
export const TRIES = 3;

/** Entries whose `mark & mask` is `mark`. `only`: filter for source and destination; kernels without it return
 * other entries too. */
export interface ConnectionList {
  readonly mark: number;
  readonly mask: number;
  readonly only?: TupleFilter;
}

/** Dumps the lists one after the other, after those requested before, one slice a turn of the event loop. Malformed
 * entries are left out. */
export type ListConnections = (
  lists: readonly ConnectionList[],
  onConnection: (connection: Connection) => void,
) => Promise<DumpsEnd>;

export interface Conntrack {
  /** All entries whose `mark & mask` is `mark`, in one turn: for short lists. The kernel filters. */
  read(mark: number, mask: number): KernelResult<Connection[]>;
  /** The entry of `flow`; null: none. */
  find(flow: Flow): Connection | null;
  /** Deletes these entries by their ids; an entry that no longer exists is no error. */
  delete(list: readonly Connection[]): KernelError | null;
  /** Sets the bits of `mark`; an entry that no longer exists is no error. */
  mark(list: readonly Connection[], mark: Mark): KernelError | null;
  readonly list: ListConnections;
  /** As `list`, on another socket: an answer to a command does not wait for a dump of thousands. */
  readonly listToAnswer: ListConnections;
  /** Opens kernel/conntrack-watch. `onEnd`: the end of each entry that has bits of `mask`. */
  watch(mask: number, onEnd: (connection: Connection) => void): KernelResult<ConntrackWatch>;
}

interface Mark {
  readonly value: number;
  readonly mask: number;
}

export function conntrackOver(socket: NetlinkSocket, lists: Dumps, toAnswer: Dumps): Conntrack {
  return {
    read: (mark, mask) => readConnections(socket, mark, mask),
    find: (flow) => findConnection(socket, flow),
    delete: (list) => eachOf(socket, list, 'delete', putConntrackDelete),
    mark: (list, mark) =>
      eachOf(socket, list, 'mark', (w, seq, entry) => putConntrackMark(w, seq, entry, mark)),
    list: listOver(lists),
    listToAnswer: listOver(toAnswer),
    watch: openConntrackWatch,
  };
}

function listOver(dumps: Dumps): ListConnections {
  return (lists, onConnection) =>
    new Promise((resolve) => {
      dumps.read(
        lists.map(({ mark, mask, only }) => (w, seq) => {
          putConntrackDump(w, seq, only?.family ?? 0, mark, mask, only ?? null);
        }),
        (message, reader) => {
          const read = readConnection(reader, message);
          if (read.ok) onConnection(read.value);
        },
        resolve,
      );
    });
}

/** Dumps `wanted` and repeats incomplete dumps, TRIES at most. */
export async function listWhole(
  list: ListConnections,
  wanted: readonly ConnectionList[],
): Promise<KernelResult<Connection[]>> {
  for (let tries = 1; ; tries += 1) {
    const found: Connection[] = [];
    const { errno, whole } = await list(wanted, (connection) => found.push(connection));
    if (whole) return done(found);
    const error = cutShort('connections', errno);
    if (isNoSubsystem(error) || tries === TRIES) return failed(error);
  }
}

function readConnections(
  socket: NetlinkSocket,
  mark: number,
  mask: number,
): KernelResult<Connection[]> {
  let found: Connection[] = [];
  const errno = dump(
    socket,
    (w, seq) => putConntrackDump(w, seq, 0, mark, mask),
    () => {
      found = [];
    },
    (message, reader) => {
      const read = readConnection(reader, message);
      if (read.ok) found.push(read.value);
    },
  );
  return errno === 0 ? done(found) : failed(refused('read', 'connections', errno));
}

function findConnection(socket: NetlinkSocket, flow: Flow): Connection | null {
  const protocol = flow.protocol === 'udp' ? UDP : flow.protocol === 'tcp' ? TCP : 0;
  const family = familyIn(flow.source);
  const entry = { family, original: { ...flow, protocol }, zone: 0, id: null } as const;
  let found: Connection | null = null;
  dump(
    socket,
    (w, seq) => void putConntrackGet(w, seq, entry),
    () => {
      found = null;
    },
    (message, reader) => {
      const read = readConnection(reader, message);
      if (read.ok) found = read.value;
    },
  );
  return found;
}

/** Requests in one datagram: as many as fit the send buffer of 4 KiB. */
const AT_ONCE = 24;

function eachOf(
  socket: NetlinkSocket,
  list: readonly Connection[],
  verb: string,
  put: (w: Writer, seq: number, entry: Connection) => boolean,
): KernelError | null {
  let wrong: KernelError | null = null;
  for (let from = 0; from < list.length; from += AT_ONCE) {
    const part = list.slice(from, from + AT_ONCE);
    const first = takeSequence(socket, part.length);
    const w = request(socket);
    part.forEach((entry, at) => void put(w, first + at, entry));
    const { errno, refused: acks } = transact(socket, first, first + part.length - 1);
    const fault = acks.find((ack) => !isNotFound(ack))?.errno ?? (acks.length > 0 ? 0 : errno);
    if (fault !== 0) wrong = refused(verb, 'connections', fault);
  }
  return wrong;
}
