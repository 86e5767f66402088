/** What can be read from spike counts alone: Pearson, lagged and partial correlation of every pair of neurons. */

/** Counts of one neuron after the other in bins side by side: [neurons x bins]. */
export interface Counts {
  readonly neurons: number;
  readonly bins: number;
  readonly values: Float64Array;
}

/** Counts in bins of `width` seconds over `seconds`; a rest shorter than a bin is left out. */
export function countSpikes(
  spikes: readonly ArrayLike<number>[],
  width: number,
  seconds: number,
): Counts {
  const bins = Math.floor(seconds / width + 1e-9);
  const values = new Float64Array(spikes.length * bins);
  for (const [neuron, times] of spikes.entries()) {
    for (let n = 0; n < times.length; n++) {
      const bin = Math.floor(times[n]! / width + 1e-9);
      if (bin < bins) values[neuron * bins + bin]! += 1;
    }
  }
  return { neurons: spikes.length, bins, values };
}

/** Mean and spread of each row. */
function moments({ neurons, bins, values }: Counts): { mean: number; spread: number }[] {
  return Array.from({ length: neurons }, (_, n) => {
    const row = values.subarray(n * bins, (n + 1) * bins);
    const mean = row.reduce((sum, v) => sum + v, 0) / bins;
    return { mean, spread: Math.sqrt(row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / bins) };
  });
}

/** Pearson correlation of every pair, [neurons x neurons], the diagonal 0; 0 where a neuron never changes. */
export function pearson(counts: Counts): Float64Array {
  return lagged(counts, [0]);
}

/**
 * The largest correlation of a target with a source some bins before it, [target x source], the diagonal 0.
 *
 * Only bins with spikes are visited, so fine bins cost little. Means and spreads are those of the whole recording.
 *
 * @param lags bins that the source precedes the target by.
 */
export function lagged(counts: Counts, lags: readonly number[]): Float64Array {
  const { neurons, bins, values } = counts;
  const stats = moments(counts);
  const active: number[][] = Array.from({ length: bins }, () => []);
  for (let n = 0; n < neurons; n++)
    for (let b = 0; b < bins; b++) if (values[n * bins + b] !== 0) active[b]!.push(n);
  const found = new Float64Array(neurons * neurons).fill(Number.NEGATIVE_INFINITY);
  for (const lag of lags) {
    const products = new Float64Array(neurons * neurons);
    for (let b = lag; b < bins; b++) {
      for (const to of active[b]!) {
        const count = values[to * bins + b]!;
        for (const from of active[b - lag]!)
          products[to * neurons + from]! += count * values[from * bins + b - lag]!;
      }
    }
    for (let at = 0; at < products.length; at++) {
      const [to, from] = [stats[Math.floor(at / neurons)]!, stats[at % neurons]!];
      const spread = to.spread * from.spread;
      const r = spread > 0 ? (products[at]! / (bins - lag) - to.mean * from.mean) / spread : 0;
      found[at] = Math.max(found[at]!, r);
    }
  }
  for (let n = 0; n < neurons; n++) found[n * neurons + n] = 0;
  return found;
}

/** Partial correlation of every pair given all others, from the inverse of the correlation matrix; diagonal 0. */
export function partial(counts: Counts): Float64Array {
  const { neurons } = counts;
  const matrix = pearson(counts);
  // A ridge of a thousandth keeps neurons that never fire, or fire alike, from making it singular.
  for (let n = 0; n < neurons; n++) matrix[n * neurons + n] = 1.001;
  const precision = inverse(matrix, neurons);
  return precision.map((p, at) => {
    const [i, j] = [Math.floor(at / neurons), at % neurons];
    if (i === j) return 0;
    // Symmetric but for rounding, which must not tell one direction from the other.
    const both = (p + precision[j * neurons + i]!) / 2;
    return -both / Math.sqrt(precision[i * neurons + i]! * precision[j * neurons + j]!);
  });
}

/** The inverse of a symmetric positive definite matrix [n x n], by Gauss and Jordan with pivoting. */
export function inverse(matrix: Float64Array, n: number): Float64Array {
  const a = matrix.slice();
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) out[i * n + i] = 1;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column + 1; row < n; row++)
      if (Math.abs(a[row * n + column]!) > Math.abs(a[pivot * n + column]!)) pivot = row;
    const top = a[pivot * n + column]!;
    if (top === 0) throw new Error('The matrix has no inverse: it is singular.');
    for (const m of [a, out]) {
      for (let c = 0; c < n; c++) {
        const swapped = m[pivot * n + c]!;
        m[pivot * n + c] = m[column * n + c]!;
        m[column * n + c] = swapped / top;
      }
    }
    for (let row = 0; row < n; row++) {
      const factor = a[row * n + column]!;
      if (row === column || factor === 0) continue;
      for (const m of [a, out])
        for (let c = 0; c < n; c++) m[row * n + c]! -= factor * m[column * n + c]!;
    }
  }
  return out;
}
