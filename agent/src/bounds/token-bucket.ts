// bounds/token-bucket: rate limits by token bucket, one bucket for each key, such as a device. A matching answer
// costs the agent tens of times the first look at an answer, so without a limit one device with many such answers
// would delay those of all others.

/** Tokens gained per second, and the capacity of a bucket. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export interface Pace {
  readonly rate: Rate;
  /** By device, least recently used first. */
  readonly buckets: Map<string, Bucket>;
}

interface Bucket {
  tokens: number;
  /** Milliseconds: when `tokens` was computed. */
  at: number;
}

/** Answers of a device that are learned from; an honest client resolves some thirty names when it starts. */
export const PACE = { perSecond: 10, burst: 50 } as const;
/** Answers of a device for the application's names that are decoded, also those that teach nothing. */
export const LOOKS = { perSecond: 40, burst: 200 } as const;
/** Answers of all devices together that are learned from: what a small router can process beside its other work. */
export const HOME_PACE = { perSecond: 40, burst: 200 } as const;
/** Devices remembered; a forgotten one starts with a full bucket. */
const DEVICES = 1024;

export function createPace(rate: Rate = PACE): Pace {
  return { rate, buckets: new Map() };
}

/** Milliseconds from `now` until `device` has a token; 0: now. */
export function untilToken(pace: Pace, device: string, now: number): number {
  const missing = 1 - tokensAt(pace, device, now);
  return missing <= 0 ? 0 : (missing * 1000) / pace.rate.perSecond;
}

function tokensAt({ rate, buckets }: Pace, device: string, now: number): number {
  const bucket = buckets.get(device);
  if (bucket === undefined) return rate.burst;
  return Math.min(rate.burst, bucket.tokens + ((now - bucket.at) * rate.perSecond) / 1000);
}

/** Takes a token of `device` at `now` (milliseconds); false: none left. A `weight` above 1 may make the balance
 * negative, so that the device waits longer. */
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
