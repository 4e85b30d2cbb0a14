// kernel/conntrack: entries of the kernel's conntrack: one that is asked for, a short list, the removal of some, and
// the mark of those that are being ended (runtime/cuts). Lists of thousands: kernel/conntrack-dump.

import type { Flow } from '../learn/evidence.ts';
import { type Connection, readConnection } from '../netlink/conntrack.ts';
import {
  putConntrackDelete,
  putConntrackDump,
  putConntrackGet,
  putConntrackMark,
} from '../netlink/conntrack-request.ts';
import { NETLINK_NETFILTER } from '../netlink/constants.ts';
import type { Writer } from '../netlink/writer.ts';
import { weakerWithout } from '../policy/missing-parts.ts';
import { TCP, UDP } from '../wire/packet.ts';
import { dump, transact } from './netlink-request.ts';
import {
  type NetlinkSocket,
  type Opened,
  openNetlink,
  request,
  takeSequence,
} from './netlink-socket.ts';

/** Connections that one turn of the event loop ends. */
export const ENDED_AT_ONCE = 64;

/** What nfnetlink says of a subsystem that no module brings, on every architecture. */
export const EINVAL = 22;

export interface ConntrackSocket {
  readonly socket: NetlinkSocket;
}

export function openConnections(): Opened<ConntrackSocket> {
  const opened = openNetlink(NETLINK_NETFILTER, { receiveQueue: 1 << 18 });
  return opened.ok ? { ok: true, value: { socket: opened.value } } : opened;
}

/** All entries whose `mark & mask` is `mark`, in one go: for few. The kernel filters. A string is the error. */
export function readConnections(
  connections: ConntrackSocket,
  mark: number,
  mask: number,
): Connection[] | string {
  let found: Connection[] = [];
  const errno = dump(
    connections.socket,
    (w, seq) => putConntrackDump(w, seq, 0, mark, mask),
    () => {
      found = [];
    },
    (message, reader) => {
      const read = readConnection(reader, message);
      if (read.ok) found.push(read.value);
    },
  );
  return errno === 0 ? found : listingRefused(errno);
}

/** What it means that the kernel lists no connections. */
export function listingRefused(errno: number): string {
  if (errno === EINVAL) return weakerWithout('connections', 'nobody answers for conntrack');
  return `read connections: the list was cut short, errno ${errno}`;
}

/** The entry of `flow`; null: there is none. */
export function findConnection(connections: ConntrackSocket, flow: Flow): Connection | null {
  const protocol = flow.protocol === 'udp' ? UDP : flow.protocol === 'tcp' ? TCP : 0;
  const family = flow.source.includes(':') ? 6 : 4;
  const entry = { family, original: { ...flow, protocol }, zone: 0, id: null } as const;
  let found: Connection | null = null;
  dump(
    connections.socket,
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

/** Deletes exactly these entries; one that is gone by itself is no error. Returns the error or
 * null. */
export function cutConnections(
  connections: ConntrackSocket,
  list: readonly Connection[],
): string | null {
  return eachOf(connections, list, 'cut', putConntrackDelete);
}

/** Gives these entries the bits of a mark; one that is gone by itself is no error. Returns the error or
 * null. */
export function markConnections(
  connections: ConntrackSocket,
  list: readonly Connection[],
  mark: { readonly value: number; readonly mask: number },
): string | null {
  return eachOf(connections, list, 'mark', (w, seq, entry) =>
    putConntrackMark(w, seq, entry, mark),
  );
}

function eachOf(
  { socket }: ConntrackSocket,
  list: readonly Connection[],
  verb: string,
  put: (w: Writer, seq: number, entry: Connection) => boolean,
): string | null {
  let wrong: string | null = null;
  for (let from = 0; from < list.length; from += AT_ONCE) {
    const part = list.slice(from, from + AT_ONCE);
    const first = takeSequence(socket, part.length);
    const w = request(socket);
    part.forEach((entry, at) => void put(w, first + at, entry));
    const { errno, refused } = transact(socket, first, first + part.length - 1);
    const fault = refused.find((ack) => ack.errno !== 2)?.errno ?? (refused.length > 0 ? 0 : errno);
    if (fault !== 0) wrong = `${verb} connections: errno ${fault}`;
  }
  return wrong;
}
