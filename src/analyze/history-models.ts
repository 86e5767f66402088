/**
 * Rates from repeats of a stimulus and from recent spikes, with a handful of weights that all
 * neurons share. A model of single trials should predict more than these do.
 */

import {
  fitMixture,
  type MixtureInputs,
  type MixtureWeights,
  mixtureRates,
} from './rate-mixture.js';
import { meanCounts, type TrialCounts } from './rate-scores.js';

/** What the trials are, and what rates depend on. */
export interface HistorySettings {
  /** How many neurons a trial has. */
  readonly neurons: number;
  /** Seconds per bin. */
  readonly bin: number;
  /**
   * Standard deviations of the Gaussians that smooth the PSTH, in seconds; there is one weight for
   * each. Default: 0.1, 0.2, 0.4, 0.8 and 1.6.
   */
  readonly widths?: readonly number[];
  /**
   * Time constants over which recent spikes are averaged, in seconds; there is one weight for each.
   * Default: 0.1, 0.4, 1.6 and 6.4.
   */
  readonly timeConstants?: readonly number[];
}

const WIDTHS = [0.1, 0.2, 0.4, 0.8, 1.6];
const TIME_CONSTANTS = [0.1, 0.4, 1.6, 6.4];

/** What rates depend on, besides the mean of each neuron. */
interface Parts {
  /** The neuron's PSTH over the training trials. */
  readonly psth: boolean;
  /** The neuron's own recent spikes. */
  readonly own: boolean;
  /** The recent spikes of all neurons together, as a gain. */
  readonly population: boolean;
}

/**
 * A PSTH: each neuron's mean count over repeats, smoothed by Gaussians of several widths, mixed
 * with its mean over time. The shares are fitted by maximum likelihood. Meanwhile each repeat is
 * predicted from the others, so that all of them serve for validation; in the end the PSTH is that
 * of all.
 *
 * @param trials repeats of one stimulus, [bins, neurons] each
 * @throws Error where there is only one repeat, or they differ in length
 */
export function fitPsth(
  trials: readonly TrialCounts[],
  settings: HistorySettings,
): Promise<HistoryModel> {
  return fitParts(trials, settings, { psth: true, own: false, population: false });
}

/**
 * A model of the spikes before each bin. A neuron's rate is a mixture of its mean and its own
 * recent counts, averaged over several time constants. With `population`, it is multiplied with
 * powers of the population's recent counts. With `psth`, the mixture includes the PSTH, as in
 * `fitPsth`. Each trial is predicted with the means of the others while weights are fitted.
 *
 * @param trials [bins, neurons] each; with `psth`, repeats of one stimulus
 * @throws Error where there is only one trial, or with `psth`, trials differ in length
 */
export function fitHistory(
  trials: readonly TrialCounts[],
  settings: HistorySettings,
  { psth = false, population = false }: { psth?: boolean; population?: boolean } = {},
): Promise<HistoryModel> {
  return fitParts(trials, settings, { psth, own: true, population });
}

async function fitParts(
  trials: readonly TrialCounts[],
  settings: HistorySettings,
  parts: Parts,
): Promise<HistoryModel> {
  if (trials.length < 2)
    throw new Error(
      `Rates are fitted to each trial from the others, so two or more trials are needed, but there are ${trials.length}.`,
    );
  const inputs = trials.map((counts, index) => {
    const others = trials.filter((_, other) => other !== index);
    const statistics = summarize(others, settings, parts);
    return { ...mixtureInputs(counts, statistics, settings, parts), counts };
  });
  const weights = await fitMixture(inputs, settings.neurons);
  return new HistoryModel(settings, parts, summarize(trials, settings, parts), weights);
}

/** A fitted PSTH or history model. */
export class HistoryModel {
  readonly #settings: HistorySettings;
  readonly #parts: Parts;
  readonly #statistics: Statistics;

  /**
   * @param fitted weights of the mean, of the PSTH of each width, of the own counts of each time
   *   constant; and powers of the population's counts of each time constant
   */
  constructor(
    settings: HistorySettings,
    parts: Parts,
    statistics: Statistics,
    readonly fitted: MixtureWeights,
  ) {
    this.#settings = settings;
    this.#parts = parts;
    this.#statistics = statistics;
  }

  /**
   * The expected count of each bin given the spikes in the bins before it: [bins, neurons].
   *
   * @throws Error where the model has a PSTH of another length
   */
  expectedCounts(trial: TrialCounts): Float64Array {
    const inputs = mixtureInputs(trial, this.#statistics, this.#settings, this.#parts);
    return mixtureRates(this.fitted, inputs, this.#settings.neurons);
  }
}

/** What the training trials say about each neuron. */
interface Statistics {
  /** [neurons] */
  readonly means: Float64Array;
  /** The PSTH, smoothed by each width: [bins, neurons]. */
  readonly psths: readonly Float64Array[];
}

function summarize(
  trials: readonly TrialCounts[],
  { neurons, bin, widths = WIDTHS }: HistorySettings,
  { psth }: Parts,
): Statistics {
  const means = meanCounts(trials, neurons);
  if (!psth) return { means, psths: [] };
  const average = new Float64Array(trials[0]!.length);
  for (const counts of trials) {
    checkLength(counts, average);
    for (let n = 0; n < average.length; n++) average[n]! += counts[n]! / trials.length;
  }
  return { means, psths: widths.map((width) => smooth(average, neurons, width / bin)) };
}

function checkLength(counts: TrialCounts, psth: Float64Array): void {
  if (counts.length !== psth.length)
    throw new Error(
      `A PSTH needs repeats of one length, but a trial has ${counts.length} counts and another one ${psth.length}.`,
    );
}

/** Smooths rows [bins, neurons] over the bins. Near the ends, the weights left are renormalized. */
function smooth(rows: Float64Array, neurons: number, width: number): Float64Array {
  const bins = rows.length / neurons;
  const reach = Math.ceil(3 * width);
  const smoothed = new Float64Array(rows.length);
  for (let t = 0; t < bins; t++) {
    const [first, last] = [Math.max(0, t - reach), Math.min(bins - 1, t + reach)];
    let total = 0;
    for (let s = first; s <= last; s++) total += Math.exp(-((s - t) ** 2) / (2 * width ** 2));
    for (let s = first; s <= last; s++) {
      const weight = Math.exp(-((s - t) ** 2) / (2 * width ** 2)) / total;
      for (let n = 0; n < neurons; n++)
        smoothed[t * neurons + n]! += weight * rows[s * neurons + n]!;
    }
  }
  return smoothed;
}

function mixtureInputs(
  counts: TrialCounts,
  { means, psths }: Statistics,
  { neurons, bin, timeConstants = TIME_CONSTANTS }: HistorySettings,
  { own, population }: Parts,
): MixtureInputs {
  for (const psth of psths) checkLength(counts, psth);
  const constant = Float64Array.from({ length: counts.length }, (_, n) => means[n % neurons]!);
  const recent = timeConstants.map((tau) => recentCounts(counts, means, Math.exp(-bin / tau)));
  return {
    features: [constant, ...psths, ...(own ? recent : [])],
    logGains: population ? recent.map((rows) => logPopulation(rows, means)) : [],
  };
}

/**
 * Counts per bin before each bin, averaged with weights that decay exponentially into the past:
 * [bins, neurons]. Before the first bin, every neuron is taken to have fired at its mean rate.
 *
 * @param decay of the weights, per bin
 */
function recentCounts(counts: TrialCounts, means: Float64Array, decay: number): Float64Array {
  const neurons = means.length;
  const recent = new Float64Array(counts.length);
  recent.set(means);
  for (let n = neurons; n < counts.length; n++)
    recent[n] = decay * recent[n - neurons]! + (1 - decay) * counts[n - neurons]!;
  return recent;
}

/** Keeps the logarithm of the population's counts finite while all neurons are silent. */
const SILENCE = 0.1;

/** The logarithm of the population's recent counts, relative to their mean: [bins]. */
function logPopulation(recent: Float64Array, means: Float64Array): Float64Array {
  const neurons = means.length;
  const average = means.reduce((sum, value) => sum + value, 0);
  return Float64Array.from({ length: recent.length / neurons }, (_, t) => {
    let sum = 0;
    for (let n = t * neurons; n < (t + 1) * neurons; n++) sum += recent[n]!;
    return Math.log((sum / average + SILENCE) / (1 + SILENCE));
  });
}
