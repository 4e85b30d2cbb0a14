// account/flow-log: the log line of an ended flow (option log_flows), limited by a token bucket. runtime/flow-facts
// calls it.
import { flowText } from '../wire/flow-text.ts';
import type { EndedFlow } from './ledger.ts';

export interface Lines {
  tokens: number;
  /** Milliseconds: when `tokens` was computed. */
  at: number;
  /** Flows without a line since the last line. */
  skipped: number;
}

/** logd keeps 64 KB: some 400 of these lines. */
const BURST = 60;
const PER_SECOND = 5;

export function createLines(): Lines {
  return { tokens: BURST, at: 0, skipped: 0 };
}

/** The line of `flow` at `now` (milliseconds); null: the limit is exceeded. */
export function flowLine(lines: Lines, flow: EndedFlow, now: number): string | null {
  const gained = ((now - lines.at) * PER_SECOND) / 1000;
  lines.tokens = Math.min(BURST, lines.tokens + gained);
  lines.at = now;
  if (lines.tokens < 1) {
    lines.skipped += 1;
    return null;
  }
  lines.tokens -= 1;
  const { app, original, proxy, start, end, up, down, evidence, detail } = flow;
  const unsaid = lines.skipped === 0 ? '' : ` (${lines.skipped} more ended before it)`;
  lines.skipped = 0;
  const seconds = Math.round((end - start) / 1000);
  return `${app} ${flowText(original)} ended after ${seconds} s by ${proxy}: ${up} bytes up, ${down} down; ${evidence}: ${detail}${unsaid}`;
}
