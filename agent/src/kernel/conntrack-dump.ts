// kernel/conntrack-dump: the kernel's connections, all of a mark or those of one end, as kernel/sliced-dump
// reads them. Before: netlink/conntrack. After: runtime/accounting,
// late-flows and failover, daemon/kernel-view.
import { type Connection, readConnection } from '../netlink/conntrack.ts';
import { putConntrackDump, type TupleFilter } from '../netlink/conntrack-request.ts';
import { EINVAL, listingRefused } from './conntrack.ts';
import type { OnMessage, Opened } from './netlink-socket.ts';
import { type DumpsEnd, openDumps, type PutDump } from './sliced-dump.ts';

/** A list that was cut short is asked for again, so often at most. */
export const TRIES = 3;

/** Entries whose `mark & mask` is `mark`; with `only` those of these ends, and on old kernels others
 * too. */
export interface ConnectionList {
  readonly mark: number;
  readonly mask: number;
  readonly only?: TupleFilter;
}

export interface ConnectionLists {
  /** Reads `lists` one after the other, behind those asked for before; then calls `done`. */
  read(lists: readonly ConnectionList[], onEntry: OnMessage, done: (end: DumpsEnd) => void): void;
  close(): void;
}

/** For who wants all of each entry; one that cannot be read is left out. */
export function decoded(onConnection: (connection: Connection) => void): OnMessage {
  return (message, reader) => {
    const read = readConnection(reader, message);
    if (read.ok) onConnection(read.value);
  };
}

/** `share` of the time that reading may take. */
export function openConnectionLists(share = 1): Opened<ConnectionLists> {
  const opened = openDumps(share);
  if (!opened.ok) return opened;
  const { read, close } = opened.value;
  const value: ConnectionLists = {
    read: (lists, onEntry, done) => read(lists.map(requestOf), onEntry, done),
    close,
  };
  return { ok: true, value };
}

/** All entries of `wanted`, read again where the list was cut short. A string is the error. */
export async function listConnections(
  lists: ConnectionLists,
  wanted: readonly ConnectionList[],
): Promise<Connection[] | string> {
  for (let tries = 1; ; tries += 1) {
    const found: Connection[] = [];
    const { errno, whole } = await new Promise<DumpsEnd>((resolve) => {
      lists.read(
        wanted,
        decoded((connection) => found.push(connection)),
        resolve,
      );
    });
    if (whole) return found;
    if (errno === EINVAL || tries === TRIES) return listingRefused(errno);
  }
}

function requestOf({ mark, mask, only }: ConnectionList): PutDump {
  return (w, seq) => putConntrackDump(w, seq, only?.family ?? 0, mark, mask, only ?? null);
}
