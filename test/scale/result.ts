// The figures of the scale measurement: the runs merged, and how each grows in each dimension. Pure.
import { median, merge, type Reading } from '../lab/bench/figures.ts';
import { type Growth, growthOf, type Point } from './growth.ts';
import type { Dimension, Size } from './home.ts';

/** One home of one run. `dimension`: in which it is smaller; null: the full home. */
export interface Measured {
  readonly dimension: Dimension | null;
  readonly size: Size;
  readonly readings: readonly Reading[];
}

export interface ScaleFigure {
  readonly name: string;
  readonly unit: string;
  /** Of the full home: the median of the runs, and the spread. */
  readonly value: number;
  readonly least: number;
  readonly most: number;
  readonly growth: { readonly [dimension in Dimension]: GrowthFigure };
}

/** `points`: the medians at the three sizes. */
export interface GrowthFigure extends Growth {
  readonly points: readonly Point[];
}

export function figuresOf(measured: readonly Measured[]): ScaleFigure[] {
  const full = measured.filter(({ dimension }) => dimension === null);
  return merge(full.map(({ readings }) => readings)).map(({ name, unit, value, least, most }) => {
    const grown = (dimension: Dimension): GrowthFigure => {
      const points = pointsOf(measured, dimension, name);
      return { ...growthOf(points, least), points };
    };
    const growth = {
      apps: grown('apps'),
      devices: grown('devices'),
      elements: grown('elements'),
      flows: grown('flows'),
    };
    return { name, unit, value, least, most, growth };
  });
}

/** The medians of a figure at the sizes of a dimension, the full one last. */
function pointsOf(
  measured: readonly Measured[],
  dimension: Dimension,
  name: string,
): [Point, Point, Point] {
  const bySize = new Map<number, number[]>();
  for (const one of measured) {
    if (one.dimension !== null && one.dimension !== dimension) continue;
    const size = one.size[dimension];
    const value = one.readings.find((reading) => reading.name === name)?.value ?? Number.NaN;
    bySize.set(size, [...(bySize.get(size) ?? []), value]);
  }
  const points = Array.from(bySize, ([size, values]) => ({ size, value: median(values) }));
  const [first, second, third, ...more] = points.sort((a, b) => a.size - b.size);
  if (third === undefined || more.length > 0) throw new Error(`${dimension}: not three sizes`);
  return [first!, second!, third];
}
