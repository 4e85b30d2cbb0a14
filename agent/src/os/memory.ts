// os/memory: what the kernel books for this process: memory and age, for `whp status`, the log
// and the benchmarks.
import { readText } from './file.ts';

/** Bytes, from /proc/self/status; 0 when it cannot be read. */
export function residentBytes(): number {
  const read = readText('/proc/self/status');
  const found = read.ok ? /^VmRSS:\s+(\d+) kB/m.exec(read.text) : null;
  return found === null ? 0 : Number(found[1]) * 1024;
}

/** Seconds since this process was started, with one decimal: the engine's own start included.
 * Field 22 of /proc/self/stat counts in hundredths of a second since boot (proc(5)). */
export function processAge(): string {
  const stat = readText('/proc/self/stat');
  const uptime = readText('/proc/uptime');
  if (!stat.ok || !uptime.ok) return '?';
  const started = Number(stat.text.slice(stat.text.lastIndexOf(')')).split(' ')[20]) / 100;
  return (Number(uptime.text.split(' ')[0]) - started).toFixed(1);
}
