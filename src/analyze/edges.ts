/**
 * Scores how well a map of pairs of neurons agrees with the true connections. Maps and weights are
 * [target x source]; their diagonals are ignored.
 */

/** The true connections of a network. */
export interface Wiring {
  /** How many neurons there are. */
  readonly neurons: number;
  /** [target x source] */
  readonly weights: Float64Array;
  /** 1 for the connections that a map should reveal, else 0: [target x source]. */
  readonly strong: Uint8Array;
  /** Ids of the hub neurons. */
  readonly hubs: readonly number[];
  /** The group of a neuron, if the network has groups. */
  readonly group?: (neuron: number) => number;
}

/** Agreement of a map with the true connections. */
export interface EdgeScores {
  /** Chance that a strong connection ranks above another pair, over all pairs. */
  readonly auroc: number;
  /** The same over pairs within a group. */
  readonly aurocWithin: number;
  /**
   * Among pairs with one strong direction, the share that the map orders correctly; ties count
   * half.
   */
  readonly direction: number;
  /**
   * Share of the hubs among the sources with the largest column sums, as many sources as there are
   * hubs.
   */
  readonly hubRecall: number;
  /** Squared Pearson correlation with the weights. */
  readonly r2: number;
  /** Spearman's rank correlation with the weights. */
  readonly spearman: number;
}

/** All scores of one map [target x source]. */
export function scoreEdges(map: Float64Array, wiring: Wiring): EdgeScores {
  const { neurons, weights, strong, group } = wiring;
  const pairs: number[] = [];
  for (let pair = 0; pair < map.length; pair++)
    if (Math.floor(pair / neurons) !== pair % neurons) pairs.push(pair);
  const pairsWithin = pairs.filter(
    (pair) => !group || group(Math.floor(pair / neurons)) === group(pair % neurons),
  );
  const select = (values: ArrayLike<number>, indices: readonly number[]) =>
    Float64Array.from(indices, (index) => values[index]!);
  return {
    auroc: auroc(select(map, pairs), select(strong, pairs)),
    aurocWithin: auroc(select(map, pairsWithin), select(strong, pairsWithin)),
    direction: direction(map, wiring),
    hubRecall: hubRecall(map, wiring),
    r2: correlation(select(map, pairs), select(weights, pairs)) ** 2,
    spearman: correlation(ranks(select(map, pairs)), ranks(select(weights, pairs))),
  };
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

function direction(map: Float64Array, { neurons, strong }: Wiring): number {
  let [correct, pairs] = [0, 0];
  for (let to = 0; to < neurons; to++) {
    for (let from = 0; from < neurons; from++) {
      const [forward, backward] = [to * neurons + from, from * neurons + to];
      if (!strong[forward] || strong[backward]) continue;
      pairs += 1;
      if (map[forward]! > map[backward]!) correct += 1;
      else if (map[forward] === map[backward]) correct += 0.5;
    }
  }
  return correct / pairs;
}

function hubRecall(map: Float64Array, { neurons, hubs }: Wiring): number {
  const sums = Array.from({ length: neurons }, (_, from) => {
    let sum = 0;
    for (let to = 0; to < neurons; to++) if (to !== from) sum += map[to * neurons + from]!;
    return { from, sum };
  });
  sums.sort((p, q) => q.sum - p.sum);
  const recalled = sums.slice(0, hubs.length).filter(({ from }) => hubs.includes(from));
  return recalled.length / hubs.length;
}
