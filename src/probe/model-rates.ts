/**
 * The rates of a model: expected counts of spikes in windows side by side, one window ahead of the
 * recorded past, or running freely from one window to the next.
 */

import { meansOfTotals } from '../analyze/rate-scores.js';
import type { Sampler } from '../generate/sampler.js';
import { generateTrials } from '../generate/trials.js';
import { countSpikes } from '../recording/spikes.js';
import type { WindowRef, Windows } from '../recording/windows.js';

/** Windows side by side of several trials, over the same time in each. */
export interface AlignedWindows {
  /** The trials, by index. */
  readonly trials: readonly number[];
  /** When the first window starts, in seconds on each trial's clock. */
  readonly from: number;
  /** How many windows there are in each trial. */
  readonly count: number;
  /** All windows, trial by trial. */
  readonly refs: readonly WindowRef[];
}

/**
 * The windows that all of these trials have, beginning with the first that reads nothing from
 * before its trial. Empty where the shortest trial has none.
 */
export function alignedWindows(windows: Windows, trials: readonly number[]): AlignedWindows {
  const { current } = windows.settings;
  const durations = trials.map((index) => windows.recording.trials[index]!.duration);
  const shortest = Math.min(...durations);
  const { current: span, all } = windows.span({ trialIndex: trials[0]!, end: shortest });
  // Rounded up to whole windows, so that bins of different widths share their edges.
  const from = Math.ceil((span.start - all.start) / current - 1e-6) * current;
  const count = Math.max(0, Math.floor((shortest - from) / current + 1e-6));
  const refs = trials.flatMap((trialIndex) =>
    Array.from({ length: count }, (_, n) => ({ trialIndex, end: from + (n + 1) * current })),
  );
  return { trials, from, count, refs };
}

/** Splits [windows, neurons] into the trials of aligned windows. */
export function splitByTrial(
  values: Float64Array,
  { trials, refs }: AlignedWindows,
): Float64Array[] {
  const length = (values.length / refs.length) * (refs.length / trials.length);
  return trials.map((_, n) => values.slice(n * length, (n + 1) * length));
}

/** Recorded counts in the current part of windows: [windows, neurons]. */
export function recordedCounts(windows: Windows, refs: readonly WindowRef[]): Float64Array {
  const { neurons } = windows.recording;
  const counts = new Float64Array(refs.length * neurons);
  for (const [n, ref] of refs.entries())
    windows.addCounts(ref, counts.subarray(n * neurons, (n + 1) * neurons));
  return counts;
}

/**
 * Recorded spikes in the current part of all windows together: [neurons].
 *
 * @param neurons of the result. Default: as many as the recording has.
 */
export function recordedTotals(
  windows: Windows,
  refs: readonly WindowRef[],
  neurons = windows.recording.neurons,
): Float64Array {
  const totals = new Float64Array(neurons);
  for (const ref of refs) windows.addCounts(ref, totals);
  return totals;
}

/** Mean recorded counts per window, above 0 also for silent neurons (`meanCounts`): [neurons]. */
export function recordedMeans(windows: Windows, refs: readonly WindowRef[]): Float64Array {
  return meansOfTotals(recordedTotals(windows, refs), refs.length);
}

/**
 * Expected counts of windows given the recorded past of each: [windows, neurons].
 *
 * @param sampler that is `endless`: others need several times as many draws for as little noise
 * @param size windows that the sampler draws at once
 * @param draws of each window, over which expected counts are averaged
 * @param progress called after each batch with the draws so far and in all
 */
export async function expectedAhead(
  sampler: Sampler,
  windows: Windows,
  refs: readonly WindowRef[],
  size: number,
  draws: number,
  progress: (done: number, total: number) => void = () => {},
): Promise<Float64Array> {
  const { neurons } = windows.recording;
  const expected = new Float64Array(refs.length * neurons);
  const total = draws * refs.length;
  for (let start = 0; start < total; start += size) {
    const indices = Array.from({ length: Math.min(size, total - start) }, (_, n) => start + n);
    const batch = indices.map((index) => windows.at(refs[index % refs.length]!));
    for (const [n, window] of (await sampler.generate(batch)).entries()) {
      const row = (indices[n]! % refs.length) * neurons;
      for (let i = 0; i < neurons; i++) expected[row + i]! += window.expected[i]! / draws;
    }
    progress(Math.min(total, start + size), total);
  }
  return expected;
}

/** A trial that ran freely. */
export interface FreeTrial {
  /** Expected counts given the spikes drawn before: [windows, neurons]. */
  readonly expected: Float32Array;
  /** Drawn spikes of all neurons. */
  readonly spikes: number;
}

/**
 * Trials that run freely: every window follows from the spikes drawn before it, with the recorded
 * stimulus. The past of the first window is the recorded one.
 *
 * @param sampler that draws as many windows at once as there are trials
 * @param draws of each trial
 * @param progress called after each window with the windows so far and in all
 * @returns for each draw, the trials in order
 */
export async function freeTrials(
  sampler: Sampler,
  windows: Windows,
  { trials, from, count }: AlignedWindows,
  draws: number,
  progress: (done: number, total: number) => void = () => {},
): Promise<FreeTrial[][]> {
  const { current } = windows.settings;
  const starts = trials.map((trialIndex) => ({ trialIndex, end: from + current }));
  const results: FreeTrial[][] = [];
  for (let draw = 0; draw < draws; draw++) {
    const settings = { starts, seconds: count * current, seed: draw };
    const drawn = await generateTrials(sampler, windows, settings, (done, total) =>
      progress(draw * total + done, draws * total),
    );
    results.push(
      drawn.map(({ expected, times }) => ({
        expected: expected!,
        spikes: countSpikes(times),
      })),
    );
  }
  return results;
}
