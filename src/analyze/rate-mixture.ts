/**
 * Rates that are a mixture of a few features, such as the mean rate and the PSTH, times powers of
 * gains that all neurons share:
 *
 *   expected[t, i] = sum_f weight_f feature_f[t, i] * product_g gain_g[t]^power_g
 *
 * Weights and powers are the same for all neurons, so that all spikes together determine a handful
 * of numbers.
 */

import { minimize } from './lbfgs.js';
import type { TrialCounts } from './rate-scores.js';

/** What the expected counts of a trial are computed from. */
export interface MixtureInputs {
  /** [bins, neurons] each, row-major; counts per bin, not negative, and above 0 in at least one. */
  readonly features: readonly ArrayLike<number>[];
  /** The logarithm of each gain: [bins]. */
  readonly logGains: readonly ArrayLike<number>[];
}

/** The numbers that all neurons share. */
export interface MixtureWeights {
  /** One per feature, above 0. */
  readonly weights: readonly number[];
  /** One per gain. */
  readonly powers: readonly number[];
}

/** A trial to fit on. */
export interface MixtureTrial extends MixtureInputs {
  /** [bins, neurons] */
  readonly counts: TrialCounts;
}

/**
 * Fits weights and powers by maximum Poisson likelihood of the counts.
 *
 * @throws MinimizeError where a feature or a gain is not finite
 */
export async function fitMixture(
  trials: readonly MixtureTrial[],
  neurons: number,
): Promise<MixtureWeights> {
  const { features, logGains } = trials[0]!;
  // The variables are the logarithms of the weights, which so stay above 0, and the powers.
  const start = new Float64Array(features.length + logGains.length);
  start.fill(-Math.log(features.length), 0, features.length);
  const split = (point: Float64Array): MixtureWeights => ({
    weights: Array.from(point.subarray(0, features.length), Math.exp),
    powers: [...point.subarray(features.length)],
  });
  const spikes = trials.reduce((sum, { counts }) => sum + total(counts), 0);
  const { point } = await minimize(
    (point) => {
      const gradient = new Float64Array(point.length);
      const parts = split(point);
      const values = trials.map((trial) => addLoss(parts, trial, neurons, gradient));
      const scale = 1 / Math.max(1, spikes);
      return { value: scale * total(values), gradient: gradient.map((slope) => scale * slope) };
    },
    start,
    { tolerance: 1e-5 },
  );
  return split(point);
}

/** The expected counts of a trial: [bins, neurons]. */
export function mixtureRates(
  { weights, powers }: MixtureWeights,
  { features, logGains }: MixtureInputs,
  neurons: number,
): Float64Array {
  return Float64Array.from({ length: features[0]!.length }, (_, n) => {
    const gain = gainAt(powers, logGains, Math.floor(n / neurons));
    return gain * weights.reduce((sum, weight, f) => sum + weight * features[f]![n]!, 0);
  });
}

/** The product of the gains' powers in a bin. */
function gainAt(
  powers: readonly number[],
  logGains: readonly ArrayLike<number>[],
  bin: number,
): number {
  let sum = 0;
  for (let g = 0; g < powers.length; g++) sum += powers[g]! * logGains[g]![bin]!;
  return Math.exp(sum);
}

/**
 * Minus the Poisson log-likelihood of a trial's counts, without its constant; its derivatives by
 * log weights and powers are added to `gradient`.
 */
function addLoss(
  { weights, powers }: MixtureWeights,
  { features, logGains, counts }: MixtureTrial,
  neurons: number,
  gradient: Float64Array,
): number {
  let loss = 0;
  for (let t = 0; t < counts.length / neurons; t++) {
    const gain = gainAt(powers, logGains, t);
    // Sum over neurons of expected - count: the derivative by the logarithm of the gain.
    let excess = 0;
    for (let n = t * neurons; n < (t + 1) * neurons; n++) {
      let mixture = 0;
      for (let f = 0; f < weights.length; f++) mixture += weights[f]! * features[f]![n]!;
      const expected = gain * mixture;
      const count = counts[n]!;
      loss += expected;
      if (count > 0) loss -= count * Math.log(expected);
      excess += expected - count;
      const slope = (expected - count) / mixture;
      for (let f = 0; f < weights.length; f++)
        gradient[f]! += slope * weights[f]! * features[f]![n]!;
    }
    for (let g = 0; g < powers.length; g++)
      gradient[weights.length + g]! += excess * logGains[g]![t]!;
  }
  return loss;
}

function total(values: ArrayLike<number>): number {
  let sum = 0;
  for (let n = 0; n < values.length; n++) sum += values[n]!;
  return sum;
}
