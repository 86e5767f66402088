/** Spikes: as times or as counts, and brought into bins for the tokenizer. */

import { roundHalfEven } from '../math/rounding.js';
import { RecordingError } from './errors.js';

/** Event times of each neuron, seconds on the trial's clock, rising. */
export interface SpikeTimes {
  readonly times: readonly Float64Array[];
}

/** Counts of each neuron in bins of `dt` seconds from the trial's start. */
export interface SpikeCounts {
  readonly counts: readonly ArrayLike<number>[];
  readonly dt: number;
}

export type Spikes = SpikeTimes | SpikeCounts;

/** Spikes in time bins, sorted by bin and within a bin by neuron; several in one bin are as many entries. */
export interface BinnedSpikes {
  /** Seconds per bin. */
  readonly dt: number;
  readonly bins: Int32Array;
  readonly neurons: Int32Array;
}

/** Counts keep their own bins; times go into bins of `dt` seconds, each into the bin that holds it. */
export function binSpikes(spikes: Spikes, dt: number): BinnedSpikes {
  return 'counts' in spikes
    ? spikesFromCounts(spikes.counts, spikes.dt)
    : spikesFromTimes(spikes.times, dt);
}

/**
 * Spikes of a count matrix; counts are rounded, halves to the even number, and negative ones ignored.
 *
 * @param counts one row of bins per neuron.
 * @param dt seconds per bin.
 * @throws RecordingError naming the first count that is no finite number.
 */
export function spikesFromCounts(counts: readonly ArrayLike<number>[], dt: number): BinnedSpikes {
  const length = counts.reduce((most, row) => Math.max(most, row.length), 0);
  const countAt = (neuron: number, bin: number) => {
    const count = counts[neuron]![bin] ?? 0;
    if (!Number.isFinite(count)) {
      throw new RecordingError(
        `The spike count of neuron ${neuron} in bin ${bin} is ${count}; counts should be numbers.`,
      );
    }
    return Math.max(0, roundHalfEven(count));
  };
  let total = 0;
  for (let bin = 0; bin < length; bin++)
    for (let neuron = 0; neuron < counts.length; neuron++) total += countAt(neuron, bin);
  const bins = new Int32Array(total);
  const neurons = new Int32Array(total);
  let at = 0;
  for (let bin = 0; bin < length; bin++) {
    for (let neuron = 0; neuron < counts.length; neuron++) {
      const end = at + countAt(neuron, bin);
      bins.fill(bin, at, end);
      neurons.fill(neuron, at, end);
      at = end;
    }
  }
  return { dt, bins, neurons };
}

/**
 * Spikes of event times, each in the bin that holds it.
 *
 * @param times seconds from the trial's start, one list per neuron, in any order.
 * @param dt seconds per bin.
 * @throws RecordingError naming the neuron whose time is no finite number or lies before the start.
 */
export function spikesFromTimes(times: readonly ArrayLike<number>[], dt: number): BinnedSpikes {
  const spikeBin = (neuron: number, n: number) => {
    const time = times[neuron]![n]!;
    if (!Number.isFinite(time) || time < 0) {
      throw new RecordingError(
        `Spike ${n} of neuron ${neuron} is at ${time} s; times should be numbers from 0 on.`,
      );
    }
    // A time that is a whole number of bins but for rounding belongs to the bin it starts.
    return Math.floor(time / dt + 1e-9);
  };
  let total = 0;
  let last = -1;
  for (const [neuron, list] of times.entries()) {
    total += list.length;
    for (let n = 0; n < list.length; n++) last = Math.max(last, spikeBin(neuron, n));
  }
  // A counting sort: neurons come in order, so those of one bin do too.
  const starts = new Int32Array(last + 2);
  for (const [neuron, list] of times.entries())
    for (let n = 0; n < list.length; n++) starts[spikeBin(neuron, n) + 1]! += 1;
  for (let bin = 0; bin <= last; bin++) starts[bin + 1]! += starts[bin]!;
  const bins = new Int32Array(total);
  const neurons = new Int32Array(total);
  for (const [neuron, list] of times.entries()) {
    for (let n = 0; n < list.length; n++) {
      const bin = spikeBin(neuron, n);
      const at = starts[bin]!++;
      bins[at] = bin;
      neurons[at] = neuron;
    }
  }
  return { dt, bins, neurons };
}

/** Which entries lie between two times, seconds: the first, and the one past the last. */
export function spikesWithin(
  { bins, dt }: BinnedSpikes,
  start: number,
  stop: number,
): [number, number] {
  return [firstNotBefore(bins, binAt(start, dt)), firstNotBefore(bins, binAt(stop, dt))];
}

/** How many bins are over at a time: what is still being counted then is of the future. */
function binAt(time: number, dt: number): number {
  // Windows end at rounded times, and bins of a clock of rounded times have a step that is rounded, too: neither must
  // cost a whole bin.
  return Math.max(0, Math.floor(time / dt + 0.05));
}

/** Event times of each neuron; of counts, the starts of their bins. */
export function spikeTimes(spikes: Spikes): readonly ArrayLike<number>[] {
  if ('times' in spikes) return spikes.times;
  return spikes.counts.map((row) => {
    const times: number[] = [];
    for (let b = 0; b < row.length; b++)
      for (let n = roundHalfEven(row[b]!); n > 0; n--) times.push(b * spikes.dt);
    return times;
  });
}

/** How many spikes all neurons have. */
export function countSpikes(times: readonly ArrayLike<number>[]): number {
  return times.reduce((sum, { length }) => sum + length, 0);
}

/** Neurons a recording of these spikes has. */
export function neuronCount(spikes: Spikes): number {
  return 'counts' in spikes ? spikes.counts.length : spikes.times.length;
}

/** The spikes from `start` up to `stop`, on a clock that starts at `start`. */
export function cutSpikes(spikes: Spikes, start: number, stop: number): Spikes {
  if ('counts' in spikes) {
    const { counts, dt } = spikes;
    const [first, end] = [binAt(start, dt), binAt(stop, dt)];
    return { counts: counts.map((row) => Array.prototype.slice.call(row, first, end)), dt };
  }
  const within = (times: Float64Array) => {
    const cut = times.subarray(firstNotBefore(times, start), firstNotBefore(times, stop));
    return start === 0 ? cut : cut.map((time) => time - start);
  };
  return { times: spikes.times.map(within) };
}

/** Where the first of rising numbers that is not below `value` stands. */
export function firstNotBefore(rising: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rising[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Seconds up to the end of the last bin, or just past the last spike. */
export function spikesEnd(spikes: Spikes): number {
  if ('counts' in spikes)
    return spikes.dt * spikes.counts.reduce((most, row) => Math.max(most, row.length), 0);
  const latest = spikes.times.reduce((most, times) => Math.max(most, times.at(-1) ?? 0), 0);
  return latest * (1 + 2 * Number.EPSILON);
}
