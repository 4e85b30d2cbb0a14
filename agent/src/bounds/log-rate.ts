// bounds/log-rate: how many lines the log takes: a burst, then a line now and then with how many
// were left out, so that a fault that repeats itself does not push everything else out of logd's
// ring. Pure; os/log asks it, for each level apart.

export interface LogRate {
  tokens: number;
  /** Milliseconds: when the tokens were counted. */
  at: number;
  /** Lines left out since the last one that was said. */
  unsaid: number;
}

/** More than a start and a reload say; after that six lines a minute. */
export const LOG_RATE = { burst: 40, millisecondsPerLine: 10000 } as const;

export function createLogRate(now: number): LogRate {
  return { tokens: LOG_RATE.burst, at: now, unsaid: 0 };
}

/** What to write for `text` at `now` (milliseconds); null: nothing. */
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
