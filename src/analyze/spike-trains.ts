/**
 * Statistics of spike trains: rates, intervals, rates over time and around spikes, and overlap of
 * sets of neurons.
 */

import { lowerBound } from '../recording/spikes.js';

/** Spike times of each neuron, in seconds, ascending. */
export type SpikeTrains = readonly ArrayLike<number>[];

/** A segment of time with the spikes in and around it. Each segment has its own clock. */
export interface SpikeSegment {
  readonly times: SpikeTrains;
  /** When the segment starts, in seconds on its clock. */
  readonly from: number;
  /** When the segment ends, in seconds on its clock. */
  readonly to: number;
}

/** The spikes of a train from `from` up to `to`. */
export function spikeTimesBetween(times: ArrayLike<number>, from: number, to: number): number[] {
  const [first, end] = [lowerBound(times, from - 1e-9), lowerBound(times, to - 1e-9)];
  return Array.prototype.slice.call(times, first, end);
}

/** The firing rate of each neuron over all segments, in Hz: [neurons]. */
export function firingRates(segments: readonly SpikeSegment[]): Float64Array {
  const neurons = segments[0]?.times.length ?? 0;
  const seconds = segments.reduce((sum, { from, to }) => sum + to - from, 0);
  return Float64Array.from({ length: neurons }, (_, n) => {
    const spikes = segments.reduce(
      (sum, { times, from, to }) => sum + spikeTimesBetween(times[n]!, from, to).length,
      0,
    );
    return spikes / seconds;
  });
}

/** Seconds from each spike to the next of the same neuron, over all neurons and segments. */
export function interspikeIntervals(segments: readonly SpikeSegment[]): number[] {
  return segments.flatMap(({ times, from, to }) =>
    times.flatMap((train) => {
      const spikes = spikeTimesBetween(train, from, to);
      return spikes.slice(1).map((time, n) => time - spikes[n]!);
    }),
  );
}

/**
 * The PSTH: mean rate of a neuron in bins from the start of a segment, over all neurons and
 * segments, in Hz: [bins].
 *
 * @param bin seconds
 */
export function psth(segments: readonly SpikeSegment[], bin: number): Float64Array {
  const seconds = Math.min(...segments.map(({ from, to }) => to - from));
  const bins = Math.max(1, Math.floor(seconds / bin + 1e-9));
  const counts = new Float64Array(bins);
  let neurons = 0;
  for (const { times, from, to } of segments) {
    neurons = times.length;
    for (const train of times) {
      for (const time of spikeTimesBetween(train, from, to)) {
        const b = Math.floor((time - from) / bin + 1e-9);
        if (b < bins) counts[b]! += 1;
      }
    }
  }
  return counts.map((count) => count / (bin * neurons * segments.length));
}

/** The time around a spike, divided into bins. */
export interface PeriSpikeWindow {
  /** Seconds before the spike. */
  readonly before: number;
  /** Seconds after the spike. */
  readonly after: number;
  /** Seconds per bin. */
  readonly bin: number;
}

/**
 * The mean rate of the target neurons around the spikes of a source neuron, in Hz: [bins],
 * beginning `before` seconds before a spike. Source spikes too close to the border of their segment
 * are not used.
 */
export function spikeTriggeredRate(
  segments: readonly SpikeSegment[],
  source: number,
  targets: readonly number[],
  { before, after, bin }: PeriSpikeWindow,
): Float64Array {
  const bins = Math.round((before + after) / bin);
  const counts = new Float64Array(bins);
  let events = 0;
  for (const { times, from, to } of segments) {
    const triggers = spikeTimesBetween(times[source]!, from + before, to - after);
    events += triggers.length;
    for (const target of targets) {
      const spikes = spikeTimesBetween(times[target]!, from, to);
      let first = 0;
      for (const trigger of triggers) {
        while (first < spikes.length && spikes[first]! < trigger - before - 1e-9) first += 1;
        for (let n = first; n < spikes.length; n++) {
          const b = Math.floor((spikes[n]! - trigger + before) / bin + 1e-6);
          if (b >= bins) break;
          counts[b]! += 1;
        }
      }
    }
  }
  return counts.map((count) => count / (bin * targets.length * Math.max(1, events)));
}

/**
 * The share of the values in each bin of `width`, beginning at 0: [bins]. Values past the last bin
 * are in none.
 */
export function histogram(values: readonly number[], width: number, bins: number): Float64Array {
  const counts = new Float64Array(bins);
  for (const value of values) {
    const b = Math.floor(value / width + 1e-9);
    if (b >= 0 && b < bins) counts[b]! += 1;
  }
  return counts.map((count) => count / Math.max(1, values.length));
}

/**
 * The overlap of two sets of neurons that fire in a window: F1 = 2 |common| / (|a| + |b|), averaged
 * over the windows in which either set is not empty.
 */
export function setF1(
  pairs: readonly (readonly [ReadonlySet<number>, ReadonlySet<number>])[],
): number {
  const scores = pairs.flatMap(([a, b]) => {
    if (a.size + b.size === 0) return [];
    const common = [...a].filter((neuron) => b.has(neuron)).length;
    return [(2 * common) / (a.size + b.size)];
  });
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}
