// account/series: what went through, as bytes a slot of time, for graphs of the last hour, day, week,
// month and year. A fixed size whatever happens: 2 * 375 numbers, 3 KB a subject. Before: ledger.ts.

/** Slot length in milliseconds and how many slots are kept; together the name's span of time. */
export const RANGES = {
  hour: { step: 60_000, slots: 60 },
  day: { step: 900_000, slots: 96 },
  week: { step: 7_200_000, slots: 84 },
  month: { step: 43_200_000, slots: 62 },
  year: { step: 432_000_000, slots: 73 },
} as const;

export type RangeName = keyof typeof RANGES;
export const RANGE_NAMES = Object.keys(RANGES) as RangeName[];

interface Ring {
  /** Number of the newest slot since 1970; slot n lies at n % slots. */
  newest: number;
  /** Seven digits are more than a graph shows. */
  readonly up: Float32Array;
  readonly down: Float32Array;
}

export type Series = Readonly<Record<RangeName, Ring>>;

export interface Sample {
  /** Milliseconds since 1970: when the slot began. */
  readonly at: number;
  readonly up: number;
  readonly down: number;
}

export function createSeries(): Series {
  const ring = (name: RangeName): Ring => {
    const { slots } = RANGES[name];
    return { newest: 0, up: new Float32Array(slots), down: new Float32Array(slots) };
  };
  return {
    hour: ring('hour'),
    day: ring('day'),
    week: ring('week'),
    month: ring('month'),
    year: ring('year'),
  };
}

/** Moves the ring on to slot `number`, emptying what lies between. A clock that was set back writes
 * into the newest slot: nothing that was counted is lost. */
function advance(ring: Ring, slots: number, number: number): void {
  if (number <= ring.newest) return;
  const empty = Math.min(slots, number - ring.newest);
  for (let i = 0; i < empty; i++) {
    const at = (number - i) % slots;
    ring.up[at] = 0;
    ring.down[at] = 0;
  }
  ring.newest = number;
}

/** Adds bytes at `time` (milliseconds since 1970) to every range. */
export function addSample(series: Series, time: number, up: number, down: number): void {
  for (const name of RANGE_NAMES)
    addTo(series, name, Math.floor(time / RANGES[name].step), up, down);
}

function addTo(series: Series, name: RangeName, number: number, up: number, down: number): void {
  const ring = series[name];
  const { slots } = RANGES[name];
  advance(ring, slots, number);
  const at = ring.newest % slots;
  ring.up[at] = ring.up[at]! + up;
  ring.down[at] = ring.down[at]! + down;
}

/** Every slot of a range up to `time`, oldest first, empty ones too. */
export function samples(series: Series, name: RangeName, time: number): Sample[] {
  const { step, slots } = RANGES[name];
  const ring = series[name];
  advance(ring, slots, Math.floor(time / step));
  return Array.from({ length: slots }, (_, i) => {
    const number = ring.newest - slots + 1 + i;
    const at = ((number % slots) + slots) % slots;
    return { at: number * step, up: ring.up[at]!, down: ring.down[at]! };
  });
}

/** Puts a kept slot back; one that lies before the ring's span, or in its future, is dropped. */
export function restoreSample(
  series: Series,
  name: RangeName,
  number: number,
  up: number,
  down: number,
): void {
  const { slots } = RANGES[name];
  const ring = series[name];
  advance(ring, slots, number);
  if (number <= ring.newest - slots) return;
  const at = number % slots;
  ring.up[at] = up;
  ring.down[at] = down;
}

/** The slots of a range that hold something, by number, for the file. */
export function keptSlots(series: Series, name: RangeName): [number, number, number][] {
  const { slots } = RANGES[name];
  const ring = series[name];
  const kept: [number, number, number][] = [];
  for (let number = Math.max(0, ring.newest - slots + 1); number <= ring.newest; number++) {
    const [up, down] = [ring.up[number % slots]!, ring.down[number % slots]!];
    if (up > 0 || down > 0) kept.push([number, Math.round(up), Math.round(down)]);
  }
  return kept;
}
