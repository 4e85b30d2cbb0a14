// system/connections: the kernel's conntrack entries: those that carry our mark, for `whp flows`,
// and the removal of one that was bound to the direct path before its evidence came.

import type { Flow } from '../learn/evidence.ts';
import { type Connection, readConnection as decodeConnection } from '../netlink/conntrack.ts';
import {
  putConntrackDelete,
  putConntrackDump,
  putConntrackGet,
} from '../netlink/conntrack-request.ts';
import { NETLINK_NETFILTER } from '../netlink/constants.ts';
import { weakerWithout } from '../policy/lacking.ts';
import { markOf } from '../policy/marks.ts';
import { TCP, UDP } from '../wire/packet.ts';
import { dump, transact } from './netlink-request.ts';
import { type NetlinkSocket, openNetlink, request, takeSequence } from './netlink-socket.ts';

/** What nfnetlink says of a subsystem that no module brings, on every architecture. */
export const EINVAL = 22;

export interface Connections {
  readonly socket: NetlinkSocket;
}

export function openConnections(): Connections | string {
  const opened = openNetlink(NETLINK_NETFILTER, { receiveQueue: 1 << 18 });
  return opened.ok ? { socket: opened.socket } : opened.reason;
}

/** All entries whose `mark & mask` is `mark`; the kernel filters. A string is the error. */
export function readConnections(
  connections: Connections,
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
      const read = decodeConnection(reader, message);
      if (read.ok) found.push(read.value);
    },
  );
  if (errno === EINVAL) return weakerWithout('connections', 'nobody answers for conntrack');
  return errno === 0 ? found : `read conntrack: errno ${errno}`;
}

/** The entry of `flow`; null: there is none. */
export function readConnection(connections: Connections, flow: Flow): Connection | null {
  let found: Connection | null = null;
  dump(
    connections.socket,
    (w, seq) => void putConntrackGet(w, seq, entryOf(flow)),
    () => {
      found = null;
    },
    (message, reader) => {
      const read = decodeConnection(reader, message);
      if (read.ok) found = read.value;
    },
  );
  return found;
}

function entryOf(flow: Flow) {
  const protocol = flow.protocol === 'udp' ? UDP : flow.protocol === 'tcp' ? TCP : 0;
  const family = flow.source.includes(':') ? 6 : 4;
  return { family, original: { ...flow, protocol }, zone: 0, id: null } as const;
}

/** Deletes the entry of `flow`, if there is one. Returns the error or null. */
export function cutConnection(connections: Connections, flow: Flow): string | null {
  const { socket } = connections;
  const seq = takeSequence(socket);
  const entry = entryOf(flow);
  if (!putConntrackDelete(request(socket), seq, entry)) return 'cut: an address is no address';
  const { errno } = transact(socket, seq, seq);
  // ENOENT: it is gone by itself.
  return errno === 0 || errno === 2 ? null : `cut ${flow.protocol} flow: errno ${errno}`;
}

/** Deletes every entry that carries one of the slots under `mask`. Returns the error or null. */
export function cutSlots(
  { connections }: { readonly connections: Connections | string },
  mask: number,
  slots: readonly number[],
): string | null {
  if (typeof connections === 'string') return connections;
  for (const slot of slots) {
    const found = readConnections(connections, markOf(mask, slot), mask);
    const wrong = typeof found === 'string' ? found : cutConnections(connections, found);
    if (wrong !== null) return wrong;
  }
  return null;
}

/** Requests that go out together: what fits the socket's buffer of 4 KiB. */
const DELETE_AT_ONCE = 24;

/** Deletes exactly these entries; one that is gone by itself is no error. Returns the error or
 * null. */
export function cutConnections(
  connections: Connections,
  list: readonly Connection[],
): string | null {
  const { socket } = connections;
  let wrong: string | null = null;
  for (let from = 0; from < list.length; from += DELETE_AT_ONCE) {
    const part = list.slice(from, from + DELETE_AT_ONCE);
    const first = takeSequence(socket, part.length);
    const w = request(socket);
    part.forEach((entry, at) => void putConntrackDelete(w, first + at, entry));
    const { errno, refused } = transact(socket, first, first + part.length - 1);
    const fault = refused.find((ack) => ack.errno !== 2)?.errno ?? (refused.length > 0 ? 0 : errno);
    if (fault !== 0) wrong = `cut connections: errno ${fault}`;
  }
  return wrong;
}
