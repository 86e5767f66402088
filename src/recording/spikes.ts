/** Spikes as event times or as counts, and their bins for the tokenizer. */

import { roundHalfEven } from '../math/rounding.js';
import { formatCount } from '../text/format.js';
import { RecordingError } from './errors.js';

/** Spikes as event times. */
export interface SpikeTimes {
  /** Seconds on the trial's clock, one ascending list per neuron. */
  readonly times: readonly Float64Array[];
}

/** Spikes as counts in time bins. */
export interface SpikeCounts {
  /** One row per neuron, all of the same number of bins; the first bin begins with the trial. */
  readonly counts: readonly ArrayLike<number>[];
  /** Seconds per bin. */
  readonly dt: number;
}

/** The spikes of every neuron in one trial. */
export type Spikes = SpikeTimes | SpikeCounts;

/**
 * Spikes in time bins, sorted by bin and within a bin by neuron. Several spikes of a neuron in a
 * bin are several entries.
 */
export interface BinnedSpikes {
  /** Seconds per bin. */
  readonly dt: number;
  /** The bin of each spike. */
  readonly bins: Int32Array;
  /** The neuron of each spike. */
  readonly neurons: Int32Array;
}

/**
 * The neurons with the most spikes, at most `limit` of them, in ascending order. Of equals, the
 * first ones are taken.
 *
 * @param spikeCounts spikes of each neuron
 */
export function busiestNeurons(spikeCounts: ArrayLike<number>, limit: number): number[] {
  const neurons = Array.from(spikeCounts, (_, neuron) => neuron);
  neurons.sort((p, q) => spikeCounts[q]! - spikeCounts[p]! || p - q);
  return neurons.slice(0, limit).sort((p, q) => p - q);
}

/** Bins of a trial: a day of milliseconds. */
export const MAX_BINS = 86_400_000;

/** Bins spikes. Counts keep their own bins; event times go into bins of `dt` seconds. */
export function binSpikes(spikes: Spikes, dt: number): BinnedSpikes {
  return 'counts' in spikes
    ? spikesFromCounts(spikes.counts, spikes.dt)
    : spikesFromTimes(spikes.times, dt);
}

/**
 * The spikes of a count matrix. Counts are rounded, halves to the even number; negative counts are
 * ignored.
 *
 * @param counts one row of bins per neuron
 * @param dt seconds per bin
 * @throws RecordingError naming the first count that is not a finite number
 */
export function spikesFromCounts(counts: readonly ArrayLike<number>[], dt: number): BinnedSpikes {
  const length = counts.reduce((max, row) => Math.max(max, row.length), 0);
  const countAt = (neuron: number, bin: number) =>
    Math.max(0, roundHalfEven(counts[neuron]![bin] ?? 0));
  let total = 0;
  for (let bin = 0; bin < length; bin++) {
    for (let neuron = 0; neuron < counts.length; neuron++) {
      const count = counts[neuron]![bin] ?? 0;
      if (!Number.isFinite(count)) {
        throw new RecordingError(
          `The spike count of neuron ${neuron} in bin ${bin} is ${count}; counts should be finite numbers.`,
        );
      }
      total += countAt(neuron, bin);
    }
  }
  const bins = new Int32Array(total);
  const neurons = new Int32Array(total);
  let next = 0;
  for (let bin = 0; bin < length; bin++) {
    for (let neuron = 0; neuron < counts.length; neuron++) {
      const end = next + countAt(neuron, bin);
      bins.fill(bin, next, end);
      neurons.fill(neuron, next, end);
      next = end;
    }
  }
  return { dt, bins, neurons };
}

/**
 * Event times as binned spikes.
 *
 * @param times seconds from the trial's start, one list per neuron, in any order
 * @param dt seconds per bin
 * @throws RecordingError naming the first spike whose time is negative, not finite, or so late that
 *   the bins before it would fill the memory
 */
export function spikesFromTimes(times: readonly ArrayLike<number>[], dt: number): BinnedSpikes {
  // A time that should be on a bin's edge, but is below it by a rounding error, belongs to the bin
  // that starts there.
  const binAt = (time: number) => Math.floor(time / dt + 1e-9);
  let total = 0;
  let lastBin = -1;
  for (const [neuron, list] of times.entries()) {
    total += list.length;
    for (let n = 0; n < list.length; n++) {
      const time = list[n]!;
      if (!Number.isFinite(time) || time < 0) {
        throw new RecordingError(
          `Spike ${n} of neuron ${neuron} is at ${time} s; spike times should be finite and not negative.`,
        );
      }
      if (time / dt > MAX_BINS)
        throw new RecordingError(
          `Spike ${n} of neuron ${neuron} is at ${time} s, more than ${formatCount(MAX_BINS)} bins of ${dt} s from the start: if times count from an earlier moment, as Unix times do, set where the session begins in the dataset.yaml, such as start: ${Math.floor(time)}.`,
        );
      lastBin = Math.max(lastBin, binAt(time));
    }
  }
  // Counting sort by bin. It visits the neurons in order, so the spikes within a bin are sorted by
  // neuron.
  const starts = new Int32Array(lastBin + 2);
  for (const list of times) for (let n = 0; n < list.length; n++) starts[binAt(list[n]!) + 1]! += 1;
  for (let bin = 0; bin <= lastBin; bin++) starts[bin + 1]! += starts[bin]!;
  const bins = new Int32Array(total);
  const neurons = new Int32Array(total);
  for (const [neuron, list] of times.entries()) {
    for (let n = 0; n < list.length; n++) {
      const bin = binAt(list[n]!);
      const slot = starts[bin]!++;
      bins[slot] = bin;
      neurons[slot] = neuron;
    }
  }
  return { dt, bins, neurons };
}

/**
 * The entries of binned spikes from `start` up to `stop`, in seconds:
 * [index of the first, index after the last].
 */
export function spikeIndexRange(
  { bins, dt }: BinnedSpikes,
  start: number,
  stop: number,
): [number, number] {
  return [lowerBound(bins, completeBins(start, dt)), lowerBound(bins, completeBins(stop, dt))];
}

/**
 * The share of a bin by which a time may miss the edge of the bin. Windows end at rounded times,
 * and a clock of rounded times has a rounded bin width; neither should cost a whole bin.
 */
export const BIN_EDGE_TOLERANCE = 0.05;

/** Whether spike counts can be cut at a time, as it is the edge of a bin of `dt` seconds. */
export function isBinEdge(time: number, dt: number): boolean {
  return Math.abs(time / dt - completeBins(time, dt)) <= BIN_EDGE_TOLERANCE;
}

/**
 * How many bins are complete at a time. A bin that is still being counted then would reveal the
 * future.
 */
function completeBins(time: number, dt: number): number {
  return Math.max(0, Math.floor(time / dt + BIN_EDGE_TOLERANCE));
}

/**
 * Event times of each neuron, in seconds. The spikes of a count are placed at the start of its bin.
 */
export function spikeTimes(spikes: Spikes): readonly ArrayLike<number>[] {
  if ('times' in spikes) return spikes.times;
  return spikes.counts.map((row) => {
    const times: number[] = [];
    for (let bin = 0; bin < row.length; bin++)
      for (let n = roundHalfEven(row[bin]!); n > 0; n--) times.push(bin * spikes.dt);
    return times;
  });
}

/** How many spikes all neurons have together. */
export function countSpikes(times: readonly ArrayLike<number>[]): number {
  return times.reduce((sum, { length }) => sum + length, 0);
}

/** How many spikes each neuron has in all of some trials, or in a session. */
export function spikesPerNeuron(trials: readonly Spikes[]): Float64Array {
  const counts = new Float64Array(trials[0] ? neuronCount(trials[0]) : 0);
  for (const spikes of trials)
    for (const [neuron, times] of spikeTimes(spikes).entries()) counts[neuron]! += times.length;
  return counts;
}

/** The spikes of some neurons, in this order. */
export function selectNeurons(spikes: Spikes, neurons: readonly number[]): Spikes {
  return 'counts' in spikes
    ? { ...spikes, counts: neurons.map((neuron) => spikes.counts[neuron]!) }
    : { times: neurons.map((neuron) => spikes.times[neuron]!) };
}

/** How many neurons these spikes are of, silent ones included. */
export function neuronCount(spikes: Spikes): number {
  return 'counts' in spikes ? spikes.counts.length : spikes.times.length;
}

/** The spikes from `start` up to `stop`, in seconds, on a clock that starts at `start`. */
export function cutSpikes(spikes: Spikes, start: number, stop: number): Spikes {
  if ('counts' in spikes) {
    const { counts, dt } = spikes;
    const [first, end] = [completeBins(start, dt), completeBins(stop, dt)];
    return { counts: counts.map((row) => Array.prototype.slice.call(row, first, end)), dt };
  }
  const cutTrain = (times: Float64Array) => {
    const cut = times.subarray(lowerBound(times, start), lowerBound(times, stop));
    return start === 0 ? cut : cut.map((time) => time - start);
  };
  return { times: spikes.times.map(cutTrain) };
}

/**
 * Index of the first of ascending numbers that is not below `value`, by binary search; the length
 * if there is none.
 */
export function lowerBound(ascending: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** When spikes end, in seconds: at the end of the last bin, or just past the last event. */
export function spikesEnd(spikes: Spikes): number {
  if ('counts' in spikes)
    return spikes.dt * spikes.counts.reduce((max, row) => Math.max(max, row.length), 0);
  const lastTime = spikes.times.reduce((max, times) => Math.max(max, times.at(-1) ?? 0), 0);
  return lastTime * (1 + 2 * Number.EPSILON);
}

/** Consecutive bins, of which the last ends at a given time. */
export interface LagBins {
  /** Seconds per bin. */
  readonly bin: number;
  /** How many bins there are. */
  readonly count: number;
}

/** How many spikes are in bins before a time. @param end in seconds */
export function countLagged(spikes: BinnedSpikes, end: number, bins: LagBins): number {
  const [first, stop] = laggedRange(spikes, end, bins);
  return stop - first;
}

/** The entries of binned spikes in bins before a time: the first, and after the last. */
function laggedRange(spikes: BinnedSpikes, end: number, { bin, count }: LagBins): [number, number] {
  return spikeIndexRange(spikes, Math.max(0, end - count * bin), end);
}

/**
 * Calls `visit` for every spike in bins before a time, with its neuron and its bin: 0 is the
 * latest. Time before a trial's start counts as silence.
 *
 * @param end in seconds
 */
export function forEachLag(
  spikes: BinnedSpikes,
  end: number,
  lagBins: LagBins,
  visit: (lag: number, neuron: number) => void,
): void {
  const { bins, neurons, dt } = spikes;
  const { bin, count } = lagBins;
  const [first, stop] = laggedRange(spikes, end, lagBins);
  let lag = 0;
  for (let n = first; n < stop; n++) {
    if (n === first || bins[n] !== bins[n - 1]) {
      const secondsBefore = end - (bins[n]! + 0.5) * dt;
      lag = Math.min(count - 1, Math.floor(secondsBefore / bin));
    }
    visit(lag, neurons[n]!);
  }
}
