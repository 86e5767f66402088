/** The Poisson likelihood of a GLM and its gradient, neuron by neuron. */

import { addTransposedTimes } from './film-products.js';
import {
  addSpikes,
  type DesignSettings,
  type DesignTrial,
  type GlmWeights,
  stimulusDrive,
} from './glm-design.js';

/** How many weights a neuron has: one for the bias, then those of the film and of the history. */
export function weightsPerNeuron({ neurons, film, lags }: DesignSettings): number {
  return 1 + (film?.columns ?? 0) + lags.length * neurons;
}

/**
 * The parts of a matrix of weights, without copying.
 *
 * @param joined [weights of a neuron, neurons whose rates they give]
 */
export function splitWeights(joined: Float64Array, settings: DesignSettings): GlmWeights {
  const targets = joined.length / weightsPerNeuron(settings);
  const end = targets * (1 + (settings.film?.columns ?? 0));
  return {
    bias: joined.subarray(0, targets),
    film: joined.subarray(targets, end),
    history: joined.subarray(end),
  };
}

/** The logarithms of the rates in all bins of a trial, given its spikes: [bins, targets]. */
export function logRates(
  weights: GlmWeights,
  { counts, spikes, film }: DesignTrial,
  settings: DesignSettings,
): Float64Array {
  const { neurons, lags } = settings;
  const bins = counts.length / neurons;
  const rates = stimulusDrive(weights, film, bins);
  const range = { start: 0, end: bins, logRates: rates };
  if (lags.length > 0)
    for (const n of spikes) {
      const [bin, neuron] = [Math.floor(n / neurons), n % neurons];
      addSpikes(range, { bin, neuron, count: counts[n]! }, weights, settings);
    }
  return rates;
}

/** Some of the neurons, and the weights that give their rates. */
export interface TargetWeights {
  /** The neurons, by index: [targets]. */
  readonly targets: readonly number[];
  /** [weights of a neuron, targets] */
  readonly joined: Float64Array;
}

/**
 * Minus the Poisson log-likelihood of each target's counts in a trial, without its constant:
 * [targets].
 *
 * @param gradient the derivatives by the weights are added to it, where it is given: [weights of a
 *   neuron, targets]
 */
export function poissonLosses(
  { targets, joined }: TargetWeights,
  trial: DesignTrial,
  settings: DesignSettings,
  gradient?: Float64Array,
): Float64Array {
  const rates = logRates(splitWeights(joined, settings), trial, settings);
  const { counts } = trial;
  const { neurons } = settings;
  const losses = new Float64Array(targets.length);
  // From here on, `rates` holds rate - count: the derivative by the logarithm of the rate.
  for (let row = 0, n = 0; n < rates.length; row += neurons)
    for (let k = 0; k < targets.length; k++, n++) {
      const [logRate, count] = [rates[n]!, counts[row + targets[k]!]!];
      const rate = Math.exp(logRate);
      losses[k]! += rate - count * logRate;
      rates[n] = rate - count;
    }
  if (gradient) addGradient(splitWeights(gradient, settings), rates, trial, settings);
  return losses;
}

/** @param excess rate - count: [bins, targets] */
function addGradient(
  gradient: GlmWeights,
  excess: Float64Array,
  { counts, spikes, film }: DesignTrial,
  { neurons, lags }: DesignSettings,
): void {
  const targets = gradient.bias.length;
  const bins = excess.length / targets;
  for (let t = 0; t < bins; t++)
    for (let i = 0; i < targets; i++) gradient.bias[i]! += excess[t * targets + i]!;
  if (film) {
    const perFrame = new Float64Array(film.rows.starts.length * targets);
    for (let t = 0; t < bins; t++) {
      const [frame, row] = [film.onShow[t]! * targets, t * targets];
      for (let i = 0; i < targets; i++) perFrame[frame + i]! += excess[row + i]!;
    }
    addTransposedTimes(film.rows, perFrame, targets, gradient.film);
  }
  for (const n of spikes) {
    const [bin, neuron, count] = [Math.floor(n / neurons), n % neurons, counts[n]!];
    for (const [group, [first, last]] of lags.entries()) {
      const out = (group * neurons + neuron) * targets;
      for (let t = bin + first; t <= Math.min(bins - 1, bin + last); t++)
        for (let i = 0; i < targets; i++)
          gradient.history[out + i]! += count * excess[t * targets + i]!;
    }
  }
}
