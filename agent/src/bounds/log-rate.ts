// bounds/log-rate: a token bucket for log lines, with the count of dropped ones, so that a repeating fault does not
// push everything else out of logd's ring buffer. os/log has one for each level.

export interface LogRate {
  tokens: number;
  /** Milliseconds: when `tokens` was computed. */
  at: number;
  /** Lines dropped since the last one that was written. */
  unsaid: number;
}

/** The burst is more than a start and a reload need; after it six lines a minute. */
export const LOG_RATE = { burst: 40, millisecondsPerLine: 10000 } as const;

export function createLogRate(now: number): LogRate {
  return { tokens: LOG_RATE.burst, at: now, unsaid: 0 };
}

/** The line to write for `text` at `now` (milliseconds); null: none. */
export function admit(rate: LogRate, text: string, now: number): string | null {
  const earned = (now - rate.at) / LOG_RATE.millisecondsPerLine;
  rate.tokens = Math.min(LOG_RATE.burst, rate.tokens + earned);
  rate.at = now;
  if (rate.tokens < 1) {
    rate.unsaid += 1;
    return null;
  }
  rate.tokens -= 1;
  const left = rate.unsaid;
  rate.unsaid = 0;
  return left === 0 ? text : `${text} (${left} lines before it were left out)`;
}
