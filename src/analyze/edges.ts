/** How well a map of pairs agrees with a true wiring. Maps and weights are [target x source], diagonals ignored. */

export interface Wiring {
  readonly neurons: number;
  readonly weights: Float64Array;
  /** Flags of the edges to be found. */
  readonly strong: Uint8Array;
  readonly hubs: readonly number[];
  /** Group of each neuron, if the network has groups. */
  readonly group?: (neuron: number) => number;
}

export interface EdgeScores {
  /** Chance that a strong edge ranks above another pair: all pairs, and pairs within a group. */
  readonly auroc: number;
  readonly aurocWithin: number;
  /** Share of pairs wired one way only that the map orders right; ties count half. */
  readonly direction: number;
  /** Share of the hubs among as many sources with the largest column sums. */
  readonly hubRecall: number;
  /** Squared Pearson correlation with the weights, and Spearman's rank correlation. */
  readonly r2: number;
  readonly spearman: number;
}

/** Every score of one map. */
export function scoreEdges(map: Float64Array, wiring: Wiring): EdgeScores {
  const { neurons, weights, strong, group } = wiring;
  const pairs: number[] = [];
  for (let at = 0; at < map.length; at++)
    if (Math.floor(at / neurons) !== at % neurons) pairs.push(at);
  const within = pairs.filter(
    (at) => !group || group(Math.floor(at / neurons)) === group(at % neurons),
  );
  const of = (values: ArrayLike<number>, places: readonly number[]) =>
    Float64Array.from(places, (at) => values[at]!);
  return {
    auroc: auroc(of(map, pairs), of(strong, pairs)),
    aurocWithin: auroc(of(map, within), of(strong, within)),
    direction: direction(map, wiring),
    hubRecall: hubRecall(map, wiring),
    r2: correlation(of(map, pairs), of(weights, pairs)) ** 2,
    spearman: correlation(ranks(of(map, pairs)), ranks(of(weights, pairs))),
  };
}

/** Ranks from 1, ties sharing the mean of theirs. */
export function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, n) => n);
  order.sort((p, q) => values[p]! - values[q]!);
  const found = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end += 1;
    for (let n = start; n < end; n++) found[order[n]!] = (start + end + 1) / 2;
    start = end;
  }
  return found;
}

/** The area under the ROC curve, by the rank sum of Mann and Whitney; NaN where one class is empty. */
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

/** Pearson's correlation of two lists; NaN where one of them does not vary. */
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
  let [right, pairs] = [0, 0];
  for (let to = 0; to < neurons; to++) {
    for (let from = 0; from < neurons; from++) {
      const [there, back] = [to * neurons + from, from * neurons + to];
      if (!strong[there] || strong[back]) continue;
      pairs += 1;
      if (map[there]! > map[back]!) right += 1;
      else if (map[there] === map[back]) right += 0.5;
    }
  }
  return right / pairs;
}

function hubRecall(map: Float64Array, { neurons, hubs }: Wiring): number {
  const sums = Array.from({ length: neurons }, (_, from) => {
    let sum = 0;
    for (let to = 0; to < neurons; to++) if (to !== from) sum += map[to * neurons + from]!;
    return { from, sum };
  });
  sums.sort((p, q) => q.sum - p.sum);
  const top = sums.slice(0, hubs.length).filter(({ from }) => hubs.includes(from));
  return top.length / hubs.length;
}
