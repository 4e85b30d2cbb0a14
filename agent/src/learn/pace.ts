// How fast one device may teach: a bucket of tokens for each device that sends matching answers. A
// match costs the agent tens of times what a look costs, so a device that floods it with names of
// the application would keep everybody's answers waiting. Pure; step asks before it decodes.

export interface Pace {
  /** By device, the one not heard of for longest first. */
  readonly buckets: Map<string, Bucket>;
  /** The device that the agent works for now; '': for none. */
  worksFor: string;
}

interface Bucket {
  tokens: number;
  /** Milliseconds of the agent's time. */
  work: number;
  /** Milliseconds: when both were counted; in the future: nothing is added before. */
  at: number;
}

/** More than any honest client: a client that starts resolves some thirty names. */
export const PACE = { perSecond: 100, burst: 500 } as const;
/** A slow router takes tens of milliseconds for a match: a device may have half of the agent's time, and
 * at once what an application asks for when it starts on a busy router. */
const WORK_PER_SECOND = 500;
const WORK_BURST = 6000;
/** A device that has used up either asks in vain for so long, and then has little at first. */
export const PENALTY_MILLISECONDS = 2000;
const GRACE = 10;
/** Devices remembered; a forgotten one starts with a full bucket. */
const DEVICES = 1024;

export function createPace(): Pace {
  return { buckets: new Map(), worksFor: '' };
}

/** Takes a token of `device` at `now` (milliseconds); false when it has none left, or no time. */
export function takeToken(pace: Pace, device: string, now: number): boolean {
  const bucket = filled(pace.buckets.get(device), now);
  const taken = bucket.at <= now && bucket.tokens >= 1 && bucket.work > 0;
  if (taken) {
    bucket.tokens -= 1;
    pace.worksFor = device;
  } else if (bucket.at <= now) {
    bucket.tokens = GRACE;
    bucket.work = GRACE;
    bucket.at = now + PENALTY_MILLISECONDS;
  }
  pace.buckets.delete(device);
  pace.buckets.set(device, bucket);
  if (pace.buckets.size > DEVICES) {
    for (const oldest of pace.buckets.keys()) {
      pace.buckets.delete(oldest);
      break;
    }
  }
  return taken;
}

/** A bucket as it is now; as it was for a device whose penalty is not over. */
function filled(known: Bucket | undefined, now: number): Bucket {
  if (known === undefined) return { tokens: PACE.burst, work: WORK_BURST, at: now };
  const seconds = (now - known.at) / 1000;
  if (seconds > 0) {
    known.tokens = Math.min(PACE.burst, known.tokens + seconds * PACE.perSecond);
    known.work = Math.min(WORK_BURST, known.work + seconds * WORK_PER_SECOND);
    known.at = now;
  }
  return known;
}

/** What the last token was for took so many milliseconds. */
export function chargeWork(pace: Pace, milliseconds: number): void {
  const bucket = pace.buckets.get(pace.worksFor);
  if (bucket !== undefined) bucket.work -= milliseconds;
  pace.worksFor = '';
}
