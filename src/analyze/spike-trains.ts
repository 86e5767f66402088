/** Recorded and generated spikes side by side: rates, intervals, time courses, and which neurons fired in a window. */

import { firstNotBefore } from '../recording/spikes.js';

/** Spikes of each neuron: event times in seconds, rising. */
export type Trains = readonly ArrayLike<number>[];

/** Spikes of some segments of time, each from `from` up to `to` seconds on a clock of its own. */
export interface SpikeSegment {
  readonly times: Trains;
  readonly from: number;
  readonly to: number;
}

/** The spikes of a train within a stretch of time. */
export function within(times: ArrayLike<number>, from: number, to: number): number[] {
  const [first, end] = [firstNotBefore(times, from - 1e-9), firstNotBefore(times, to - 1e-9)];
  return Array.prototype.slice.call(times, first, end);
}

/** Hz of each neuron over all segments. */
export function firingRates(segments: readonly SpikeSegment[]): Float64Array {
  const neurons = segments[0]?.times.length ?? 0;
  const seconds = segments.reduce((sum, { from, to }) => sum + to - from, 0);
  return Float64Array.from({ length: neurons }, (_, n) => {
    const spikes = segments.reduce(
      (sum, { times, from, to }) => sum + within(times[n]!, from, to).length,
      0,
    );
    return spikes / seconds;
  });
}

/** Seconds between a neuron's spikes and its next, all neurons and segments together. */
export function interspikeIntervals(segments: readonly SpikeSegment[]): number[] {
  return segments.flatMap(({ times, from, to }) =>
    times.flatMap((train) => {
      const own = within(train, from, to);
      return own.slice(1).map((time, n) => time - own[n]!);
    }),
  );
}

/** Mean rate per neuron in bins from each stretch's start, over segments: Hz, [bins]. */
export function timeCourse(segments: readonly SpikeSegment[], bin: number): Float64Array {
  const seconds = Math.min(...segments.map(({ from, to }) => to - from));
  const bins = Math.max(1, Math.floor(seconds / bin + 1e-9));
  const counts = new Float64Array(bins);
  let neurons = 0;
  for (const { times, from, to } of segments) {
    neurons = times.length;
    for (const train of times) {
      for (const time of within(train, from, to)) {
        const at = Math.floor((time - from) / bin + 1e-9);
        if (at < bins) counts[at]! += 1;
      }
    }
  }
  return counts.map((count) => count / (bin * neurons * segments.length));
}

/** Where rates around a neuron's spikes are looked at: seconds before and after them, in bins. */
export interface Around {
  readonly before: number;
  readonly after: number;
  readonly bin: number;
}

/**
 * Mean rate of some neurons around the spikes of another: Hz a neuron, [bins] from `before` seconds before a spike on.
 * Spikes too near the border of their stretch are left out.
 */
export function aroundSpikes(
  segments: readonly SpikeSegment[],
  source: number,
  targets: readonly number[],
  { before, after, bin }: Around,
): Float64Array {
  const bins = Math.round((before + after) / bin);
  const counts = new Float64Array(bins);
  let events = 0;
  for (const { times, from, to } of segments) {
    const triggers = within(times[source]!, from + before, to - after);
    events += triggers.length;
    for (const target of targets) {
      const spikes = within(times[target]!, from, to);
      let first = 0;
      for (const trigger of triggers) {
        while (first < spikes.length && spikes[first]! < trigger - before - 1e-9) first += 1;
        for (let n = first; n < spikes.length; n++) {
          const at = Math.floor((spikes[n]! - trigger + before) / bin + 1e-6);
          if (at >= bins) break;
          counts[at]! += 1;
        }
      }
    }
  }
  return counts.map((count) => count / (bin * targets.length * Math.max(1, events)));
}

/** Shares of numbers in bins of `width` from 0; what lies past the last bin is counted in none. */
export function histogram(values: readonly number[], width: number, bins: number): Float64Array {
  const counts = new Float64Array(bins);
  for (const value of values) {
    const at = Math.floor(value / width + 1e-9);
    if (at >= 0 && at < bins) counts[at]! += 1;
  }
  return counts.map((count) => count / Math.max(1, values.length));
}

/**
 * How well the sets of neurons that fire in a window agree: 2 |common| / (|a| + |b|), mean over windows in which either
 * has a spike.
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
