/** Correlations of spike counts for every pair of neurons: Pearson, lagged and partial. */

/**
 * Spike counts in time bins, stored without the zeros: bin b has the entries starts[b] up to
 * starts[b + 1].
 */
export interface SparseCounts {
  /** How many neurons there are. */
  readonly neurons: number;
  /** How many bins there are. */
  readonly bins: number;
  /** [bins + 1] */
  readonly starts: Uint32Array;
  /** The neuron of each entry, ascending within a bin. */
  readonly ids: Int32Array;
  /** The count of each entry, above 0. */
  readonly values: Float64Array;
}

/**
 * Counts spikes in bins.
 *
 * @param spikes the bin of each spike, one ascending list per neuron; spikes past the last bin are
 *   ignored
 * @param bins how many bins there are
 */
export function spikeCounts(spikes: readonly ArrayLike<number>[], bins: number): SparseCounts {
  const starts = new Uint32Array(bins + 1);
  const forEachEntry = (visit: (bin: number, neuron: number, count: number) => void) => {
    for (const [neuron, list] of spikes.entries()) {
      for (let n = 0; n < list.length; ) {
        const bin = list[n]!;
        const first = n;
        while (n < list.length && list[n] === bin) n += 1;
        if (bin < bins) visit(bin, neuron, n - first);
      }
    }
  };
  forEachEntry((bin) => {
    starts[bin + 1]! += 1;
  });
  for (let b = 0; b < bins; b++) starts[b + 1]! += starts[b]!;
  const ids = new Int32Array(starts[bins]!);
  const values = new Float64Array(starts[bins]!);
  const next = starts.slice();
  forEachEntry((bin, neuron, count) => {
    const entry = next[bin]!++;
    ids[entry] = neuron;
    values[entry] = count;
  });
  return { neurons: spikes.length, bins, starts, ids, values };
}

/**
 * Counts the spikes of trials in bins, with the bins of all trials joined one after the other.
 *
 * @param trials spike times in seconds, one ascending list per neuron, and the duration in seconds
 * @param width of a bin, seconds
 */
export function binTrials(
  trials: readonly { times: readonly ArrayLike<number>[]; duration: number }[],
  width: number,
): SparseCounts {
  const spikes = trials[0]!.times.map((): number[] => []);
  let offset = 0;
  for (const { times, duration } of trials) {
    const length = Math.floor(duration / width + 1e-9);
    for (const [neuron, train] of times.entries()) {
      for (let n = 0; n < train.length; n++) {
        const bin = Math.floor(train[n]! / width + 1e-9);
        if (bin < length) spikes[neuron]!.push(offset + bin);
      }
    }
    offset += length;
  }
  return spikeCounts(spikes, offset);
}

/** Mean and standard deviation of each neuron's counts. */
function moments({ neurons, bins, ids, values }: SparseCounts): { mean: number; spread: number }[] {
  const sums = new Float64Array(neurons);
  const squares = new Float64Array(neurons);
  for (const [entry, neuron] of ids.entries()) {
    sums[neuron]! += values[entry]!;
    squares[neuron]! += values[entry]! ** 2;
  }
  return Array.from(sums, (sum, n) => {
    const mean = sum / bins;
    return { mean, spread: Math.sqrt(Math.max(0, squares[n]! / bins - mean * mean)) };
  });
}

/**
 * Pearson correlation of every pair: [neurons x neurons]. It is 0 on the diagonal, and for neurons
 * whose count never changes.
 */
export function pearsonCorrelations(counts: SparseCounts): Float64Array {
  return laggedCorrelations(counts, [0]);
}

/** The value that is further from 0; the first of two that are equally far. */
export function furthestFromZero(a: number, b: number): number {
  return Math.abs(b) > Math.abs(a) ? b : a;
}

/**
 * One of the correlations, over several lags, of a target with a source that precedes it:
 * [target x source], with 0 on the diagonal.
 *
 * Only bins with spikes are visited, so narrow bins are cheap. Means and spreads are those of the
 * whole recording.
 *
 * @param lags bins by which the source precedes the target
 * @param choose which of two lags' correlations counts. Default: the larger one.
 */
export function laggedCorrelations(
  counts: SparseCounts,
  lags: readonly number[],
  choose: (a: number, b: number) => number = Math.max,
): Float64Array {
  const { neurons, bins, starts, ids, values } = counts;
  const stats = moments(counts);
  const chosen = new Float64Array(neurons * neurons);
  for (const [n, lag] of lags.entries()) {
    const products = new Float64Array(neurons * neurons);
    for (let b = lag; b < bins; b++) {
      for (let to = starts[b]!; to < starts[b + 1]!; to++) {
        const row = ids[to]! * neurons;
        for (let from = starts[b - lag]!; from < starts[b - lag + 1]!; from++)
          products[row + ids[from]!]! += values[to]! * values[from]!;
      }
    }
    for (let pair = 0; pair < products.length; pair++) {
      const [target, source] = [stats[Math.floor(pair / neurons)]!, stats[pair % neurons]!];
      const spread = target.spread * source.spread;
      const covariance = products[pair]! / (bins - lag) - target.mean * source.mean;
      const r = spread > 0 ? covariance / spread : 0;
      chosen[pair] = n === 0 ? r : choose(chosen[pair]!, r);
    }
  }
  for (let n = 0; n < neurons; n++) chosen[n * neurons + n] = 0;
  return chosen;
}

/**
 * Partial correlation of every pair given all other neurons, from the inverse of the correlation
 * matrix: [neurons x neurons], with 0 on the diagonal.
 */
export function partialCorrelations(counts: SparseCounts): Float64Array {
  const { neurons } = counts;
  const matrix = pearsonCorrelations(counts);
  // Neurons that never fire, or fire alike, would make the matrix singular. A ridge of a thousandth
  // prevents that.
  for (let n = 0; n < neurons; n++) matrix[n * neurons + n] = 1.001;
  const precision = invertMatrix(matrix, neurons);
  return precision.map((p, pair) => {
    const [i, j] = [Math.floor(pair / neurons), pair % neurons];
    if (i === j) return 0;
    // The matrix is symmetric except for rounding. The mean keeps rounding from favoring a
    // direction.
    const symmetric = (p + precision[j * neurons + i]!) / 2;
    return -symmetric / Math.sqrt(precision[i * neurons + i]! * precision[j * neurons + j]!);
  });
}

/**
 * The inverse of a matrix [n x n], by Gauss-Jordan elimination with partial pivoting.
 *
 * @throws Error for a singular matrix
 */
export function invertMatrix(matrix: Float64Array, n: number): Float64Array {
  const left = matrix.slice();
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i++) inverse[i * n + i] = 1;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column + 1; row < n; row++)
      if (Math.abs(left[row * n + column]!) > Math.abs(left[pivot * n + column]!)) pivot = row;
    const divisor = left[pivot * n + column]!;
    if (divisor === 0) throw new Error('The matrix has no inverse: it is singular.');
    for (const m of [left, inverse]) {
      for (let c = 0; c < n; c++) {
        const swapped = m[pivot * n + c]!;
        m[pivot * n + c] = m[column * n + c]!;
        m[column * n + c] = swapped / divisor;
      }
    }
    for (let row = 0; row < n; row++) {
      const factor = left[row * n + column]!;
      if (row === column || factor === 0) continue;
      for (const m of [left, inverse])
        for (let c = 0; c < n; c++) m[row * n + c]! -= factor * m[column * n + c]!;
    }
  }
  return inverse;
}
