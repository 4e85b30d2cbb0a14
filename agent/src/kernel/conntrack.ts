// kernel/conntrack: entries of the kernel's conntrack: lists of them, the entry of one flow, deletion, and the mark
// of connections that are being ended (runtime/cuts).
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
  done,
  failed,
  isNoSubsystem,
  isNotFound,
  type KernelError,
  type KernelResult,
  refused,
} from '../netlink/kernel-error.ts';
import type { Writer } from '../netlink/writer.ts';
import { TCP, UDP } from '../wire/packet.ts';
import { type ConntrackWatch, openConntrackWatch } from './conntrack-watch.ts';
import { dump, transact } from './netlink-request.ts';
import { type NetlinkSocket, request, takeSequence } from './netlink-socket.ts';
import type { Dumps, DumpsEnd } from './sliced-dump.ts';

/** Connections that one turn of the event loop ends. */
export const ENDED_AT_ONCE = 64;
/** A list that was cut short is asked for again, so often at most. */
export const TRIES = 3;

/** Entries whose `mark & mask` is `mark`; with `only` those of these ends, and on old kernels others
 * too. */
export interface ConnectionList {
  readonly mark: number;
  readonly mask: number;
  readonly only?: TupleFilter;
}

/** Reads lists one after the other, behind those asked for before, a slice a turn of the event loop; an entry
 * that cannot be decoded is left out. */
export type ListConnections = (
  lists: readonly ConnectionList[],
  onConnection: (connection: Connection) => void,
) => Promise<DumpsEnd>;

export interface Conntrack {
  /** All entries whose `mark & mask` is `mark`, in one go: for few. The kernel filters. */
  read(mark: number, mask: number): KernelResult<Connection[]>;
  /** The entry of `flow`; null: there is none. */
  find(flow: Flow): Connection | null;
  /** Deletes exactly these entries; one that has ended already is no error. */
  delete(list: readonly Connection[]): KernelError | null;
  /** Sets the bits of a mark; an entry that has ended already is no error. */
  mark(list: readonly Connection[], mark: Mark): KernelError | null;
  readonly list: ListConnections;
  /** The same for answers: no command waits behind a list of thousands. */
  readonly listToAnswer: ListConnections;
  /** What runtime/accounting reads: counters of entries, and the end of each entry that has bits of `mask`. */
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

/** All entries of `wanted`, read again where the list was cut short. */
export async function listWhole(
  list: ListConnections,
  wanted: readonly ConnectionList[],
): Promise<KernelResult<Connection[]>> {
  for (let tries = 1; ; tries += 1) {
    const found: Connection[] = [];
    const { errno, whole } = await list(wanted, (connection) => found.push(connection));
    if (whole) return done(found);
    const error = refused('read', 'connections', errno);
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
  const family = flow.source.includes(':') ? 6 : 4;
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

/** Requests that go out together: what fits the socket's buffer of 4 KiB. */
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
