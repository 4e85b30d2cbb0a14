// bounds/token-bucket: how fast something may happen: a bucket of tokens for each device that sends matching
// answers, and one for the transactions they make (learn/commit-batch). A match costs the agent tens of
// times what a look costs, so a device that floods it with names of the application would keep
// everybody's answers waiting. Pure; step asks before it decodes.

/** Tokens a second, and how many a bucket holds. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export interface Pace {
  readonly rate: Rate;
  /** By device, the one not heard of for longest first. */
  readonly buckets: Map<string, Bucket>;
}

interface Bucket {
  tokens: number;
  /** Milliseconds: when the tokens were counted. */
  at: number;
}

/** Answers that teach: more than any honest client, which resolves some thirty names when it starts. */
export const PACE = { perSecond: 10, burst: 50 } as const;
/** Answers for the application's names that are looked into, those included that teach nothing. */
export const LOOKS = { perSecond: 40, burst: 200 } as const;
/** The same of all devices together: what a small router can read beside everything else. */
export const HOME_PACE = { perSecond: 40, burst: 200 } as const;
/** Queries that open a window exactly: those of a start, and then one a second. */
export const ASKING = { perSecond: 1, burst: 30 } as const;
/** Devices remembered; a forgotten one starts with a full bucket. */
const DEVICES = 1024;

export function createPace(rate: Rate = PACE): Pace {
  return { rate, buckets: new Map() };
}

/** Milliseconds from `now` until `device` has a token; 0: it has one. */
export function untilToken(pace: Pace, device: string, now: number): number {
  const missing = 1 - tokensAt(pace, device, now);
  return missing <= 0 ? 0 : (missing * 1000) / pace.rate.perSecond;
}

function tokensAt({ rate, buckets }: Pace, device: string, now: number): number {
  const bucket = buckets.get(device);
  if (bucket === undefined) return rate.burst;
  return Math.min(rate.burst, bucket.tokens + ((now - bucket.at) * rate.perSecond) / 1000);
}

/** Takes a token of `device` at `now` (milliseconds); false when it has none left. What weighs more than
 * one token is taken on credit: the device then waits for longer. */
export function takeToken(pace: Pace, device: string, now: number, weight = 1): boolean {
  const tokens = tokensAt(pace, device, now);
  const taken = tokens >= 1;
  pace.buckets.delete(device);
  pace.buckets.set(device, { tokens: taken ? tokens - weight : tokens, at: now });
  if (pace.buckets.size > DEVICES) {
    for (const oldest of pace.buckets.keys()) {
      pace.buckets.delete(oldest);
      break;
    }
  }
  return taken;
}
