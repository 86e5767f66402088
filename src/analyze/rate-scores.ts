/**
 * Scores of predicted spike counts: how much they tell about single spikes, and how well their mean
 * over repeats of a stimulus agrees with the recorded PSTH.
 *
 * Counts and predictions are one array per trial, [bins, neurons], row-major. A prediction is the
 * expected count of each bin and neuron, or the counts of a drawn trial.
 */

import { HostRandom } from '../math/random.js';
import { correlation, mean } from '../math/statistics.js';

/** Spike counts or expected counts of a trial: [bins, neurons]. */
export type TrialCounts = ArrayLike<number>;

/**
 * The mean count of each neuron per bin: [neurons]. A neuron without spikes counts as having fired
 * half a spike in all trials together, so that a spike in other trials is unlikely but not
 * impossible.
 *
 * @param trials the training trials
 */
export function meanCounts(trials: readonly TrialCounts[], neurons: number): Float64Array {
  const spikes = new Float64Array(neurons);
  let bins = 0;
  for (const trial of trials) {
    bins += binCount(trial, neurons);
    for (let n = 0; n < trial.length; n++) spikes[n % neurons]! += trial[n]!;
  }
  return spikes.map((count) => (count || 0.5) / bins);
}

/**
 * Expected counts with a share of the mean mixed in: (1 - share) * expected + share * mean. A spike
 * where a model expects none then costs it something finite.
 *
 * @param means mean counts of the training trials, [neurons]
 */
export function mixWithMean(
  expected: TrialCounts,
  means: Float64Array,
  share = 0.02,
): Float64Array {
  return Float64Array.from(
    expected,
    (value, n) => (1 - share) * value + share * means[n % means.length]!,
  );
}

/**
 * How much predictions tell about spikes beyond each neuron's mean rate, in bits per spike: the
 * Poisson log-likelihood of the counts n given the expected counts, minus that given the means,
 *
 *   sum over trials, bins and neurons of n log(expected / mean) - (expected - mean),
 *
 * divided by the number of spikes and by ln 2. NaN without spikes; -Infinity where a spike was
 * expected with 0.
 *
 * @param means mean counts of the training trials, [neurons], above 0: see `meanCounts`
 * @throws Error where trials differ in number or length, or a mean is not above 0
 */
export function bitsPerSpike(
  recorded: readonly TrialCounts[],
  expected: readonly TrialCounts[],
  means: Float64Array,
): number {
  const neurons = means.length;
  const silent = means.findIndex((value) => !(value > 0));
  if (silent >= 0)
    throw new Error(
      `The mean count of neuron ${silent} should be above 0, but is ${means[silent]}: compute the means with meanCounts.`,
    );
  if (recorded.length !== expected.length)
    throw new Error(
      `There are ${recorded.length} recorded trials but ${expected.length} predicted ones; there should be as many of each.`,
    );
  let [nats, spikes] = [0, 0];
  for (const [trial, counts] of recorded.entries()) {
    const rates = expected[trial]!;
    const bins = binCount(counts, neurons);
    if (rates.length !== counts.length)
      throw new Error(
        `Trial ${trial} has ${bins} recorded bins but ${rates.length / neurons} predicted ones; there should be as many of each.`,
      );
    for (let n = 0; n < counts.length; n++) {
      const [count, base] = [counts[n]!, means[n % neurons]!];
      nats += base - rates[n]!;
      if (count === 0) continue;
      nats += count * Math.log(rates[n]! / base);
      spikes += count;
    }
  }
  return spikes > 0 ? nats / spikes / Math.LN2 : Number.NaN;
}

/** How PSTHs are computed. */
export interface PsthBins {
  /** How many neurons there are. */
  readonly neurons: number;
  /** How many bins of the trials make one bin of the PSTH. */
  readonly group: number;
}

/** Agreement of predicted with recorded PSTHs. */
export interface PsthCorrelation {
  /** The mean over neurons; NaN where all are left out. */
  readonly mean: number;
  /** [neurons]; NaN for a neuron that is left out. */
  readonly perNeuron: Float64Array;
}

/**
 * The correlation over time of each neuron's predicted PSTH with the recorded one. A PSTH is the
 * mean over repeats of one stimulus.
 *
 * A neuron whose recorded PSTH is constant is left out, as it has nothing to predict. If only its
 * predicted PSTH is constant, its correlation counts as 0.
 *
 * @param predicted expected or drawn counts, of any number of repeats
 * @throws Error where trials differ in length
 */
export function psthCorrelation(
  predicted: readonly TrialCounts[],
  recorded: readonly TrialCounts[],
  bins: PsthBins,
): PsthCorrelation {
  const { neurons } = bins;
  const [p, q] = [psthColumns(predicted, bins), psthColumns(recorded, bins)];
  if (p[0]!.length !== q[0]!.length)
    throw new Error(
      `The predicted PSTH has ${p[0]!.length} bins but the recorded one ${q[0]!.length}: predict trials of the recorded length.`,
    );
  const perNeuron = Float64Array.from({ length: neurons }, (_, n) =>
    isConstant(q[n]!) ? Number.NaN : correlationOrZero(p[n]!, q[n]!),
  );
  return { mean: mean(perNeuron.filter((r) => !Number.isNaN(r))), perNeuron };
}

/** How well a PSTH can be predicted, given how much repeats differ. */
export interface PsthCeiling {
  /** Mean correlation of the PSTHs of two halves of the repeats. */
  readonly halves: number;
  /**
   * What the true rates would reach if as many trials were drawn from them as were recorded: the
   * correlation of the halves, extrapolated to all repeats by the formula of Spearman and Brown.
   */
  readonly drawn: number;
  /** What the true rates themselves, without the noise of drawing, would reach: sqrt(drawn). */
  readonly expected: number;
}

/**
 * The ceiling of `psthCorrelation`, from random halves of the repeats. Of an odd number of repeats,
 * each division leaves out one. Neurons are left out or count as 0 as in `psthCorrelation`; here,
 * those are left out whose PSTH over all repeats is constant.
 *
 * @param options.divisions how often repeats are divided; default 20
 * @param options.seed default 1
 * @throws Error where there are fewer than two repeats, or they differ in length
 */
export function splitHalfCeiling(
  recorded: readonly TrialCounts[],
  bins: PsthBins,
  { divisions = 20, seed = 1 }: { divisions?: number; seed?: number } = {},
): PsthCeiling {
  if (recorded.length < 2)
    throw new Error(
      `A ceiling needs two or more repeats of a stimulus, but there are ${recorded.length}.`,
    );
  const random = new HostRandom(seed);
  const varying = psthColumns(recorded, bins).flatMap((psth, n) => (isConstant(psth) ? [] : [n]));
  const size = Math.floor(recorded.length / 2);
  const correlations = Array.from({ length: divisions }, () => {
    const order = [...random.permutation(recorded.length)].map((index) => recorded[index]!);
    const a = psthColumns(order.slice(0, size), bins);
    const b = psthColumns(order.slice(size, 2 * size), bins);
    return mean(varying.map((n) => correlationOrZero(a[n]!, b[n]!)));
  });
  const halves = mean(correlations);
  const factor = recorded.length / size;
  const drawn = (factor * halves) / (1 + (factor - 1) * halves);
  return { halves, drawn, expected: Math.sqrt(Math.max(0, drawn)) };
}

/** Adds up every `group` consecutive bins; bins left over at the end are dropped. */
export function sumBins(trial: TrialCounts, { neurons, group }: PsthBins): Float64Array {
  const bins = Math.floor(binCount(trial, neurons) / group);
  const sums = new Float64Array(bins * neurons);
  for (let b = 0; b < bins * group; b++)
    for (let n = 0; n < neurons; n++)
      sums[Math.floor(b / group) * neurons + n]! += trial[b * neurons + n]!;
  return sums;
}

/**
 * The PSTH of each neuron, [bins], times the number of trials: undivided, sums of counts are exact,
 * so that a constant PSTH is recognized.
 */
function psthColumns(trials: readonly TrialCounts[], bins: PsthBins): Float64Array[] {
  const { neurons } = bins;
  const length = trials[0]?.length ?? 0;
  const sums = new Float64Array(length);
  for (const [index, trial] of trials.entries()) {
    if (trial.length !== length)
      throw new Error(
        `Repeats should be equally long, but trial ${index} has ${trial.length / neurons} bins and the first one ${length / neurons}.`,
      );
    for (let n = 0; n < length; n++) sums[n]! += trial[n]!;
  }
  const psth = sumBins(sums, bins);
  return Array.from({ length: neurons }, (_, n) =>
    Float64Array.from({ length: psth.length / neurons }, (_, b) => psth[b * neurons + n]!),
  );
}

/** The correlation of two lists, 0 where one of them is constant. */
function correlationOrZero(a: Float64Array, b: Float64Array): number {
  return isConstant(a) || isConstant(b) ? 0 : correlation(a, b);
}

function isConstant(values: Float64Array): boolean {
  return values.every((value) => value === values[0]);
}

/**
 * How many bins a trial has.
 *
 * @throws Error where the counts do not fill whole bins
 */
export function binCount(trial: TrialCounts, neurons: number): number {
  const bins = trial.length / neurons;
  if (!Number.isInteger(bins))
    throw new Error(
      `A trial has ${trial.length} counts, which does not fill bins of ${neurons} neurons: it should be [bins, neurons].`,
    );
  return bins;
}
