// os/memory: memory and age of this process by /proc, for `whp status`, the log and the benchmarks.
import { readText } from './file.ts';

/** Resident memory in bytes, from /proc/self/status; 0: cannot be read. */
export function residentBytes(): number {
  const read = readText('/proc/self/status');
  const found = read.ok ? /^VmRSS:\s+(\d+) kB/m.exec(read.text) : null;
  return found === null ? 0 : Number(found[1]) * 1024;
}

/** Seconds since the process was started, with one decimal; "?": cannot be read. Field 22 of /proc/self/stat is
 * the start time in hundredths of a second since boot (proc(5)). */
export function processAge(): string {
  const stat = readText('/proc/self/stat');
  const uptime = readText('/proc/uptime');
  if (!stat.ok || !uptime.ok) return '?';
  const started = Number(stat.text.slice(stat.text.lastIndexOf(')')).split(' ')[20]) / 100;
  return (Number(uptime.text.split(' ')[0]) - started).toFixed(1);
}
