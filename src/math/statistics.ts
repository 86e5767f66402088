/** Means and medians. */

/** The arithmetic mean; NaN where there are no values. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let n = 0; n < values.length; n++) sum += values[n]!;
  return sum / values.length;
}

/** The median: the mean of the middle two for an even count; NaN where there are no values. */
export function median(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * The usual step among time steps: their upper median, which is always one of them. Undefined where
 * there are none.
 */
export function upperMedian(steps: ArrayLike<number>): number | undefined {
  return Float64Array.from(steps).sort()[steps.length >> 1];
}
