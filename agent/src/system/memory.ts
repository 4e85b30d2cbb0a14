// system/memory: how much memory this process has resident, for `whp status` and the benchmarks.
import { readText } from './file.ts';

/** Bytes, from /proc/self/status; 0 when it cannot be read. */
export function residentBytes(): number {
  const read = readText('/proc/self/status');
  const found = read.ok ? /^VmRSS:\s+(\d+) kB/m.exec(read.text) : null;
  return found === null ? 0 : Number(found[1]) * 1024;
}
