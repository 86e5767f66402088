/**
 * Scores how well a map of pairs of neurons agrees with the true connections. Maps and weights are
 * [target x source]; their diagonals are ignored.
 */

import { auroc, correlation, ranks } from '../math/statistics.js';
import { neuronGroup, type Wiring } from '../simulate/truth.js';

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
   * hubs; NaN where no hubs are known.
   */
  readonly hubRecall: number;
  /** Squared Pearson correlation with the weights. */
  readonly r2: number;
  /** Spearman's rank correlation with the weights. */
  readonly spearman: number;
}

/** All scores of one map [target x source]. */
export function scoreEdges(map: Float64Array, wiring: Wiring): EdgeScores {
  const { neurons, weights, strong, groups } = wiring;
  const pairs: number[] = [];
  for (let pair = 0; pair < map.length; pair++)
    if (Math.floor(pair / neurons) !== pair % neurons) pairs.push(pair);
  const group = (neuron: number) => neuronGroup(neuron, neurons, groups);
  const pairsWithin = pairs.filter(
    (pair) => group(Math.floor(pair / neurons)) === group(pair % neurons),
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
