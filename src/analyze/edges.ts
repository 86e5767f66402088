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
  /**
   * Chance that a strong connection of either sign is larger in magnitude than a pair that is not
   * connected.
   */
  readonly aurocMagnitude: number;
  /** Chance that a strong connection that excites ranks above a pair that is not connected. */
  readonly aurocExcitatory: number;
  /** Chance that a strong connection that inhibits ranks below a pair that is not connected. */
  readonly aurocInhibitory: number;
  /**
   * Among pairs with a strong connection in one direction and none in the other, the share whose
   * magnitudes the map orders correctly; ties count half.
   */
  readonly directionMagnitude: number;
  /**
   * Share of the strong connections whose weight has the sign of the map; a value of 0 counts half.
   * Undefined for a map whose sign is not that of an effect.
   */
  readonly signAccuracy?: number;
}

/**
 * All scores of one map [target x source].
 *
 * @param isSigned whether the map is above 0 where the source excites, and below where it inhibits
 */
export function scoreEdges(map: Float64Array, wiring: Wiring, isSigned: boolean): EdgeScores {
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
  const magnitudes = map.map(Math.abs);
  /** The chance for strong connections with weights of a sign, against unconnected pairs. */
  const aurocOf = (values: Float64Array, hasSign: (weight: number) => boolean) => {
    const compared = pairs.filter((pair) =>
      strong[pair] ? hasSign(weights[pair]!) : weights[pair] === 0,
    );
    return auroc(select(values, compared), select(strong, compared));
  };
  return {
    auroc: auroc(select(map, pairs), select(strong, pairs)),
    aurocWithin: auroc(select(map, pairsWithin), select(strong, pairsWithin)),
    direction: direction(map, neurons, strong, (pair) => !strong[pair]),
    hubRecall: hubRecall(map, wiring),
    r2: correlation(select(map, pairs), select(weights, pairs)) ** 2,
    spearman: correlation(ranks(select(map, pairs)), ranks(select(weights, pairs))),
    aurocMagnitude: aurocOf(magnitudes, () => true),
    aurocExcitatory: aurocOf(map, (weight) => weight > 0),
    aurocInhibitory: aurocOf(
      map.map((value) => -value),
      (weight) => weight < 0,
    ),
    directionMagnitude: direction(magnitudes, neurons, strong, (pair) => weights[pair] === 0),
    ...(isSigned && { signAccuracy: signAccuracy(map, wiring) }),
  };
}

function signAccuracy(map: Float64Array, { weights, strong }: Wiring): number {
  let [correct, pairs] = [0, 0];
  for (const [pair, isStrong] of strong.entries()) {
    if (!isStrong) continue;
    pairs += 1;
    if (map[pair] === 0) correct += 0.5;
    else if (Math.sign(map[pair]!) === Math.sign(weights[pair]!)) correct += 1;
  }
  return correct / pairs;
}

/** @param isAbsent whether a pair counts as not connected */
function direction(
  map: Float64Array,
  neurons: number,
  strong: Uint8Array,
  isAbsent: (pair: number) => boolean,
): number {
  let [correct, pairs] = [0, 0];
  for (let to = 0; to < neurons; to++) {
    for (let from = 0; from < neurons; from++) {
      const [forward, backward] = [to * neurons + from, from * neurons + to];
      if (!strong[forward] || !isAbsent(backward)) continue;
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
