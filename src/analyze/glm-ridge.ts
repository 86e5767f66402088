/**
 * Fits a Poisson GLM with given strengths of its ridge penalty. Given the recorded spikes, the
 * neurons' losses are independent of each other, so each neuron has a minimization of its own; what
 * all of them ask for is computed at once, as products of matrices.
 */

import { choleskyFactor, choleskySolve } from '../math/cholesky.js';
import type { DesignSettings, DesignTrial } from './glm-design.js';
import { poissonLosses, weightsPerNeuron } from './glm-loss.js';
import { type Evaluation, minimize } from './lbfgs.js';
import { SharedEvaluations } from './shared-evaluations.js';

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
  /** The weights to start from: [weights of a neuron, neurons], as `splitWeights` has them. */
  readonly start: Float64Array;
  /**
   * The fit of a neuron ends where no derivative of its loss by a weight is larger than this share
   * of its spikes. Default 1e-3.
   */
  readonly tolerance?: number | undefined;
  /** Called before each computation of the likelihood; an error that it throws ends the fit. */
  readonly beforeEach?: () => void;
}

/**
 * The weights that minimize minus the log-likelihood plus the penalty: [weights of a neuron,
 * neurons]. L-BFGS starts from the inverse of the Hessian that constant rates would have, so that
 * a dozen computations of the likelihood are enough.
 *
 * @throws Error where a strength is not above 0
 */
export async function fitRidgeGlm(
  trials: readonly DesignTrial[],
  settings: DesignSettings,
  strengths: RidgeStrengths,
  { start, tolerance = 1e-3, beforeEach }: RidgeOptions,
): Promise<Float64Array> {
  for (const [group, strength] of Object.entries(strengths))
    if (!(strength > 0) || !Number.isFinite(strength))
      throw new Error(
        `The strength of the penalty (${group}) should be above 0, but is ${strength}.`,
      );
  const { neurons } = settings;
  const size = weightsPerNeuron(settings);
  const spikes = spikesPerNeuron(trials, neurons);
  const curvature = new ConstantRateHessian(trials, settings, spikes);
  const penalties = Array.from({ length: neurons }, (_, neuron) =>
    weightPenalties(settings, strengths, neuron),
  );
  const losses = new SharedEvaluations(neurons, (targets, points) => {
    beforeEach?.();
    return penalizedLosses(targets, points, trials, settings, penalties);
  });
  const fits = Array.from({ length: neurons }, async (_, neuron) => {
    const { point } = await losses.use(neuron, (evaluate) =>
      minimize(evaluate, columnOf(start, neuron, neurons), {
        maxIterations: 500,
        tolerance: tolerance * Math.max(1, spikes[neuron]!),
        precondition: curvature.inverse(neuron, penalties[neuron]!),
      }),
    );
    return point;
  });
  return columnsSideBySide(await allOrFirstError(fits), size);
}

/** What all promises resolve to. Where some reject, the first error, after all have ended. */
async function allOrFirstError<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

/** A column of a matrix of so many columns. */
function columnOf(matrix: Float64Array, column: number, columns: number): Float64Array {
  return Float64Array.from(
    { length: matrix.length / columns },
    (_, row) => matrix[row * columns + column]!,
  );
}

/** The matrix of columns of so many rows: [rows, columns]. */
function columnsSideBySide(columns: readonly Float64Array[], rows: number): Float64Array {
  const matrix = new Float64Array(rows * columns.length);
  for (const [n, column] of columns.entries())
    for (let row = 0; row < rows; row++) matrix[row * columns.length + n] = column[row]!;
  return matrix;
}

/** Minus the log-likelihood plus the penalty, and its gradient, for each target. */
function penalizedLosses(
  targets: readonly number[],
  points: readonly Float64Array[],
  trials: readonly DesignTrial[],
  settings: DesignSettings,
  penalties: readonly Float64Array[],
): Evaluation[] {
  const size = weightsPerNeuron(settings);
  const weights = { targets, joined: columnsSideBySide(points, size) };
  const gradients = new Float64Array(weights.joined.length);
  const values = new Float64Array(targets.length);
  for (const trial of trials)
    for (const [k, loss] of poissonLosses(weights, trial, settings, gradients).entries())
      values[k]! += loss;
  return targets.map((target, k) => {
    const [point, penalty] = [points[k]!, penalties[target]!];
    const gradient = columnOf(gradients, k, targets.length);
    let value = values[k]!;
    for (let n = 0; n < size; n++) {
      value += (penalty[n]! * point[n]! ** 2) / 2;
      gradient[n]! += penalty[n]! * point[n]!;
    }
    return { value, gradient };
  });
}

/** The strength of the penalty of each of a neuron's weights; 0 for the bias. */
function weightPenalties(
  settings: DesignSettings,
  { film, own, coupling }: RidgeStrengths,
  neuron: number,
): Float64Array {
  const { neurons, lags } = settings;
  const penalties = new Float64Array(weightsPerNeuron(settings)).fill(coupling);
  const history = penalties.length - lags.length * neurons;
  penalties[0] = 0;
  penalties.fill(film, 1, history);
  for (let n = history + neuron; n < penalties.length; n += neurons) penalties[n] = own;
  return penalties;
}

function spikesPerNeuron(trials: readonly DesignTrial[], neurons: number): Float64Array {
  const totals = new Float64Array(neurons);
  for (const { counts, spikes } of trials)
    for (const n of spikes) totals[n % neurons]! += counts[n]!;
  return totals;
}

/**
 * The Hessian of a neuron's loss at constant rates, in which its spikes stand for the sum of its
 * rates: in full for bias and film, and by its diagonal for the history, whose columns are nearly
 * independent.
 */
class ConstantRateHessian {
  readonly #spikes: Float64Array;
  /** How many of the weights are bias and film. */
  readonly #size: number;
  /** The lower triangle of [size, size]. */
  readonly #moments: Float64Array;
  /** The variance of each column of the history: [groups of lags, neurons]. */
  readonly #variances: Float64Array;

  constructor(
    trials: readonly DesignTrial[],
    { neurons, film, lags }: DesignSettings,
    spikes: Float64Array,
  ) {
    this.#spikes = spikes;
    this.#size = 1 + (film?.columns ?? 0);
    this.#moments = filmMoments(trials, this.#size);
    const bins = trials.reduce((sum, { counts }) => sum + counts.length, 0) / neurons;
    // The variance of a Poisson count in as many bins.
    this.#variances = Float64Array.from(
      lags.flatMap(([first, last]) =>
        Array.from(spikes, (count) => ((last - first + 1) * count) / bins),
      ),
    );
  }

  /** Multiplies with the inverse of the Hessian of a neuron's loss and its penalty. */
  inverse(neuron: number, penalties: Float64Array): (gradient: Float64Array) => Float64Array {
    const size = this.#size;
    const spikes = Math.max(1, this.#spikes[neuron]!);
    const hessian = this.#moments.map((value) => spikes * value);
    for (let c = 0; c < size; c++) hessian[c * size + c]! += penalties[c]!;
    const factor = choleskyFactor(hessian, size);
    const curvatures = this.#variances.map(
      (variance, n) => penalties[size + n]! + spikes * variance,
    );
    return (gradient) => {
      const product = new Float64Array(gradient.length);
      product.set(choleskySolve(factor, gradient.subarray(0, size)));
      for (const [n, curvature] of curvatures.entries())
        product[size + n] = gradient[size + n]! / curvature;
      return product;
    };
  }
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
