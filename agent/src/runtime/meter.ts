// runtime/meter: the counters of the meter at the exit, read from the table, and kept in a file in memory, so that
// they go on from there when the table is made anew.
import type { Tables } from '../kernel/tables.ts';
import { type Counted, knownCounts, noteCounts, type Outside } from '../learn/outside.ts';
import { readText, writeText } from '../os/file.ts';
import { parseJson } from '../os/kept-file.ts';
import { outsideCounter, TABLE } from '../ruleset/names.ts';

/** Reads them anew, if our table stands. Answers whether it does. */
export function refreshCounts(outside: Outside, tables: Tables): boolean {
  const found = tables.counters(TABLE);
  if (found.size === 0) return false;
  noteCounts(outside, found);
  return true;
}

/** What the next table goes on from. */
export function countsToKeep(outside: Outside, tables: Tables): ReadonlyMap<string, Counted> {
  refreshCounts(outside, tables);
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
