/** Tuning curves: how often each neuron spikes at each value of a variable. */

import { wrapToTurn } from '../math/angles.js';

/** Values of a variable in bins of equal width: over their range or, for an angle, a full turn. */
export class ValueBins {
  /** The center of each bin, in the variable's unit: [bins]. */
  readonly centers: Float64Array;
  readonly #low: number;
  readonly #width: number;
  readonly #period: number | undefined;

  /**
   * @param values whose range the bins cover
   * @param period for angles: a full turn, in their unit
   * @throws Error where a value is not finite
   */
  constructor(values: ArrayLike<number>, bins: number, period?: number) {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let row = 0; row < values.length; row++) {
      const value = values[row]!;
      if (!Number.isFinite(value))
        throw new Error(
          `The variable is ${value} at row ${row}: remove the rows where it is unknown.`,
        );
      [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
    if (period !== undefined) [low, high] = [0, period];
    this.#low = low;
    this.#width = (high - low) / bins;
    this.#period = period;
    this.centers = Float64Array.from({ length: bins }, (_, b) => low + (b + 0.5) * this.#width);
  }

  /** The bin of a value. The largest value belongs to the last bin. */
  at(value: number): number {
    const inRange = this.#period === undefined ? value : wrapToTurn(value, this.#period);
    const bin = Math.floor((inRange - this.#low) / this.#width);
    // The bins of a constant variable have no width.
    return Number.isNaN(bin) ? 0 : Math.min(this.centers.length - 1, bin);
  }
}

/** How rates are estimated from spikes and time. */
export interface RateSetting {
  /**
   * Standard deviation, in bins, of the Gaussian that smooths spikes and time in each bin; 0 for
   * none.
   */
  readonly smoothing: number;
  /** The lowest rate of a neuron, Hz, above 0. */
  readonly floor: number;
  /** Whether the last bin is beside the first, as for angles. */
  readonly isCircular: boolean;
}

/** The spikes and the time in each bin of a variable. */
export class TuningCounts {
  /** Rows in each bin: [bins]. */
  readonly visits: Float64Array;
  /** Seconds in each bin: [bins]. */
  readonly time: Float64Array;
  /** [neurons x bins] */
  readonly spikes: Float64Array;

  constructor(
    readonly neurons: number,
    readonly bins: number,
  ) {
    this.visits = new Float64Array(bins);
    this.time = new Float64Array(bins);
    this.spikes = new Float64Array(neurons * bins);
  }

  /** Adds the time of a row. */
  addRow(bin: number, seconds: number): void {
    this.visits[bin]! += 1;
    this.time[bin]! += seconds;
  }

  /** Adds spikes of a neuron in a row. */
  addSpikes(bin: number, neuron: number, count: number): void {
    this.spikes[neuron * this.bins + bin]! += count;
  }

  /**
   * The tuning curves, spikes divided by time, in Hz: [neurons x bins]. Where the variable never
   * was, rates are unknown and have the lowest value.
   */
  rates({ smoothing, floor, isCircular }: RateSetting): Float64Array {
    const { bins, neurons, spikes } = this;
    const smooth = smoother(smoothing, bins, isCircular);
    const seconds = smooth(this.time);
    const rates = new Float64Array(neurons * bins);
    for (let neuron = 0; neuron < neurons; neuron++) {
      const curve = smooth(spikes.subarray(neuron * bins, (neuron + 1) * bins));
      for (let b = 0; b < bins; b++)
        rates[neuron * bins + b] =
          seconds[b]! > 0 ? Math.max(floor, curve[b]! / seconds[b]!) : floor;
    }
    return rates;
  }

  /** How often the variable was in each bin, smoothed as rates are: [bins]. */
  occupancy({ smoothing, isCircular }: Pick<RateSetting, 'smoothing' | 'isCircular'>) {
    return smoother(smoothing, this.bins, isCircular)(this.visits);
  }
}

/**
 * Replaces each bin by a weighted sum of its neighbors. Beyond the ends of a line there are neither
 * spikes nor time, so that their ratio, the rate, does not fall there.
 */
function smoother(deviation: number, bins: number, isCircular: boolean) {
  const kernel = gaussian(deviation, bins);
  return (curve: Float64Array): Float64Array =>
    curve.map((_, b) => {
      let sum = 0;
      for (let d = 1 - kernel.length; d < kernel.length; d++) {
        const neighbor = b + d;
        const isInside = neighbor >= 0 && neighbor < bins;
        if (isInside) sum += kernel[Math.abs(d)]! * curve[neighbor]!;
        else if (isCircular) sum += kernel[Math.abs(d)]! * curve[(neighbor + bins) % bins]!;
      }
      return sum;
    });
}

/** Weights of a Gaussian at distances 0, 1, 2, ... bins, up to four standard deviations. */
function gaussian(deviation: number, bins: number): Float64Array {
  const reach = Math.min(bins - 1, Math.ceil(4 * deviation));
  return Float64Array.from({ length: reach + 1 }, (_, d) =>
    d === 0 ? 1 : Math.exp(-((d / deviation) ** 2) / 2),
  );
}
