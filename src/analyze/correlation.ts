/** What can be read from spike counts alone: Pearson, lagged and partial correlation of every pair of neurons. */

/** Spike counts in bins, only those that are not zero: bin b holds entries starts[b] up to starts[b + 1]. */
export interface Counts {
  readonly neurons: number;
  readonly bins: number;
  readonly starts: Uint32Array;
  /** Rising within a bin. */
  readonly ids: Int32Array;
  readonly values: Float64Array;
}

/** Counts from the bins of each neuron's spikes, rising; a bin past the last is left out. */
export function spikeCounts(spikes: readonly ArrayLike<number>[], bins: number): Counts {
  const starts = new Uint32Array(bins + 1);
  const forEach = (visit: (bin: number, neuron: number, count: number) => void) => {
    for (const [neuron, own] of spikes.entries()) {
      for (let n = 0; n < own.length; ) {
        const bin = own[n]!;
        const first = n;
        while (n < own.length && own[n] === bin) n += 1;
        if (bin < bins) visit(bin, neuron, n - first);
      }
    }
  };
  forEach((bin) => {
    starts[bin + 1]! += 1;
  });
  for (let b = 0; b < bins; b++) starts[b + 1]! += starts[b]!;
  const ids = new Int32Array(starts[bins]!);
  const values = new Float64Array(starts[bins]!);
  const next = starts.slice();
  forEach((bin, neuron, count) => {
    const at = next[bin]!++;
    ids[at] = neuron;
    values[at] = count;
  });
  return { neurons: spikes.length, bins, starts, ids, values };
}

/** Counts of trials one after the other, in bins of `width` seconds; times are seconds, rising, of each neuron. */
export function countTrials(
  trials: readonly { times: readonly ArrayLike<number>[]; duration: number }[],
  width: number,
): Counts {
  const spikes = trials[0]!.times.map((): number[] => []);
  let start = 0;
  for (const { times, duration } of trials) {
    const length = Math.floor(duration / width + 1e-9);
    for (const [neuron, own] of times.entries()) {
      for (let n = 0; n < own.length; n++) {
        const bin = Math.floor(own[n]! / width + 1e-9);
        if (bin < length) spikes[neuron]!.push(start + bin);
      }
    }
    start += length;
  }
  return spikeCounts(spikes, start);
}

/** Mean and spread of each neuron's counts. */
function moments({ neurons, bins, ids, values }: Counts): { mean: number; spread: number }[] {
  const sums = new Float64Array(neurons);
  const squares = new Float64Array(neurons);
  for (const [at, neuron] of ids.entries()) {
    sums[neuron]! += values[at]!;
    squares[neuron]! += values[at]! ** 2;
  }
  return Array.from(sums, (sum, n) => {
    const mean = sum / bins;
    return { mean, spread: Math.sqrt(Math.max(0, squares[n]! / bins - mean * mean)) };
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
  const { neurons, bins, starts, ids, values } = counts;
  const stats = moments(counts);
  const found = new Float64Array(neurons * neurons).fill(Number.NEGATIVE_INFINITY);
  for (const lag of lags) {
    const products = new Float64Array(neurons * neurons);
    for (let b = lag; b < bins; b++) {
      for (let to = starts[b]!; to < starts[b + 1]!; to++) {
        const row = ids[to]! * neurons;
        for (let from = starts[b - lag]!; from < starts[b - lag + 1]!; from++)
          products[row + ids[from]!]! += values[to]! * values[from]!;
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
