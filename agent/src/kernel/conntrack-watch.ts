// kernel/conntrack-watch: reads conntrack for runtime/accounting, on sockets of its own: dumps of entries with
// their counters, within a share of the time, and the DESTROY event of each entry.
import * as os from 'qjs:os';
import { filter } from 'whp:socket';
import { type Connection, type Counts, readConnection, readCounts } from '../netlink/conntrack.ts';
import { putConntrackDump } from '../netlink/conntrack-request.ts';
import { NETLINK_NETFILTER } from '../netlink/constants.ts';
import { done, failed, type KernelResult, refused } from '../netlink/kernel-error.ts';
import { markFilter } from '../netlink/mark-filter.ts';
import { now } from '../os/clock.ts';
import { closeNetlink, joinGroup, openNetlink, receive } from './netlink-socket.ts';
import { type DumpsEnd, openDumps } from './sliced-dump.ts';
import { heldFirst } from './yield-to-held.ts';

/** NFNLGRP_CONNTRACK_DESTROY (linux/netfilter/nfnetlink_compat.h). */
const DESTROY_GROUP = 3;
/** Share of the time for reading dumps: a device that opens thousands of flows must not delay held answers. */
const SHARE = 0.3;
/** Most datagrams of DESTROY events in one turn of the event loop. */
const ENDS_AT_ONCE = 8;

/** `decode` returns the whole entry, null if it is malformed; it is valid during the callback only. */
export type OnCounts = (counts: Counts, decode: () => Connection | null) => void;

export interface ConntrackWatch {
  /** Dumps the entries of each mark, one mark after the other. */
  list(marks: readonly number[], mask: number, onCounts: OnCounts): Promise<DumpsEnd>;
  close(): void;
}

/** `onEnd`: an entry with bits of `mask` was deleted or has expired; it carries its last counters. */
export function openConntrackWatch(
  mask: number,
  onEnd: (connection: Connection) => void,
): KernelResult<ConntrackWatch> {
  const dumps = openDumps(SHARE);
  if (!dumps.ok) return dumps;
  const ends = openNetlink(NETLINK_NETFILTER, { receiveQueue: 1 << 18, buffer: 8192 });
  if (!ends.ok) {
    dumps.value.close();
    return ends;
  }
  const close = (): void => {
    dumps.value.close();
    closeNetlink(ends.value);
  };
  const filtered = filter(ends.value.fd, markFilter(mask));
  const joined = filtered < 0 ? -filtered : joinGroup(ends.value, DESTROY_GROUP);
  if (joined !== 0) {
    close();
    return failed(refused('watch', 'conntrack', joined));
  }
  os.setReadHandler(ends.value.fd, () => {
    const began = now();
    receive(
      ends.value,
      (message, reader) => {
        const read = readConnection(reader, message);
        if (!read.ok) return;
        onEnd(read.value);
        heldFirst(now() - began);
      },
      ENDS_AT_ONCE,
    );
  });
  return done({
    list: (marks, of, onCounts) =>
      new Promise((resolve) => {
        dumps.value.read(
          marks.map((mark) => (w, seq) => putConntrackDump(w, seq, 0, mark, of)),
          (message, reader) => {
            const counts = readCounts(reader, message);
            if (counts === null) return;
            onCounts(counts, () => {
              const read = readConnection(reader, message);
              return read.ok ? read.value : null;
            });
          },
          resolve,
        );
      }),
    close,
  });
}
