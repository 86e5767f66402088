/** Recordings in memory: trials, each with its spikes, its film and its variables on a clock of its own. */

import { roundHalfEven } from './rounding.js';

/** Spikes in time bins, sorted by bin and within a bin by neuron; several in one bin are as many entries. */
export interface BinnedSpikes {
  /** Seconds per bin. */
  readonly dt: number;
  readonly bins: Int32Array;
  readonly neurons: Int32Array;
}

/** A film: `count` frames of height x width, row-major, the first at `start` seconds. */
export interface Film {
  readonly data: Float32Array | Uint8Array;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  /** Seconds per frame. */
  readonly dt: number;
}

/** A variable sampled at a fixed step from the trial's start. */
export interface Series {
  /** Numbers, or labels of a classified variable. */
  readonly values: Float64Array | readonly string[];
  /** Seconds per sample. */
  readonly dt: number;
}

/** A stretch of time that no window may leave; its clock starts at 0. */
export interface Trial {
  readonly id: number;
  /** Seconds from the session's start. */
  readonly start: number;
  /** Seconds. */
  readonly duration: number;
  readonly spikes: BinnedSpikes;
  readonly film?: Film;
  readonly variables: Readonly<Record<string, Series>>;
}

export interface Recording {
  readonly name: string;
  readonly neurons: number;
  readonly trials: readonly Trial[];
}

/**
 * Spikes of a count matrix; counts are rounded, halves to the even number, and negative ones ignored.
 *
 * @param counts one row of bins per neuron.
 * @param dt seconds per bin.
 * @throws Error naming the first count that is no finite number.
 */
export function spikesFromCounts(counts: readonly ArrayLike<number>[], dt: number): BinnedSpikes {
  const bins: number[] = [];
  const neurons: number[] = [];
  const length = Math.max(0, ...counts.map((row) => row.length));
  for (let bin = 0; bin < length; bin++) {
    for (const [neuron, row] of counts.entries()) {
      const count = row[bin] ?? 0;
      if (!Number.isFinite(count)) {
        throw new Error(
          `The spike count of neuron ${neuron} in bin ${bin} is ${count}; counts should be numbers.`,
        );
      }
      for (let n = roundHalfEven(count); n > 0; n--) {
        bins.push(bin);
        neurons.push(neuron);
      }
    }
  }
  return { dt, bins: Int32Array.from(bins), neurons: Int32Array.from(neurons) };
}

/**
 * Spikes of event times, each in the bin that holds it.
 *
 * @param times seconds from the trial's start, one list per neuron, in any order.
 * @param dt seconds per bin.
 * @throws Error naming the neuron whose time is no finite number or lies before the start.
 */
export function spikesFromTimes(times: readonly ArrayLike<number>[], dt: number): BinnedSpikes {
  const events: [bin: number, neuron: number][] = [];
  for (const [neuron, list] of times.entries()) {
    for (let n = 0; n < list.length; n++) {
      const time = list[n]!;
      if (!Number.isFinite(time) || time < 0) {
        throw new Error(
          `Spike ${n} of neuron ${neuron} is at ${time} s; times should be numbers from 0 on.`,
        );
      }
      // A time that is a whole number of bins but for rounding belongs to the bin it starts.
      events.push([Math.floor(time / dt + 1e-9), neuron]);
    }
  }
  events.sort((p, q) => p[0] - q[0] || p[1] - q[1]);
  return {
    dt,
    bins: Int32Array.from(events, ([bin]) => bin),
    neurons: Int32Array.from(events, ([, neuron]) => neuron),
  };
}

/** Where the first entry at or after `bin` stands. */
export function firstAt(spikes: BinnedSpikes, bin: number): number {
  let low = 0;
  let high = spikes.bins.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (spikes.bins[middle]! < bin) low = middle + 1;
    else high = middle;
  }
  return low;
}
