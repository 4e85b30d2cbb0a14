// kernel/tables: loads nftables transactions, and reads by netlink what is loaded, in `table inet whp` and in tables of
// other programs. Rules are not read: a dump of all rules takes too long.
import { chains, load } from 'whp:nft';
import type { LeftFlow } from '../learn/audit.ts';
import type { Counted } from '../learn/outside.ts';
import { NFPROTO_INET } from '../netlink/constants.ts';
import type { KernelError, KernelResult } from '../netlink/kernel-error.ts';
import { COUNTER, putCounterDump, readCounter } from '../netlink/nft-counter.ts';
import {
  FLOWTABLE,
  fingerprint,
  putFlowTableDump,
  putTableQuery,
  readFlowTable,
  TABLE_MESSAGE,
} from '../netlink/nft-table.ts';
import { removeFile, writeText } from '../os/file.ts';
import { log } from '../os/log.ts';
import { reasonOf, runProgram } from '../os/process.ts';
import type { Guard } from '../ruleset/guard.ts';
import { TABLE } from '../ruleset/names.ts';
import { readLeft } from './audit-table.ts';
import { readGeneration, watchGeneration } from './generation.ts';
import { type RaisedGuard, raiseGuard } from './guard.ts';
import { dump } from './netlink-request.ts';
import type { NetlinkSocket } from './netlink-socket.ts';
import type { Dumps } from './sliced-dump.ts';

export interface Tables {
  /** Runs one nftables transaction, `text` in the language of nft. */
  load(text: string): Promise<KernelError | null>;
  /** The generation number: nftables transactions of all programs; 0: unknown. */
  generation(): number;
  /** Calls `onChange` when the generation number, read at this interval, is another one; ends with the returned
   * function. */
  watchGeneration(milliseconds: number, onChange: () => void): KernelResult<() => void>;
  /** Whether there is a table of the family inet with this name. */
  has(table: string): boolean;
  /** The fingerprint (netlink/nft-table) of `table inet whp`; '': there is no table, or it has no chain. */
  fingerprint(): string;
  /** The chains of all tables except `whp`, with handle and use count: differs after other programs have changed
   * rules. */
  othersChains(): string;
  /** Names of all tables that have a flow table. */
  flowTables(): ReadonlySet<string>;
  /** The named counters of a table; empty if there is no such table. */
  counters(table: string): ReadonlyMap<string, Counted>;
  /** The flows in the sets of the audit's table. */
  auditFlows(): Promise<KernelResult<readonly LeftFlow[]>>;
  raiseGuard(guard: Guard): KernelResult<RaisedGuard>;
}

/** `scratch`: path of a file in memory for the text that nft loads. */
export function tablesOver(socket: NetlinkSocket, dumps: Dumps, scratch: string): Tables {
  return {
    load: async (text) => {
      const refusal = load(text);
      return refusal === '' ? null : runNft(scratch, text, refusal);
    },
    generation: readGeneration,
    watchGeneration,
    has: (table) => hasTable(socket, table),
    fingerprint: () => fingerprint(chains(TABLE, true)),
    othersChains: () => chains(TABLE, false),
    flowTables: () => readFlowTables(socket),
    counters: (table) => readCounters(socket, table),
    auditFlows: () => readLeft(dumps),
    raiseGuard,
  };
}

/** Runs nft on a text that the host program has not loaded: `refusal` says why. By a file in memory, since a pipe takes
 * a few KiB each turn of the event loop. */
async function runNft(scratch: string, text: string, refusal: string): Promise<KernelError | null> {
  const isWritten = writeText(scratch, text, false) === 0;
  const input = isWritten ? '' : text;
  const ended = await runProgram(['nft', '-f', isWritten ? scratch : '-'], { input });
  removeFile(scratch);
  if (ended.status === 0) {
    log('notice', `a table was loaded by nft, which takes longer: ${refusal}`);
    return null;
  }
  const why = ended.failure ?? `nft refused the table: ${reasonOf(ended)}`;
  return {
    operation: 'load',
    object: `table inet ${TABLE}`,
    errno: 0,
    detail: `${refusal}; ${why}`,
  };
}

function hasTable(socket: NetlinkSocket, table: string): boolean {
  let isFound = false;
  dump(
    socket,
    (w, seq) => putTableQuery(w, seq, NFPROTO_INET, table),
    () => {},
    (message) => {
      isFound ||= message.type === TABLE_MESSAGE;
    },
  );
  return isFound;
}

function readFlowTables(socket: NetlinkSocket): ReadonlySet<string> {
  const found = new Set<string>();
  dump(
    socket,
    putFlowTableDump,
    () => found.clear(),
    (message, reader) => {
      const read = message.type === FLOWTABLE ? readFlowTable(reader, message) : null;
      if (read?.ok) found.add(read.value);
    },
  );
  return found;
}

function readCounters(socket: NetlinkSocket, table: string): Map<string, Counted> {
  const found = new Map<string, Counted>();
  dump(
    socket,
    (w, seq) => putCounterDump(w, seq, NFPROTO_INET, table),
    () => found.clear(),
    (message, reader) => {
      const read = message.type === COUNTER ? readCounter(reader, message) : null;
      if (!read?.ok || read.value.table !== table) return;
      const { name, packets, bytes } = read.value;
      found.set(name, { packets, bytes });
    },
  );
  return found;
}
