/**
 * Decodes a variable from spike counts by Bayes' rule, assuming Poisson spikes at the rates of
 * tuning curves (Zhang et al. 1998).
 */

import { cosineAndSine, meanDirection } from '../math/angles.js';
import { Turns } from '../ports/turns.js';
import { TuningCounts, ValueBins } from '../recording/tuning-curves.js';
import { holdOut } from './penalties.js';
import { rowsBetween, type SparseRows } from './sparse-rows.js';

/** Spike counts of each neuron in a window that ends at each row's time. */
export interface WindowCounts {
  /**
   * Length of the window: one for all rows, or one per row [rows], since the first rows of a trial
   * have less past.
   */
  readonly seconds: number | Float64Array;
  /** [rows x neurons] */
  readonly counts: SparseRows;
}

/**
 * How tuning curves are estimated. Bins cover the range of the fitted values or, for an angle, a
 * full turn.
 */
export interface BayesSetting {
  /** For angles: a full turn, in their unit. */
  readonly period?: number;
  /** Bins of the variable. */
  readonly bins: number;
  /**
   * Standard deviation, in bins, of the Gaussian that smooths spikes and time in each bin; 0 for
   * none.
   */
  readonly smoothing: number;
  /**
   * The lowest rate of a neuron, Hz. It makes a spike where the neuron had none unlikely, but
   * possible. Default 0.01.
   */
  readonly floor?: number;
  /**
   * The prior: proportional to the time spent in each bin (the default), or flat over the bins that
   * were visited.
   */
  readonly prior?: 'occupancy' | 'flat';
}

/**
 * Tuning curves of one variable, and the posterior that they imply.
 *
 * log P(bin | counts) = log prior + sum over neurons of count x log rate - window x sum of rates,
 * up to a constant.
 */
export class BayesDecoder {
  /** The center of each bin, in the variable's unit: [bins]. */
  readonly centers: Float64Array;
  /** Hz: [neurons x bins]. */
  readonly rates: Float64Array;
  /** Prior probability of each bin, 0 where the variable never was: [bins]. */
  readonly prior: Float64Array;
  readonly #period: number | undefined;

  /** @param period for angles: a full turn */
  constructor(centers: Float64Array, rates: Float64Array, prior: Float64Array, period?: number) {
    this.centers = centers;
    this.rates = rates;
    this.prior = prior;
    this.#period = period;
  }

  /**
   * The probability of each bin at every row: [rows x bins].
   *
   * @throws Error for counts of another number of neurons
   */
  posterior({ seconds, counts }: WindowCounts): Float64Array {
    const bins = this.centers.length;
    const { rows, columns, starts, indices, values } = counts;
    if (columns * bins !== this.rates.length)
      throw new Error(
        `The counts are of ${columns} neurons, but the decoder was fitted on ${this.rates.length / bins}.`,
      );
    const logRates = this.rates.map(Math.log);
    const logPrior = this.prior.map(Math.log);
    const totalRates = Float64Array.from({ length: bins }, (_, b) => {
      let sum = 0;
      for (let neuron = 0; neuron < columns; neuron++) sum += this.rates[neuron * bins + b]!;
      return sum;
    });
    const posterior = new Float64Array(rows * bins);
    for (let row = 0; row < rows; row++) {
      const logs = posterior.subarray(row * bins, (row + 1) * bins);
      const window = secondsAt(seconds, row);
      for (let b = 0; b < bins; b++) logs[b] = logPrior[b]! - window * totalRates[b]!;
      for (let entry = starts[row]!; entry < starts[row + 1]!; entry++) {
        const offset = indices[entry]! * bins;
        for (let b = 0; b < bins; b++) logs[b]! += values[entry]! * logRates[offset + b]!;
      }
      normalize(logs);
    }
    return posterior;
  }

  /**
   * The decoded value of the variable at every row: [rows]. It is either the mean of the posterior
   * (for an angle the mean direction, from 0 up to a full turn) or the center of the most likely
   * bin.
   */
  decode(window: WindowCounts, how: 'mean' | 'maximum' = 'mean'): Float64Array {
    const bins = this.centers.length;
    const posterior = this.posterior(window);
    return Float64Array.from({ length: window.counts.rows }, (_, row) => {
      const shares = posterior.subarray(row * bins, (row + 1) * bins);
      const mostLikely = this.centers[shares.indexOf(Math.max(...shares))]!;
      const value = how === 'maximum' ? mostLikely : this.#mean(shares);
      return Number.isNaN(value) ? mostLikely : value;
    });
  }

  /** The mean of a posterior; NaN if an angle has no mean direction. */
  #mean(posterior: Float64Array): number {
    return this.#period === undefined
      ? posterior.reduce((sum, share, b) => sum + share * this.centers[b]!, 0)
      : meanDirection(this.centers, this.#period, posterior);
  }
}

/**
 * Fits tuning curves: each neuron's spikes in a bin of the variable, divided by the time spent
 * there, both smoothed.
 *
 * @param tuning counts from which rates are estimated. Counts in one short bin give the rate at a
 *   value of the variable (Zhang et al. 1998). Counts in the window that will be decoded give the
 *   rate over the seconds before a value, and so account for the delay of the spikes.
 * @param values of the variable, [rows]
 * @throws Error where the rows do not match, a value is not finite, or the setting is out of range
 */
export function fitBayes(
  tuning: WindowCounts,
  values: ArrayLike<number>,
  setting: BayesSetting,
): BayesDecoder {
  const { period, bins, smoothing, floor = 0.01, prior = 'occupancy' } = setting;
  const { rows, columns, starts, indices, values: spikes } = tuning.counts;
  checkRows(values, rows);
  checkSetting(bins, smoothing, floor);
  const valueBins = new ValueBins(values, bins, period);
  const tuned = new TuningCounts(columns, bins);
  for (let row = 0; row < rows; row++) {
    const b = valueBins.at(values[row]!);
    tuned.addRow(b, secondsAt(tuning.seconds, row));
    for (let entry = starts[row]!; entry < starts[row + 1]!; entry++)
      tuned.addSpikes(b, indices[entry]!, spikes[entry]!);
  }
  const rateSetting = { smoothing, floor, isCircular: period !== undefined };
  // Rates are unknown where the variable never was, so even a flat prior is 0 there.
  const weights = tuned
    .occupancy(rateSetting)
    .map((visits) => (prior === 'flat' ? Number(visits > 0) : visits));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const priors = weights.map((weight) => weight / total);
  return new BayesDecoder(valueBins.centers, tuned.rates(rateSetting), priors, period);
}

/** Candidate settings, and the rows to choose among them on. */
export interface BayesCandidates {
  /** For angles: a full turn, in their unit. */
  readonly period?: number;
  /** Default 16, 32, 64. */
  readonly bins?: readonly number[];
  /** Default 0, 1, 2. */
  readonly smoothing?: readonly number[];
  /** As in `BayesSetting`. */
  readonly floor?: number;
  /** As in `BayesSetting`. */
  readonly prior?: 'occupancy' | 'flat';
  /**
   * Counts from which rates are estimated, the same for all windows. Default: the counts of each
   * window itself.
   */
  readonly tuning?: WindowCounts;
  /** The last share of the rows is held out to choose on. Default 0.2. */
  readonly share?: number;
  /** Rows left out before the held-out ones, so that no window overlaps both. Default 0. */
  readonly gap?: number;
}

/** The decoder with the best candidates. */
export interface BayesFit {
  /** Fitted on all rows. */
  readonly decoder: BayesDecoder;
  /** Index of the window that the decoder should be given. */
  readonly window: number;
  /** The chosen bins and smoothing. */
  readonly setting: BayesSetting;
  /**
   * Error on the held-out rows: mean squared error of a number, mean 1 - cos(error) of an angle.
   */
  readonly error: number;
}

/**
 * Tries all windows, bins and smoothings, selects those with the least error on the last rows, and
 * fits all rows with them. Give it training rows only: test rows must not take part in the choice.
 *
 * @param windows candidates, with the same rows and neurons
 * @param values of the variable, [rows]
 * @throws CannotFitError where no rows are left to fit on; Error where there are no candidates or
 *   the rows do not match
 */
export async function chooseBayes(
  windows: readonly WindowCounts[],
  values: ArrayLike<number>,
  candidates: BayesCandidates = {},
  turns = new Turns(),
): Promise<BayesFit> {
  const rows = values.length;
  const { tuning } = candidates;
  for (const { counts } of tuning ? [tuning, ...windows] : windows) checkRows(values, counts.rows);
  const { fitEnd, holdoutStart } = holdOut(rows, candidates);
  const fitValues = Array.prototype.slice.call(values, 0, fitEnd);
  const holdoutValues = Array.prototype.slice.call(values, holdoutStart);
  let best: { window: number; setting: BayesSetting; error: number } | undefined;
  for (const [window, counts] of windows.entries()) {
    const fitCounts = windowRows(tuning ?? counts, 0, fitEnd);
    const holdoutCounts = windowRows(counts, holdoutStart, rows);
    for (const setting of expandCandidates(candidates)) {
      const decoded = fitBayes(fitCounts, fitValues, setting).decode(holdoutCounts);
      const error = decodingError(holdoutValues, decoded, candidates.period);
      if (error < (best?.error ?? Number.POSITIVE_INFINITY)) best = { window, setting, error };
      await turns.give();
    }
  }
  if (!best)
    throw new Error(
      'There are no candidates to choose a Bayes decoder from: give at least one window, number of bins and smoothing.',
    );
  return { ...best, decoder: fitBayes(tuning ?? windows[best.window]!, values, best.setting) };
}

/** Every combination of bins and smoothing. */
function expandCandidates(candidates: BayesCandidates): BayesSetting[] {
  const { period, floor, prior, bins = [16, 32, 64], smoothing = [0, 1, 2] } = candidates;
  const fixed = {
    ...(period === undefined ? {} : { period }),
    ...(floor === undefined ? {} : { floor }),
    ...(prior === undefined ? {} : { prior }),
  };
  return bins.flatMap((count) => smoothing.map((sd) => ({ ...fixed, bins: count, smoothing: sd })));
}

function decodingError(truth: readonly number[], decoded: Float64Array, period?: number): number {
  const sum = truth.reduce((total, value, row) => {
    const error = decoded[row]! - value;
    return total + (period === undefined ? error ** 2 : 1 - cosineAndSine(error, period)[0]);
  }, 0);
  return sum / truth.length;
}

function windowRows({ seconds, counts }: WindowCounts, from: number, to: number): WindowCounts {
  return {
    seconds: typeof seconds === 'number' ? seconds : seconds.subarray(from, to),
    counts: rowsBetween(counts, from, to),
  };
}

function secondsAt(seconds: number | Float64Array, row: number): number {
  return typeof seconds === 'number' ? seconds : seconds[row]!;
}

function checkRows(values: ArrayLike<number>, rows: number): void {
  if (values.length !== rows || rows === 0)
    throw new Error(
      `The variable has ${values.length} values, but the counts have ${rows} rows: there should be one value per row, and at least one row.`,
    );
}

function checkSetting(bins: number, smoothing: number, floor: number): void {
  if (!Number.isInteger(bins) || bins < 1 || !(smoothing >= 0) || !(floor > 0))
    throw new Error(
      `A Bayes decoder needs a whole number of bins above 0, a smoothing of 0 bins or more and a floor above 0 Hz, but has ${bins} bins, a smoothing of ${smoothing} bins and a floor of ${floor} Hz.`,
    );
}

/** Turns logarithms of weights into shares that add up to 1, in place. */
function normalize(logs: Float64Array): void {
  const largest = Math.max(...logs);
  let sum = 0;
  for (let b = 0; b < logs.length; b++) {
    logs[b] = Math.exp(logs[b]! - largest);
    sum += logs[b]!;
  }
  for (let b = 0; b < logs.length; b++) logs[b]! /= sum;
}
