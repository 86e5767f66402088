/** The Poisson likelihood of a GLM and its gradient. */

import { addTransposedTimes } from './film-products.js';
import {
  addSpikes,
  type DesignSettings,
  type DesignTrial,
  type GlmWeights,
  stimulusDrive,
} from './glm-design.js';

/**
 * The parts of a vector of all weights, without copying: first the bias, then the film, then the
 * history.
 */
export function splitWeights(joined: Float64Array, settings: DesignSettings): GlmWeights {
  const { neurons, film } = settings;
  const end = neurons * (1 + (film?.columns ?? 0));
  return {
    bias: joined.subarray(0, neurons),
    film: joined.subarray(neurons, end),
    history: joined.subarray(end),
  };
}

/** How many weights there are. */
export function weightCount({ neurons, film, lags }: DesignSettings): number {
  return neurons * (1 + (film?.columns ?? 0) + lags.length * neurons);
}

/** The logarithms of the rates in all bins of a trial, given its spikes: [bins, neurons]. */
export function logRates(
  weights: GlmWeights,
  { counts, spikes, film }: DesignTrial,
  { neurons, lags }: DesignSettings,
): Float64Array {
  const bins = counts.length / neurons;
  const rates = stimulusDrive(weights, film, bins);
  const range = { start: 0, end: bins, logRates: rates };
  if (lags.length > 0)
    for (const n of spikes) {
      const [bin, neuron] = [Math.floor(n / neurons), n % neurons];
      addSpikes(range, { bin, neuron, count: counts[n]! }, weights, lags);
    }
  return rates;
}

/**
 * Minus the Poisson log-likelihood of a trial's counts, without its constant. The gradient by the
 * weights is added to `gradient`, where it is given.
 */
export function poissonLoss(
  weights: GlmWeights,
  trial: DesignTrial,
  settings: DesignSettings,
  gradient?: GlmWeights,
): number {
  const rates = logRates(weights, trial, settings);
  const { counts } = trial;
  let loss = 0;
  // From here on, `rates` holds rate - count: the derivative by the logarithm of the rate.
  for (let n = 0; n < rates.length; n++) {
    const [logRate, count] = [rates[n]!, counts[n]!];
    const rate = Math.exp(logRate);
    loss += rate - count * logRate;
    rates[n] = rate - count;
  }
  if (gradient) addGradient(gradient, rates, trial, settings);
  return loss;
}

/** @param excess rate - count: [bins, neurons] */
function addGradient(
  gradient: GlmWeights,
  excess: Float64Array,
  { counts, spikes, film }: DesignTrial,
  { neurons, lags }: DesignSettings,
): void {
  const bins = counts.length / neurons;
  for (let n = 0; n < excess.length; n++) gradient.bias[n % neurons]! += excess[n]!;
  if (film) {
    const perFrame = new Float64Array(film.rows.starts.length * neurons);
    for (let t = 0; t < bins; t++) {
      const [frame, row] = [film.onShow[t]! * neurons, t * neurons];
      for (let i = 0; i < neurons; i++) perFrame[frame + i]! += excess[row + i]!;
    }
    addTransposedTimes(film.rows, perFrame, neurons, gradient.film);
  }
  for (const n of spikes) {
    const [bin, neuron, count] = [Math.floor(n / neurons), n % neurons, counts[n]!];
    for (const [group, [first, last]] of lags.entries()) {
      const out = (group * neurons + neuron) * neurons;
      for (let t = bin + first; t <= Math.min(bins - 1, bin + last); t++)
        for (let i = 0; i < neurons; i++)
          gradient.history[out + i]! += count * excess[t * neurons + i]!;
    }
  }
}
