// runtime/accounting: keeps the ledger: the kernel's list of our connections from time to time, a few
// entries a turn so that no held answer waits for it, and the end of each as it happens, with its
// last counters. Before: kernel/conntrack-dump. After: account/ledger.
import * as os from 'qjs:os';
import { filter } from 'whp:socket';
import { historyText, restoreHistory } from '../account/history.ts';
import {
  beginRound,
  createLedger,
  type EndedFlow,
  endFlow,
  endRound,
  type FlowFacts,
  type Ledger,
  seeAgain,
  seeFlow,
} from '../account/ledger.ts';
import { type ConnectionLists, decoded, openConnectionLists } from '../kernel/conntrack-dump.ts';
import {
  closeNetlink,
  joinGroup,
  type NetlinkSocket,
  type Opened,
  openNetlink,
  receive,
} from '../kernel/netlink-socket.ts';
import { heldFirst } from '../kernel/yield-to-held.ts';
import { type Connection, readConnection, readCounts } from '../netlink/conntrack.ts';
import { NETLINK_NETFILTER } from '../netlink/constants.ts';
import { markFilter } from '../netlink/mark-filter.ts';
import { now, wallTime } from '../os/clock.ts';
import { errnoText } from '../os/errno.ts';
import { readText, writeText } from '../os/file.ts';
import { readKept } from '../os/kept-file.ts';
import { log } from '../os/log.ts';

/** NFNLGRP_CONNTRACK_DESTROY (linux/netfilter/nfnetlink_compat.h). */
const DESTROY_GROUP = 3;
/** How often the list is read: a call lasts minutes, and each entry costs time. */
const LEAST_SECONDS = 10;
const FLOWS_A_SECOND = 20;
/** Of the time, what it may take: a device that opens flows by the thousand is not to keep answers waiting. */
const SHARE = 0.3;
/** The flash is written every six hours, and at the end. */
const SAVE_MILLISECONDS = 6 * 3_600_000;

export interface WatchedPolicy {
  readonly mask: number;
  /** Marks of the apps. */
  readonly marks: readonly number[];
  facts(connection: Connection): FlowFacts | null;
  ended(flow: EndedFlow): void;
}

export interface FlowWatch {
  readonly ledger: Ledger;
  /** The last list was read then, `now()`; -1 before the first. */
  readonly readAt: number;
  /** Writes the history if it changed, and stops. */
  close(): void;
}

/** Watches until closed. `policy` is asked anew for each list and event. */
export function watchFlows(history: string, policy: () => WatchedPolicy): Opened<FlowWatch> {
  const listing = openConnectionLists(SHARE);
  if (!listing.ok) return listing;
  const lists = listing.value;
  const ends = openNetlink(NETLINK_NETFILTER, { receiveQueue: 1 << 18, buffer: 8192 });
  if (!ends.ok) {
    lists.close();
    return ends;
  }
  const counting = readText('/proc/sys/net/netfilter/nf_conntrack_acct');
  if (counting.ok && counting.text.trim() === '0') {
    log('error', 'no bytes are counted: sysctl net.netfilter.nf_conntrack_acct is 0');
  }
  const ledger = createLedger();
  const restore = (text: string) => ({
    value: null,
    wrong: restoreHistory(ledger, text) ? null : 'is not a history',
  });
  readKept(history, restore, 1 << 20);
  ledger.changed = false;
  const filtered = filter(ends.value.fd, markFilter(policy().mask));
  const joined = filtered < 0 ? -filtered : joinGroup(ends.value, DESTROY_GROUP);
  if (joined !== 0) {
    lists.close();
    closeNetlink(ends.value);
    return { ok: false, reason: `watch conntrack: ${errnoText(joined)}` };
  }
  os.setReadHandler(ends.value.fd, () => drainEnds(ends.value, ledger, policy()));
  const reading = { at: -1, timer: null as unknown, saved: now() };
  const save = (): void => saveHistory(history, ledger, reading);
  const again = (): void => {
    const seconds = reading.at < 0 ? 1 : Math.max(LEAST_SECONDS, ledger.live.size / FLOWS_A_SECOND);
    reading.timer = os.setTimeout(() => {
      readList(lists, ledger, policy(), () => {
        reading.at = now();
        if (now() - reading.saved > SAVE_MILLISECONDS) save();
        again();
      });
    }, seconds * 1000);
  };
  again();
  const value: FlowWatch = {
    ledger,
    get readAt() {
      return reading.at;
    },
    close() {
      os.clearTimeout(reading.timer as Parameters<typeof os.clearTimeout>[0]);
      lists.close();
      closeNetlink(ends.value);
      save();
    },
  };
  return { ok: true, value };
}

function saveHistory(path: string, ledger: Ledger, reading: { saved: number }): void {
  reading.saved = now();
  if (!ledger.changed) return;
  const folder = path.slice(0, path.lastIndexOf('/'));
  os.mkdir(folder, 0o700);
  const errno = writeText(path, historyText(ledger));
  if (errno !== 0) log('error', `${path}: cannot be written: ${errnoText(errno)}`);
  else ledger.changed = false;
}

function drainEnds(socket: NetlinkSocket, ledger: Ledger, policy: WatchedPolicy): void {
  const began = now();
  receive(
    socket,
    (message, reader) => {
      const read = readConnection(reader, message);
      if (!read.ok) return;
      const { value } = read;
      const ended = endFlow(ledger, value, () => policy.facts(value), wallTime());
      if (ended !== null) policy.ended(ended);
      heldFirst(now() - began);
    },
    8,
  );
}

/** Reads the list of each mark in turn; then calls `done`. */
function readList(
  lists: ConnectionLists,
  ledger: Ledger,
  policy: WatchedPolicy,
  done: () => void,
): void {
  const { mask } = policy;
  const see = decoded((value) => seeFlow(ledger, value, () => policy.facts(value), wallTime()));
  beginRound(ledger);
  lists.read(
    policy.marks.map((mark) => ({ mark, mask })),
    (message, reader) => {
      const counts = readCounts(reader, message);
      if (counts !== null && !seeAgain(ledger, counts, wallTime())) see(message, reader);
    },
    ({ whole }) => {
      // Entries may be missing from a list that changed under us: then nothing is taken for ended.
      const began = now();
      for (const ended of whole ? endRound(ledger, wallTime()) : []) {
        policy.ended(ended);
        heldFirst(now() - began);
      }
      done();
    },
  );
}
