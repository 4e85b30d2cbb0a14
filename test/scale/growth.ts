// How a figure grows with one dimension of the home: from its values at three sizes. Pure.

export interface Point {
  readonly size: number;
  readonly value: number;
}

export interface Growth {
  /** The last value by the first. */
  readonly ratio: number;
  /** The last value is a quarter above the first: repetitions may differ by less. */
  readonly grows: boolean;
  /** The ratio that n log n gives. */
  readonly bound: number;
  /** The growth from the second size to the third by that from the first to the second, each per unit of n log n: 1 for
   * n log n, less for what grows slower. What does not depend on the size is not in it. null: it hardly grows, or not in the first step. */
  readonly bend: number | null;
  /** It grows faster than n log n. */
  readonly isWorse: boolean;
}

const GROWN = 1.25;
/** A bend above is no repetition's difference: n squared gives 1.8. Nor is a last value so far above what n log n
 * continues the first two to. */
const BENT = 1.4;
const ABOVE = 1.15;

function order(size: number): number {
  return size * Math.log2(size + 1);
}

/** `points`: three, by size. `least`: the least of the repetitions at the last size. */
export function growthOf(
  [first, second, third]: readonly [Point, Point, Point],
  least = third.value,
): Growth {
  const ratio = third.value / first.value;
  const bound = order(third.size) / order(first.size);
  const early = (second.value - first.value) / (order(second.size) - order(first.size));
  const late = (third.value - second.value) / (order(third.size) - order(second.size));
  const grows = ratio >= GROWN;
  if (!grows) return { ratio, grows, bound, bend: null, isWorse: false };
  // A first step within the noise says nothing: then the whole ratio decides.
  if (early <= 0) return { ratio, grows, bound, bend: null, isWorse: least / first.value > bound };
  const continued = second.value + early * (order(third.size) - order(second.size));
  const bend = late / early;
  return { ratio, grows, bound, bend, isWorse: bend > BENT && least > ABOVE * continued };
}
