// system/log: lines for people on standard error; procd hands them to logd with our name.
import * as std from 'qjs:std';

export type Level = 'error' | 'notice';

export function log(level: Level, text: string): void {
  std.err.puts(level === 'error' ? `whp: error: ${text}\n` : `whp: ${text}\n`);
  std.err.flush();
}
