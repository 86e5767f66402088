/** Compares generated spikes with recorded ones. Each score comes with its baseline. */

import {
  firingRates,
  interspikeIntervals,
  psth,
  type SpikeSegment,
  setF1,
} from '../analyze/spike-trains.js';
import type { GeneratedWindow, Sampler } from '../generate/sampler.js';
import type { GeneratedTrial } from '../generate/trials.js';
import { correlation, mean, median } from '../math/statistics.js';
import type { Recording } from '../recording/recording.js';
import { countSpikes, spikeTimes } from '../recording/spikes.js';
import type { Window, WindowRef, Windows } from '../recording/windows.js';
import { pickEvenly } from '../train/window-batches.js';
import { expectedAhead, recordedTotals } from './model-rates.js';

/** One statistic of generated spikes and of recorded ones. */
export interface GeneratedAndRecorded {
  /** Of the generated spikes. */
  readonly generated: number;
  /** Of the recorded spikes. */
  readonly recorded: number;
}

/** Agreement of generated trials with the recording. */
export interface GeneratedScores {
  /** How many trials were generated. */
  readonly trials: number;
  /** Length of each trial. */
  readonly seconds: number;
  /** How many spikes were generated. */
  readonly spikes: number;
  /**
   * Correlation over neurons of the generated rates with the recorded rates in the whole recording.
   */
  readonly rateCorrelation: number;
  /**
   * Correlation over neurons of the generated rates with the recorded rates in the same segments.
   */
  readonly rateCorrelationSame: number;
  /**
   * The baseline: correlation over neurons of the recorded rates in these segments with those in
   * the whole recording.
   */
  readonly rateCorrelationRecorded: number;
  /** Mean rate of a neuron, in Hz; recorded is that of the whole recording. */
  readonly meanRate: GeneratedAndRecorded;
  /** Median interval between spikes of a neuron, in seconds. */
  readonly medianInterval: GeneratedAndRecorded;
  /**
   * Correlation over time of the generated and the recorded PSTH, aligned to the starts of the
   * trials.
   */
  readonly psthCorrelation: number;
  /** How many windows ended because their block was full. */
  readonly full: number;
}

/** The recorded segments at the times of generated trials. */
export function recordedSegments(
  recording: Recording,
  trials: readonly GeneratedTrial[],
): SpikeSegment[] {
  return trials.map(({ start, from, to }) => ({
    times: spikeTimes(recording.trials[start.trialIndex]!.spikes),
    from,
    to,
  }));
}

/** Scores generated trials. @param bin of the PSTH, in seconds */
export function scoreGenerated(
  recording: Recording,
  trials: readonly GeneratedTrial[],
  bin: number,
): GeneratedScores {
  const recorded = recordedSegments(recording, trials);
  const overall = firingRates(
    recording.trials.map(({ spikes, duration }) => ({
      times: spikeTimes(spikes),
      from: 0,
      to: duration,
    })),
  );
  const [same, generated] = [firingRates(recorded), firingRates(trials)];
  return {
    trials: trials.length,
    seconds: trials[0]!.to - trials[0]!.from,
    spikes: countSpikes(trials.flatMap(({ times }) => times)),
    rateCorrelation: correlation(generated, overall),
    rateCorrelationSame: correlation(generated, same),
    rateCorrelationRecorded: correlation(same, overall),
    meanRate: { recorded: mean(overall), generated: mean(generated) },
    medianInterval: {
      recorded: median(interspikeIntervals(recorded)),
      generated: median(interspikeIntervals(trials)),
    },
    psthCorrelation: correlation(psth(recorded, bin), psth(trials, bin)),
    full: trials.reduce((sum, { full }) => sum + full, 0),
  };
}

/**
 * Firing rates in windows side by side, each generated one window ahead of its recorded past, and
 * as recorded.
 */
export interface OneWindowAheadRates {
  /** How many windows were generated. */
  readonly windows: number;
  /** Generated rates, in Hz: [neurons]. */
  readonly generated: Float64Array;
  /** Recorded rates in the same windows, in Hz: [neurons]. */
  readonly recorded: Float64Array;
  /** Recorded rates in all windows, also those that were not generated, in Hz: [neurons]. */
  readonly recordedAll: Float64Array;
}

/**
 * Expected rates in windows that do not overlap, each given its recorded past. Of many windows it
 * takes some that are spread evenly.
 *
 * @param sampler that is `endless`
 * @param most windows that are drawn
 * @param size windows drawn at once
 * @param progress called after each batch with the windows so far and in all
 */
export async function oneWindowAheadRates(
  sampler: Sampler,
  windows: Windows,
  refs: readonly WindowRef[],
  most: number,
  size: number,
  progress: (done: number, total: number) => void = () => {},
): Promise<OneWindowAheadRates> {
  const { ids, current } = windows.settings;
  const all = nonOverlapping(refs, current);
  const selected = pickEvenly(all, Math.min(all.length, most));
  const generated = new Float64Array(ids.neurons);
  const expected = await expectedAhead(sampler, windows, selected, size, 1, progress);
  for (const [n, count] of expected.entries()) generated[n % ids.neurons]! += count;
  const seconds = selected.length * current;
  const hertz = (counts: Float64Array) => counts.map((count) => count / seconds);
  const share = selected.length / all.length;
  return {
    windows: selected.length,
    generated: hertz(generated),
    recorded: hertz(recordedTotals(windows, selected, ids.neurons)),
    recordedAll: hertz(recordedTotals(windows, all, ids.neurons).map((count) => count * share)),
  };
}

/** A count for each part of the recording. */
export interface CountPerPart {
  /** In the part that the model was trained on. */
  readonly train: number;
  /** In the held-out part. */
  readonly test: number;
}

/**
 * Agreement of rates generated one window ahead with recorded rates, as correlations over neurons.
 */
export interface OneWindowAheadScores {
  /** How many windows of each part were generated. */
  readonly windows: CountPerPart;
  /** Correlation of generated with recorded rates in the same windows of the training part. */
  readonly train: number;
  /** Correlation of generated with recorded rates in the same windows of the test part. */
  readonly test: number;
  /**
   * The baseline: correlation of the recorded rates in the training part with those in the test
   * windows.
   */
  readonly recorded: number;
  /** Mean rate of a neuron in the test windows, in Hz. */
  readonly meanRate: GeneratedAndRecorded;
}

/** Scores rates generated one window ahead. */
export function scoreOneWindowAhead(
  train: OneWindowAheadRates,
  test: OneWindowAheadRates,
): OneWindowAheadScores {
  return {
    windows: { train: train.windows, test: test.windows },
    train: correlation(train.generated, train.recorded),
    test: correlation(test.generated, test.recorded),
    recorded: correlation(train.recordedAll, test.recorded),
    meanRate: { generated: mean(test.generated), recorded: mean(test.recorded) },
  };
}

/** Selects windows in their order, each beginning no earlier than the previous one has ended. */
function nonOverlapping(refs: readonly WindowRef[], current: number): WindowRef[] {
  const selected: WindowRef[] = [];
  for (const ref of refs) {
    const last = selected.at(-1);
    const isClear =
      !last || last.trialIndex !== ref.trialIndex || ref.end - last.end > current - 1e-6;
    if (isClear) selected.push(ref);
  }
  return selected;
}

/** Agreement of windows generated one ahead of the recorded past with recorded windows. */
export interface WindowScores {
  /** How many windows were generated. */
  readonly windows: number;
  /** Mean F1 of the sets of neurons that fire. */
  readonly setF1: number;
  /**
   * The baseline: the same for windows generated at another moment, whose agreement comes from the
   * rates alone.
   */
  readonly shuffledSetF1: number;
}

/**
 * Draws each window once from its recorded past, and compares which neurons fired.
 *
 * @param size windows drawn at once
 * @param progress called after each batch with the windows so far and in all
 */
export async function scoreWindows(
  sampler: Sampler,
  windows: Windows,
  refs: readonly WindowRef[],
  size: number,
  progress: (done: number, total: number) => void = () => {},
): Promise<WindowScores> {
  const { ids } = windows.settings;
  const neurons = (tokens: Iterable<number>) =>
    new Set([...tokens].filter((token) => ids.isNeuron(token)));
  const truth: Set<number>[] = [];
  const drawn: Set<number>[] = [];
  for (let start = 0; start < refs.length; start += size) {
    const batch: Window[] = refs.slice(start, start + size).map((ref) => windows.at(ref));
    const generated: GeneratedWindow[] = await sampler.generate(batch);
    for (const [n, { current }] of batch.entries()) {
      truth.push(neurons(current.ids));
      drawn.push(neurons(generated[n]!.ids));
    }
    progress(truth.length, refs.length);
  }
  const half = Math.floor(truth.length / 2);
  return {
    windows: truth.length,
    setF1: setF1(truth.map((set, n) => [set, drawn[n]!] as const)),
    shuffledSetF1: setF1(truth.map((set, n) => [set, drawn[(n + half) % drawn.length]!] as const)),
  };
}
