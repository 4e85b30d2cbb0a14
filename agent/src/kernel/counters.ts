// kernel/counters: what the table has counted, asked of the kernel, and kept on a file in memory, so that it
// goes on from there when the table is made anew. Before: netlink/nft-counter. After: runtime/table, status.
import { type Counted, knownCounts, noteCounts, type Outside } from '../learn/outside.ts';
import { NFPROTO_INET } from '../netlink/constants.ts';
import { COUNTER, putCounterDump, readCounter } from '../netlink/nft-counter.ts';
import { readText, writeText } from '../os/file.ts';
import { parseJson } from '../os/kept-file.ts';
import { outsideCounter, TABLE } from '../ruleset/names.ts';
import { dump } from './netlink-request.ts';
import type { SetSocket } from './sets.ts';

/** The counters of `table` by name; none: it does not stand, or has none. */
export function readCounters(sets: SetSocket, table: string): Map<string, Counted> {
  const found = new Map<string, Counted>();
  dump(
    sets.socket,
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

/** Reads them anew, if our table stands. Answers whether it does. */
export function refreshCounts(outside: Outside, sets: SetSocket): boolean {
  const found = readCounters(sets, TABLE);
  if (found.size === 0) return false;
  noteCounts(outside, found);
  return true;
}

/** What the next table goes on from. */
export function countsToKeep(outside: Outside, sets: SetSocket): ReadonlyMap<string, Counted> {
  refreshCounts(outside, sets);
  return knownCounts(outside, outsideCounter);
}

/** Of a table that an earlier agent took away since the boot. */
export function readKeptCounts(outside: Outside, path: string): void {
  const read = readText(`${path}.counts`);
  const found = read.ok ? parseJson(read.text) : null;
  if (typeof found !== 'object' || found === null) return;
  const counts = new Map<string, Counted>();
  for (const [name, value] of Object.entries(found)) {
    const [packets, bytes]: unknown[] = Array.isArray(value) ? value : [];
    if (isCount(packets) && isCount(bytes)) counts.set(name, { packets, bytes });
  }
  noteCounts(outside, counts);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function keepCounts(counts: ReadonlyMap<string, Counted>, path: string): void {
  const entries = Array.from(counts, ([name, { packets, bytes }]) => [name, [packets, bytes]]);
  writeText(`${path}.counts`, JSON.stringify(Object.fromEntries(entries)), false);
}
