// Is memory flat? From samples of the agent's resident memory over a run: what it had at first, at
// most and at last, and how much it has grown since it was warm. Pure.
export interface Sample {
  /** Seconds. */
  readonly at: number;
  /** Of the agent, kilobytes. */
  readonly resident: number;
  /** Of the machine, kilobytes. */
  readonly available: number;
}

export interface Steadiness {
  readonly first: number;
  readonly most: number;
  readonly last: number;
  /** Mean of the last quarter less that of the second, kilobytes: caches are full by then. */
  readonly growth: number;
  /** Least that was available. */
  readonly free: number;
}

/** Throws when there are too few samples to say anything, or one for which no agent was found. */
export function steadiness(samples: readonly Sample[]): Steadiness {
  if (samples.length < 8) throw new Error(`${samples.length} samples of memory: too few`);
  if (samples.some(({ available }) => !(available > 0))) throw new Error('a sample of no agent');
  const resident = samples.map((one) => one.resident);
  const quarter = (number: number): number[] => {
    const length = resident.length / 4;
    return resident.slice(Math.floor(number * length), Math.floor((number + 1) * length));
  };
  const mean = (list: readonly number[]): number =>
    list.reduce((sum, value) => sum + value, 0) / list.length;
  return {
    first: resident[0]!,
    most: Math.max(...resident),
    last: resident.at(-1)!,
    growth: Math.round(mean(quarter(3)) - mean(quarter(1))),
    free: Math.min(...samples.map((one) => one.available)),
  };
}
