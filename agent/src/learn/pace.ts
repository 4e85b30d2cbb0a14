// How fast one device may teach: a bucket of tokens for each device that sends matching answers. A
// match costs the agent tens of times what a look costs, so a device that floods it with names of
// the application would keep everybody's answers waiting. Pure; step asks before it decodes.

export interface Pace {
  /** By device, the one not heard of for longest first. */
  readonly buckets: Map<string, Bucket>;
}

interface Bucket {
  tokens: number;
  /** Milliseconds: when the tokens were counted. */
  at: number;
}

/** More than any honest client: a client that starts resolves some thirty names. */
export const PACE = { perSecond: 10, burst: 50 } as const;
/** Devices remembered; a forgotten one starts with a full bucket. */
const DEVICES = 1024;

export function createPace(): Pace {
  return { buckets: new Map() };
}

/** Whether `device` has no token left at `now` (milliseconds): it floods. */
export function isSpent(pace: Pace, device: string, now: number): boolean {
  return tokensAt(pace.buckets.get(device), now) < 1;
}

function tokensAt(bucket: Bucket | undefined, now: number): number {
  if (bucket === undefined) return PACE.burst;
  return Math.min(PACE.burst, bucket.tokens + ((now - bucket.at) * PACE.perSecond) / 1000);
}

/** Takes a token of `device` at `now` (milliseconds); false when it has none left. */
export function takeToken(pace: Pace, device: string, now: number): boolean {
  const tokens = tokensAt(pace.buckets.get(device), now);
  const taken = tokens >= 1;
  pace.buckets.delete(device);
  pace.buckets.set(device, { tokens: taken ? tokens - 1 : tokens, at: now });
  if (pace.buckets.size > DEVICES) {
    for (const oldest of pace.buckets.keys()) {
      pace.buckets.delete(oldest);
      break;
    }
  }
  return taken;
}
