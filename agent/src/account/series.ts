// account/series: bytes per slot of time, for graphs of the last hour, day, week, month and year. Fixed size: 2 *
// 375 numbers, 3,000 bytes a subject.

/** Slot length in milliseconds and number of slots; their product is the span in the name. */
export const RANGES = {
  hour: { step: 60_000, slots: 60 },
  day: { step: 900_000, slots: 96 },
  week: { step: 7_200_000, slots: 84 },
  month: { step: 43_200_000, slots: 62 },
  year: { step: 432_000_000, slots: 73 },
} as const;

export type RangeName = keyof typeof RANGES;
export const RANGE_NAMES = Object.keys(RANGES) as RangeName[];

/** Slots of all ranges together, and the index of each range's first slot. */
const WIDTH = RANGE_NAMES.reduce((sum, name) => sum + RANGES[name].slots, 0);
const STARTS = RANGE_NAMES.map((_, i) =>
  RANGE_NAMES.slice(0, i).reduce((sum, name) => sum + RANGES[name].slots, 0),
);

/** One array: an array for each range would take as much memory again. */
export interface Series {
  /** By range: number of its newest slot, counted from 1970; slot n is at index n % slots. */
  readonly newest: number[];
  /** All slots up, then all slots down. Single precision has seven digits, more than a graph shows. */
  readonly cells: Float32Array;
}

export interface Sample {
  /** Start of the slot, milliseconds since 1970. */
  readonly at: number;
  readonly up: number;
  readonly down: number;
}

export function createSeries(): Series {
  return { newest: RANGE_NAMES.map(() => 0), cells: new Float32Array(2 * WIDTH) };
}

/** Advances a range to slot `number` and empties the slots between. If the clock was set back, the newest slot
 * stays and is added to, so that nothing counted is lost. */
function advance({ newest, cells }: Series, range: number, slots: number, number: number): void {
  const from = newest[range]!;
  if (number <= from) return;
  const empty = Math.min(slots, number - from);
  for (let i = 0; i < empty; i++) {
    const at = STARTS[range]! + ((number - i) % slots);
    cells[at] = 0;
    cells[WIDTH + at] = 0;
  }
  newest[range] = number;
}

function clear({ newest, cells }: Series, range: number, slots: number): void {
  const start = STARTS[range]!;
  cells.fill(0, start, start + slots);
  cells.fill(0, WIDTH + start, WIDTH + start + slots);
  newest[range] = 0;
}

/** Adds bytes at `time` (milliseconds since 1970) to every range. */
export function addSample(series: Series, time: number, up: number, down: number): void {
  for (let range = 0; range < RANGE_NAMES.length; range++) {
    const { step, slots } = RANGES[RANGE_NAMES[range]!];
    const number = Math.floor(time / step);
    // The clock was far ahead before: start the range again, instead of waiting until that time.
    if (number <= series.newest[range]! - slots) clear(series, range, slots);
    advance(series, range, slots, number);
    const at = STARTS[range]! + (series.newest[range]! % slots);
    series.cells[at] = series.cells[at]! + up;
    series.cells[WIDTH + at] = series.cells[WIDTH + at]! + down;
  }
}

/** Time of the last sample, milliseconds since 1970, to the minute; 0: none. */
export function lastCounted({ newest }: Series): number {
  return newest[0]! * RANGES.hour.step;
}

/** All slots of a range up to `time`, oldest first, including empty ones. */
export function samples(series: Series, name: RangeName, time: number): Sample[] {
  const { step, slots } = RANGES[name];
  const range = RANGE_NAMES.indexOf(name);
  advance(series, range, slots, Math.floor(time / step));
  return Array.from({ length: slots }, (_, i) => {
    const number = series.newest[range]! - slots + 1 + i;
    const at = STARTS[range]! + (((number % slots) + slots) % slots);
    return { at: number * step, up: series.cells[at]!, down: series.cells[WIDTH + at]! };
  });
}

/** Restores a slot from the file; dropped if older than the range's span. */
export function restoreSample(
  series: Series,
  name: RangeName,
  number: number,
  up: number,
  down: number,
): void {
  const { slots } = RANGES[name];
  const range = RANGE_NAMES.indexOf(name);
  advance(series, range, slots, number);
  if (number <= series.newest[range]! - slots) return;
  const at = STARTS[range]! + (number % slots);
  series.cells[at] = up;
  series.cells[WIDTH + at] = down;
}

/** Number, up and down of the nonempty slots of a range, for the file. */
export function keptSlots(series: Series, name: RangeName): [number, number, number][] {
  const { slots } = RANGES[name];
  const range = RANGE_NAMES.indexOf(name);
  const newest = series.newest[range]!;
  const kept: [number, number, number][] = [];
  for (let number = Math.max(0, newest - slots + 1); number <= newest; number++) {
    const at = STARTS[range]! + (number % slots);
    const [up, down] = [series.cells[at]!, series.cells[WIDTH + at]!];
    if (up > 0 || down > 0) kept.push([number, up, down]);
  }
  return kept;
}
