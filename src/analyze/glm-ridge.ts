/** Fits a Poisson GLM with given strengths of its ridge penalty. */

import { choleskyFactor, choleskySolve } from '../math/cholesky.js';
import type { DesignSettings, DesignTrial } from './glm-design.js';
import { poissonLoss, splitWeights, weightCount } from './glm-loss.js';
import { type Evaluation, minimize } from './lbfgs.js';

/**
 * Strengths of the ridge penalty: half the strength times the squared weight is added to minus the
 * log-likelihood. A strength is thus the inverse variance of a Gaussian prior.
 */
export interface RidgeStrengths {
  /** Of the film, whose weights are per standard deviation over the training films. */
  readonly film: number;
  /** Of a neuron's own spikes, whose weights are per spike. */
  readonly own: number;
  /** Of other neurons' spikes, whose weights are per spike. */
  readonly coupling: number;
}

/** How to fit. */
export interface RidgeOptions {
  /** The weights to start from, as `splitWeights` orders them. */
  readonly start: Float64Array;
  /**
   * Ends where no derivative of the loss by a weight is larger than this share of all spikes.
   * Default 1e-4: bits a spike of a simulated recording are those of 1e-5 within 2e-4.
   */
  readonly tolerance?: number | undefined;
  /** Called before each computation of the likelihood; an error that it throws ends the fit. */
  readonly beforeEach?: () => void;
}

/**
 * The weights that minimize minus the log-likelihood plus the penalty, as `splitWeights` orders
 * them, by L-BFGS. Its initial matrix is the inverse of the Hessian that constant rates would have,
 * so that a few dozen computations of the likelihood are enough.
 *
 * @throws Error where a strength is not above 0
 */
export async function fitRidgeGlm(
  trials: readonly DesignTrial[],
  settings: DesignSettings,
  strengths: RidgeStrengths,
  { start, tolerance = 1e-4, beforeEach }: RidgeOptions,
): Promise<Float64Array> {
  for (const [group, strength] of Object.entries(strengths))
    if (!(strength > 0) || !Number.isFinite(strength))
      throw new Error(
        `The strength of the penalty (${group}) should be above 0, but is ${strength}.`,
      );
  const penalties = weightPenalties(settings, strengths);
  const spikes = spikesPerNeuron(trials, settings.neurons);
  const total = spikes.reduce((sum, count) => sum + count, 0);
  const { point } = await minimize(
    (point) => {
      beforeEach?.();
      return penalizedLoss(point, trials, settings, penalties);
    },
    start,
    {
      maxIterations: 500,
      tolerance: tolerance * Math.max(1, total),
      precondition: inverseHessian(trials, settings, penalties, spikes),
    },
  );
  return point;
}

/** Minus the log-likelihood plus the penalty, and its gradient. */
function penalizedLoss(
  point: Float64Array,
  trials: readonly DesignTrial[],
  settings: DesignSettings,
  penalties: Float64Array,
): Evaluation {
  const gradient = new Float64Array(point.length);
  const weights = splitWeights(point, settings);
  const slopes = splitWeights(gradient, settings);
  let value = 0;
  for (const trial of trials) value += poissonLoss(weights, trial, settings, slopes);
  for (let n = 0; n < point.length; n++) {
    value += (penalties[n]! * point[n]! ** 2) / 2;
    gradient[n]! += penalties[n]! * point[n]!;
  }
  return { value, gradient };
}

/** The strength of the penalty of each weight; 0 for the bias. */
function weightPenalties(
  settings: DesignSettings,
  { film, own, coupling }: RidgeStrengths,
): Float64Array {
  const { neurons } = settings;
  const penalties = new Float64Array(weightCount(settings));
  const parts = splitWeights(penalties, settings);
  parts.film.fill(film);
  for (let n = 0; n < parts.history.length; n++) {
    const [source, target] = [Math.floor(n / neurons) % neurons, n % neurons];
    parts.history[n] = source === target ? own : coupling;
  }
  return penalties;
}

function spikesPerNeuron(trials: readonly DesignTrial[], neurons: number): Float64Array {
  const totals = new Float64Array(neurons);
  for (const { counts, spikes } of trials)
    for (const n of spikes) totals[n % neurons]! += counts[n]!;
  return totals;
}

/**
 * Multiplies a gradient with the inverse of the Hessian at constant rates, in which a neuron's
 * spikes stand for the sum of its rates: in full for bias and film, and by its diagonal for the
 * history, whose columns are nearly independent.
 */
function inverseHessian(
  trials: readonly DesignTrial[],
  settings: DesignSettings,
  penalties: Float64Array,
  spikes: Float64Array,
): (gradient: Float64Array) => Float64Array {
  const { neurons } = settings;
  const size = 1 + (settings.film?.columns ?? 0);
  const factors = filmFactors(trials, size, penalties, spikes);
  const diagonal = historyDiagonal(trials, settings, penalties.subarray(size * neurons), spikes);
  return (gradient) => {
    const product = new Float64Array(gradient.length);
    for (const [i, factor] of factors.entries()) {
      const column = Float64Array.from({ length: size }, (_, c) => gradient[c * neurons + i]!);
      for (const [c, value] of choleskySolve(factor, column).entries())
        product[c * neurons + i] = value;
    }
    for (const [n, curvature] of diagonal.entries())
      product[size * neurons + n] = gradient[size * neurons + n]! / curvature;
    return product;
  };
}

/** The Cholesky factor of each neuron's Hessian by bias and film: [size, size] each. */
function filmFactors(
  trials: readonly DesignTrial[],
  size: number,
  penalties: Float64Array,
  spikes: Float64Array,
): Float64Array[] {
  const moments = filmMoments(trials, size);
  return Array.from(spikes, (count, i) => {
    const hessian = moments.map((value) => Math.max(1, count) * value);
    for (let c = 0; c < size; c++) hessian[c * size + c]! += penalties[c * spikes.length + i]!;
    return choleskyFactor(hessian, size);
  });
}

/** At most about so many frames serve to estimate the second moments of films. */
const MAX_MOMENT_FRAMES = 4000;

/**
 * The mean products of a constant 1 and the film's columns with each other: the lower triangle of
 * [size, size].
 */
function filmMoments(trials: readonly DesignTrial[], size: number): Float64Array {
  const moments = new Float64Array(size * size);
  if (size === 1) return moments.fill(1);
  const frames = trials.reduce((sum, { film }) => sum + film!.rows.starts.length, 0);
  const step = Math.ceil(frames / MAX_MOMENT_FRAMES);
  const row = new Float64Array(size).fill(1, 0, 1);
  let used = 0;
  for (const { film } of trials) {
    const { values, columns, starts } = film!.rows;
    for (let frame = 0; frame < starts.length; frame += step) {
      row.set(values.subarray(starts[frame]!, starts[frame]! + columns), 1);
      for (let a = 0; a < size; a++)
        for (let b = 0; b <= a; b++) moments[a * size + b]! += row[a]! * row[b]!;
      used += 1;
    }
  }
  return moments.map((sum) => sum / used);
}

/** The diagonal of the Hessian by the weights of the history. */
function historyDiagonal(
  trials: readonly DesignTrial[],
  { neurons, lags }: DesignSettings,
  penalties: Float64Array,
  spikes: Float64Array,
): Float64Array {
  const bins = trials.reduce((sum, { counts }) => sum + counts.length, 0) / neurons;
  return penalties.map((penalty, n) => {
    const [group, source] = [Math.floor(n / neurons ** 2), Math.floor(n / neurons) % neurons];
    const [first, last] = lags[group]!;
    // The variance of a Poisson count in as many bins.
    const variance = ((last - first + 1) * spikes[source]!) / bins;
    return penalty + spikes[n % neurons]! * variance;
  });
}
