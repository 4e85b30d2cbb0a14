// kernel/conntrack-dump: the kernel's connections, all of a mark or those of one end, as kernel/sliced-dump
// reads them. Before: netlink/conntrack. After: runtime/accounting,
// late-flows and failover.
import { type Connection, readConnection } from '../netlink/conntrack.ts';
import { putConntrackDump, type TupleFilter } from '../netlink/conntrack-request.ts';
import type { OnMessage } from './netlink-socket.ts';
import { type DumpsEnd, openDumps, type PutDump } from './sliced-dump.ts';

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

/** `share` of the time that reading may take. A string is the error. */
export function openConnectionLists(share = 1): ConnectionLists | string {
  const dumps = openDumps(share);
  if (typeof dumps === 'string') return dumps;
  return {
    read: (lists, onEntry, done) => dumps.read(lists.map(requestOf), onEntry, done),
    close: dumps.close,
  };
}

function requestOf({ mark, mask, only }: ConnectionList): PutDump {
  return (w, seq) => putConntrackDump(w, seq, only?.family ?? 0, mark, mask, only ?? null);
}
