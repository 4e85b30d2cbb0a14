// os/log: log lines. procd passes them to logd under the agent's name: errors from standard error (daemon.err),
// notices from standard output (daemon.info). bounds/log-rate limits each level.
import * as std from 'qjs:std';
import { admit, createLogRate } from '../bounds/log-rate.ts';
import { now } from './clock.ts';

export type Level = 'error' | 'notice';

const RATES = { error: createLogRate(now()), notice: createLogRate(now()) };

export function log(level: Level, text: string): void {
  const said = admit(RATES[level], text, now());
  if (said === null) return;
  const file = level === 'error' ? std.err : std.out;
  file.puts(level === 'error' ? `whp: error: ${said}\n` : `whp: ${said}\n`);
  file.flush();
}
