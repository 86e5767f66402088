/**
 * How well simulated spikes can be predicted at all: the information of the rates that they were
 * drawn with, and how well repeats of a film agree with each other.
 */

import { correlation, mean } from '../../math/statistics.js';
import type { Interval } from '../../recording/recording.js';
import { lowerBound } from '../../recording/spikes.js';
import type { RepeatReliability } from '../truth.js';
import { FRAME_SECONDS, UNSCORED_SECONDS } from './clock.js';

/** Widths of the bins in which repeats are compared, in frames. */
const RELIABILITY_BINS = [1, 4] as const;

/**
 * The information of rates: how many bits a spike the spikes are more likely under them than under
 * each neuron's mean rate.
 *
 *   mean over all spikes of log2(lambda_i(t) / mean of lambda_i), t: the time of the spike, i: its
 *   neuron,
 *
 * the log-likelihood ratio of Poisson spikes, with rates scaled to the number of spikes.
 */
export class RateInformation {
  readonly #counts: Float64Array;
  readonly #rateSums: Float64Array;
  readonly #spikes: Float64Array;
  #logSum = 0;

  /** @param neurons how many there are */
  constructor(neurons: number) {
    this.#counts = new Float64Array(neurons);
    this.#rateSums = new Float64Array(neurons);
    this.#spikes = new Float64Array(neurons);
  }

  /**
   * Adds a trial, without the beginning that is not scored.
   *
   * @param rates above 0, in intervals of equal length from the trial's start: [neurons, intervals]
   * @param interval seconds
   * @param times of the spikes of each neuron, seconds from the trial's start
   */
  add(rates: Float32Array, interval: number, times: readonly Float64Array[]): void {
    const intervals = rates.length / times.length;
    const first = Math.round(UNSCORED_SECONDS / interval);
    for (const [neuron, list] of times.entries()) {
      const row = rates.subarray(neuron * intervals, (neuron + 1) * intervals);
      for (let n = first; n < intervals; n++) this.#rateSums[neuron]! += row[n]!;
      this.#counts[neuron]! += intervals - first;
      for (let n = lowerBound(list, UNSCORED_SECONDS); n < list.length; n++) {
        this.#logSum += Math.log2(row[Math.floor(list[n]! / interval)]!);
        this.#spikes[neuron]! += 1;
      }
    }
  }

  /** Bits a spike, over all neurons. */
  get bits(): number {
    let [baseline, total] = [0, 0];
    for (const [neuron, spikes] of this.#spikes.entries()) {
      baseline += spikes * Math.log2(this.#rateSums[neuron]! / this.#counts[neuron]!);
      total += spikes;
    }
    return (this.#logSum - baseline) / total;
  }
}

/**
 * How well repeats of a stimulus agree, in several widths of bins. A pair of rows of which one is
 * silent has no correlation and is left out.
 *
 * @param spikes seconds of the session, ascending, of each neuron
 * @param repeats when each of them starts and stops
 */
export function repeatReliability(
  spikes: readonly Float64Array[],
  repeats: readonly Interval[],
): RepeatReliability[] {
  return RELIABILITY_BINS.map((width) => {
    const bin = width * FRAME_SECONDS;
    const agreements = spikes.map((times) =>
      agreement(repeats.map((repeat) => scoredCounts(times, repeat, bin))),
    );
    const finiteMean = (values: number[]) => mean(values.filter(Number.isFinite));
    return {
      bin,
      halves: finiteMean(agreements.map(({ halves }) => halves)),
      single: finiteMean(agreements.flatMap(({ single }) => single)),
    };
  });
}

/** Counts of one neuron in complete bins of a trial, without its beginning. */
function scoredCounts(times: Float64Array, { start, stop }: Interval, bin: number): Float64Array {
  const first = start + UNSCORED_SECONDS;
  const counts = new Float64Array(Math.floor((stop - first) / bin + 1e-6));
  for (let n = lowerBound(times, first); n < times.length && times[n]! < stop; n++) {
    const index = Math.floor((times[n]! - first) / bin);
    if (index < counts.length) counts[index]! += 1;
  }
  return counts;
}

/**
 * How well the rows of one neuron agree: the correlation of the sum of every second row with the
 * sum of the others, and that of each pair.
 */
function agreement(rows: readonly Float64Array[]): { halves: number; single: number[] } {
  const [even, odd] = [0, 1].map((parity) => sumRows(rows.filter((_, n) => n % 2 === parity)));
  const single = rows.flatMap((one, n) =>
    rows.slice(n + 1).map((other) => correlation(one, other)),
  );
  return { halves: correlation(even!, odd!), single };
}

function sumRows(rows: readonly Float64Array[]): Float64Array {
  return rows[0]!.map((_, n) => rows.reduce((sum, row) => sum + row[n]!, 0));
}
