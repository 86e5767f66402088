/** Means, medians, ranks and correlations. */

/** The arithmetic mean; NaN where there are no values. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let n = 0; n < values.length; n++) sum += values[n]!;
  return sum / values.length;
}

/** The standard deviation of some numbers, over their count; NaN for none. */
export function deviation(values: ArrayLike<number>): number {
  const center = mean(values);
  let squares = 0;
  for (let n = 0; n < values.length; n++) squares += (values[n]! - center) ** 2;
  return Math.sqrt(squares / values.length);
}

/** The item of which a value is largest, the first of several; undefined of none. */
export function largestBy<T>(items: readonly T[], value: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>(
    (best, item) => (best !== undefined && value(best) >= value(item) ? best : item),
    undefined,
  );
}

/** log(sum of exp(x)), without an overflow. */
export function logSumExp(values: ArrayLike<number>): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let n = 0; n < values.length; n++) max = Math.max(max, values[n]!);
  let sum = 0;
  for (let n = 0; n < values.length; n++) sum += Math.exp(values[n]! - max);
  return max + Math.log(sum);
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

/** The rank of each value, from 1; equal values share the mean of their ranks. */
export function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, n) => n);
  order.sort((p, q) => values[p]! - values[q]!);
  const ranked = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end += 1;
    for (let n = start; n < end; n++) ranked[order[n]!] = (start + end + 1) / 2;
    start = end;
  }
  return ranked;
}

/**
 * The area under the ROC curve, from the rank sum of Mann and Whitney; NaN where one class is
 * empty.
 *
 * @param positive nonzero for the members of the positive class
 */
export function auroc(scores: ArrayLike<number>, positive: ArrayLike<number>): number {
  const rank = ranks(scores);
  let sum = 0;
  let count = 0;
  for (let n = 0; n < rank.length; n++) {
    if (!positive[n]) continue;
    sum += rank[n]!;
    count += 1;
  }
  return (sum - (count * (count + 1)) / 2) / (count * (rank.length - count));
}

/** Pearson's correlation of two lists; NaN where one of them is constant. */
export function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = a.length;
  let [sumA, sumB] = [0, 0];
  for (let i = 0; i < n; i++) {
    sumA += a[i]!;
    sumB += b[i]!;
  }
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [x, y] = [a[i]! - sumA / n, b[i]! - sumB / n];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / Math.sqrt(aa * bb);
}
