/** A variable decoded from spike counts by Bayes' rule: Poisson spiking at rates that tuning curves give (Zhang 1998). */

import { cosineAndSine, meanDirection, modulo } from '../math/angles.js';
import { heldOut } from './penalties.js';
import { rowsBetween, type SparseRows } from './regression.js';

/** Spikes of each neuron in the last seconds before each row's time. */
export interface WindowCounts {
  /** Seconds of the window; of each row, [rows], where the first rows of a stretch have less past. */
  readonly seconds: number | Float64Array;
  /** [rows x neurons]. */
  readonly counts: SparseRows;
}

/** The variable's scale: a number lies in the range of the rows it was fitted on, an angle between 0 and a full turn. */
export interface BayesSetting {
  /** A full turn of an angle, in its unit; none for a number. */
  readonly period?: number;
  /** Bins of the variable. */
  readonly bins: number;
  /** Standard deviation, in bins, of the Gaussian that spikes and time in each bin are smoothed with; 0 for none. */
  readonly smoothing: number;
  /** The lowest rate a neuron is taken to have, Hz (0.01): a spike is then unlikely where it had none, not impossible. */
  readonly floor?: number;
  /** What is known before any spike: the time spent in each bin, or nothing (`occupancy`). */
  readonly prior?: 'occupancy' | 'flat';
}

/**
 * Rates in bins of one variable, and the posterior they give.
 *
 * log P(bin | counts) = log prior + sum over neurons of count x log rate - window x sum of rates, up to a constant.
 */
export class BayesDecoder {
  /** The middle of each bin, in the variable's unit. */
  readonly centres: Float64Array;
  /** Hz, [neurons x bins]. */
  readonly rates: Float64Array;
  /** Before any spike, [bins]; 0 where the variable never was. */
  readonly prior: Float64Array;
  readonly #period: number | undefined;

  constructor(centres: Float64Array, rates: Float64Array, prior: Float64Array, period?: number) {
    this.centres = centres;
    this.rates = rates;
    this.prior = prior;
    this.#period = period;
  }

  /** Probability of each bin at every row: [rows x bins]. */
  posterior({ seconds, counts }: WindowCounts): Float64Array {
    const bins = this.centres.length;
    const { rows, columns, starts, places, values } = counts;
    if (columns * bins !== this.rates.length)
      throw new Error(
        `There are counts of ${columns} neurons, but the decoder knows ${this.rates.length / bins}.`,
      );
    const logRates = this.rates.map(Math.log);
    const logPrior = this.prior.map(Math.log);
    const total = Float64Array.from({ length: bins }, (_, b) => {
      let sum = 0;
      for (let neuron = 0; neuron < columns; neuron++) sum += this.rates[neuron * bins + b]!;
      return sum;
    });
    const found = new Float64Array(rows * bins);
    for (let row = 0; row < rows; row++) {
      const own = found.subarray(row * bins, (row + 1) * bins);
      const span = secondsAt(seconds, row);
      for (let b = 0; b < bins; b++) own[b] = logPrior[b]! - span * total[b]!;
      for (let at = starts[row]!; at < starts[row + 1]!; at++) {
        const first = places[at]! * bins;
        for (let b = 0; b < bins; b++) own[b]! += values[at]! * logRates[first + b]!;
      }
      normalize(own);
    }
    return found;
  }

  /**
   * The variable at every row: the mean of the posterior (its mean direction for an angle, from 0 up to a full turn), or
   * the middle of its likeliest bin.
   */
  decode(window: WindowCounts, how: 'mean' | 'maximum' = 'mean'): Float64Array {
    const bins = this.centres.length;
    const posterior = this.posterior(window);
    return Float64Array.from({ length: window.counts.rows }, (_, row) => {
      const own = posterior.subarray(row * bins, (row + 1) * bins);
      const likeliest = this.centres[own.indexOf(Math.max(...own))]!;
      const mean = how === 'maximum' ? likeliest : this.#mean(own);
      return Number.isNaN(mean) ? likeliest : mean;
    });
  }

  /** NaN if an angle has no mean direction. */
  #mean(posterior: Float64Array): number {
    return this.#period === undefined
      ? posterior.reduce((sum, share, b) => sum + share * this.centres[b]!, 0)
      : meanDirection(this.centres, this.#period, posterior);
  }
}

/**
 * Tuning curves of every neuron, as spikes in a bin of the variable over time in it, both smoothed.
 *
 * @param tuning the counts that rates are taken from. Those of one short bin give the rate at a value of the variable
 *     (Zhang et al.); those of the window that will be decoded give the rate over the seconds that lead up to it, which
 *     knows how far behind the spikes are.
 * @param values of the variable, [rows].
 */
export function fitBayes(
  tuning: WindowCounts,
  values: ArrayLike<number>,
  setting: BayesSetting,
): BayesDecoder {
  const { period, bins, smoothing, floor = 0.01, prior = 'occupancy' } = setting;
  const { columns, starts, places, values: spikes } = tuning.counts;
  const { centres, binAt } = valueBins(values, tuning.counts.rows, setting);
  checkSetting(bins, smoothing, floor);
  const kernel = gaussian(smoothing, bins);
  const smooth = (curve: Float64Array) => smoothed(curve, kernel, period !== undefined);
  const visits = new Float64Array(bins);
  const time = new Float64Array(bins);
  const counts = new Float64Array(columns * bins);
  for (let row = 0; row < values.length; row++) {
    const b = binAt(values[row]!);
    visits[b]! += 1;
    time[b]! += secondsAt(tuning.seconds, row);
    for (let at = starts[row]!; at < starts[row + 1]!; at++)
      counts[places[at]! * bins + b]! += spikes[at]!;
  }
  const [occupancy, spent] = [smooth(visits), smooth(time)];
  const rates = new Float64Array(columns * bins);
  for (let neuron = 0; neuron < columns; neuron++) {
    const curve = smooth(counts.subarray(neuron * bins, (neuron + 1) * bins));
    for (let b = 0; b < bins; b++)
      rates[neuron * bins + b] = spent[b]! > 0 ? Math.max(floor, curve[b]! / spent[b]!) : floor;
  }
  // Where the variable never was nothing is known of the rates, so that no prior may lead there.
  const before = occupancy.map((rows) => (prior === 'flat' ? Number(rows > 0) : rows));
  const sum = before.reduce((total, share) => total + share, 0);
  const shares = before.map((share) => share / sum);
  return new BayesDecoder(centres, rates, shares, period);
}

/** Candidates of which one setting each is chosen. */
export interface BayesChoice {
  readonly period?: number;
  readonly bins?: readonly number[];
  readonly smoothing?: readonly number[];
  readonly floor?: number;
  readonly prior?: 'occupancy' | 'flat';
  /** Counts that rates are taken from, the same for all windows; else those of each window itself. */
  readonly tuning?: WindowCounts;
  /** The last share of the rows is held out to choose on (0.2). */
  readonly share?: number;
  /** Rows left out before those, so that no window is shared (0). */
  readonly gap?: number;
}

export interface ChosenBayes {
  /** Fitted on all rows. */
  readonly decoder: BayesDecoder;
  /** Which of the windows it is to be given. */
  readonly window: number;
  readonly setting: BayesSetting;
  /** Of the rows held out: mean squared error of a number, mean 1 - cos of an angle's. */
  readonly error: number;
}

/**
 * Tries windows, bins and smoothing, keeps what has the least error on the last rows, and fits all rows with it.
 * Give training rows only: test rows must take no part in this.
 *
 * @param windows candidates, of the same rows and neurons.
 * @param values of the variable, [rows].
 */
export function chooseBayes(
  windows: readonly WindowCounts[],
  values: ArrayLike<number>,
  choice: BayesChoice = {},
): ChosenBayes {
  const rows = values.length;
  const { tuning } = choice;
  for (const { counts } of tuning ? [tuning, ...windows] : windows) checkRows(values, counts.rows);
  const { fitted, held } = heldOut(rows, choice);
  const early = Array.prototype.slice.call(values, 0, fitted);
  const later = Array.prototype.slice.call(values, held);
  let best: { window: number; setting: BayesSetting; error: number } | undefined;
  for (const [window, own] of windows.entries()) {
    const learnt = between(tuning ?? own, 0, fitted);
    const asked = between(own, held, rows);
    for (const setting of expandChoice(choice)) {
      const decoded = fitBayes(learnt, early, setting).decode(asked);
      const error = decodingError(later, decoded, choice.period);
      if (error < (best?.error ?? Number.POSITIVE_INFINITY)) best = { window, setting, error };
    }
  }
  if (!best)
    throw new Error(
      'Bayes has nothing to choose from: give at least one window, number of bins and smoothing.',
    );
  return { ...best, decoder: fitBayes(tuning ?? windows[best.window]!, values, best.setting) };
}

function expandChoice(choice: BayesChoice): BayesSetting[] {
  const { period, floor, prior, bins = [16, 32, 64], smoothing = [0, 1, 2] } = choice;
  const fixed = {
    ...(period === undefined ? {} : { period }),
    ...(floor === undefined ? {} : { floor }),
    ...(prior === undefined ? {} : { prior }),
  };
  return bins.flatMap((own) => smoothing.map((sd) => ({ ...fixed, bins: own, smoothing: sd })));
}

function decodingError(truth: readonly number[], decoded: Float64Array, period?: number): number {
  const sum = truth.reduce((total, value, row) => {
    const apart = decoded[row]! - value;
    return total + (period === undefined ? apart ** 2 : 1 - cosineAndSine(apart, period)[0]);
  }, 0);
  return sum / truth.length;
}

function between({ seconds, counts }: WindowCounts, from: number, to: number): WindowCounts {
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
      `The variable has ${values.length} values and the counts ${rows} rows: they must be as many, and at least one.`,
    );
}

function checkSetting(bins: number, smoothing: number, floor: number): void {
  if (!Number.isInteger(bins) || bins < 1 || !(smoothing >= 0) || !(floor > 0))
    throw new Error(
      `${bins} bins, a smoothing of ${smoothing} bins and a floor of ${floor} Hz cannot be: give a whole number of bins above 0, a smoothing of 0 or more and a floor above 0.`,
    );
}

/** Where the bins of the variable lie; a value beyond the ends goes to the nearest. */
function valueBins(values: ArrayLike<number>, rows: number, { period, bins }: BayesSetting) {
  checkRows(values, rows);
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let row = 0; row < rows; row++) {
    const value = values[row]!;
    if (!Number.isFinite(value))
      throw new Error(
        `The variable is ${value} at row ${row}: leave out the rows where it is unknown.`,
      );
    [low, high] = [Math.min(low, value), Math.max(high, value)];
  }
  if (period !== undefined) [low, high] = [0, period];
  const width = (high - low) / bins;
  return {
    centres: Float64Array.from({ length: bins }, (_, b) => low + (b + 0.5) * width),
    binAt: (value: number) => {
      const at = Math.floor(((period === undefined ? value : modulo(value, period)) - low) / width);
      // A variable that never varies has bins of no width.
      return Number.isNaN(at) ? 0 : Math.min(bins - 1, at);
    },
  };
}

/** The weights of a bin and of those 1, 2, ... away from it, up to four standard deviations. */
function gaussian(deviation: number, bins: number): Float64Array {
  const reach = Math.min(bins - 1, Math.ceil(4 * deviation));
  return Float64Array.from({ length: reach + 1 }, (_, d) =>
    d === 0 ? 1 : Math.exp(-((d / deviation) ** 2) / 2),
  );
}

/** Sums of neighbours. Beyond the ends of a line lies nothing, neither spikes nor time, so rates do not fall there. */
function smoothed(curve: Float64Array, kernel: Float64Array, circular: boolean): Float64Array {
  const bins = curve.length;
  return curve.map((_, b) => {
    let sum = 0;
    for (let d = 1 - kernel.length; d < kernel.length; d++) {
      const from = b + d;
      const inside = from >= 0 && from < bins;
      if (inside) sum += kernel[Math.abs(d)]! * curve[from]!;
      else if (circular) sum += kernel[Math.abs(d)]! * curve[(from + bins) % bins]!;
    }
    return sum;
  });
}

/** Logarithms of weights to shares that add up to one. */
function normalize(logs: Float64Array): void {
  const largest = Math.max(...logs);
  let sum = 0;
  for (let b = 0; b < logs.length; b++) {
    logs[b] = Math.exp(logs[b]! - largest);
    sum += logs[b]!;
  }
  for (let b = 0; b < logs.length; b++) logs[b]! /= sum;
}
