// runtime/meter: reads the counters of the meter (ruleset/compile/exit-meter) from the table, and keeps them in a
// file in memory, so that a new table continues them.
import type { Tables } from '../kernel/tables.ts';
import { type Counted, knownCounts, noteCounts, type Outside } from '../learn/outside.ts';
import { readText, writeText } from '../os/file.ts';
import { parseJson } from '../os/kept-file.ts';
import { outsideCounter, TABLE } from '../ruleset/names.ts';

/** Reads the counters. False: the table is missing. */
export function refreshCounts(outside: Outside, tables: Tables): boolean {
  const found = tables.counters(TABLE);
  if (found.size === 0) return false;
  noteCounts(outside, found);
  return true;
}

/** Values for the counters of the next table. */
export function countsToKeep(outside: Outside, tables: Tables): ReadonlyMap<string, Counted> {
  refreshCounts(outside, tables);
  return knownCounts(outside, outsideCounter);
}

/** Reads the file of an earlier agent that deleted its table since the boot. */
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
