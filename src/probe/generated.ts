/** Generated spikes against recorded ones: the figures a report shows, with their baselines. */

import { correlation } from '../analyze/edges.js';
import {
  firingRates,
  interspikeIntervals,
  type SpikeSegment,
  setF1,
  timeCourse,
} from '../analyze/spike-trains.js';
import type { GeneratedWindow, Sampler } from '../generate/sampler.js';
import type { GeneratedTrial } from '../generate/trials.js';
import { mean, median } from '../math/statistics.js';
import type { Recording } from '../recording/recording.js';
import { countSpikes, spikesWithin, spikeTimes } from '../recording/spikes.js';
import type { Window, WindowRef, Windows } from '../recording/windows.js';
import { evenly } from '../train/evaluate.js';

export interface GeneratedScores {
  readonly trials: number;
  readonly seconds: number;
  readonly spikes: number;
  /** Correlation over neurons of generated with recorded rates: of the whole recording, and of the same segments. */
  readonly rateCorrelation: number;
  readonly rateCorrelationSame: number;
  /** Correlation over neurons of the recorded rates of these segments with those of the whole recording. */
  readonly rateCorrelationRecorded: number;
  readonly meanRate: { readonly recorded: number; readonly generated: number };
  /** Seconds; the median interval between a neuron's spikes. */
  readonly medianInterval: { readonly recorded: number; readonly generated: number };
  /** Correlation over time of the mean rates, aligned to the trials' starts. */
  readonly psthCorrelation: number;
  /** Windows whose block was full. */
  readonly full: number;
}

/** The segments of a recording that trials were generated for. */
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

/** Scores of generated trials. @param bin seconds, of the rates over time. */
export function scoreGenerated(
  recording: Recording,
  trials: readonly GeneratedTrial[],
  bin: number,
): GeneratedScores {
  const recorded = recordedSegments(recording, trials);
  const whole = firingRates(
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
    rateCorrelation: correlation(generated, whole),
    rateCorrelationSame: correlation(generated, same),
    rateCorrelationRecorded: correlation(same, whole),
    meanRate: { recorded: mean(whole), generated: mean(generated) },
    medianInterval: {
      recorded: median(interspikeIntervals(recorded)),
      generated: median(interspikeIntervals(trials)),
    },
    psthCorrelation: correlation(timeCourse(recorded, bin), timeCourse(trials, bin)),
    full: trials.reduce((sum, { full }) => sum + full, 0),
  };
}

/** Rates over windows side by side, drawn one ahead of the recorded past, and as they were recorded: Hz of each neuron. */
export interface AheadRates {
  readonly windows: number;
  /** How often each window was drawn: the more, the less of the rates is chance. */
  readonly draws: number;
  readonly generated: Float64Array;
  readonly recorded: Float64Array;
  /** Recorded, of all windows, however few were drawn. */
  readonly all: Float64Array;
}

/** Windows that rates are made of: more would say little more. */
const MAX_RATE_WINDOWS = 10_000;

/** Spikes drawn of a neuron, on average, so that chance takes little from a correlation of rates; and most draws for it. */
const TARGET_DRAWN_SPIKES = 300;
const MAX_DRAWS = 100;

/**
 * Draws windows that do not overlap from their recorded pasts; of very many, some spread over all. Each is drawn as often
 * as it takes for the rates to be the model's and not those of chance.
 */
export async function ratesAhead(
  sampler: Sampler,
  windows: Windows,
  refs: readonly WindowRef[],
  size: number,
  progress: (done: number, of: number) => void = () => {},
): Promise<AheadRates> {
  const { ids, current } = windows.settings;
  const all = sideBySide(refs, current);
  const apart = evenly(all, Math.min(all.length, MAX_RATE_WINDOWS));
  const generated = new Float64Array(ids.neurons);
  const recorded = recordedIn(windows, apart);
  const draws = Math.min(MAX_DRAWS, Math.ceil(TARGET_DRAWN_SPIKES / Math.max(1, mean(recorded))));
  const total = apart.length * draws;
  for (let start = 0; start < total; start += size) {
    const places = Array.from({ length: size }, (_, n) => start + n);
    // The last batch is filled up; what comes of that is not counted.
    const part = places.map((place) => windows.at(apart[place % apart.length]!));
    const drawn = await sampler.generate(part);
    for (const [n, place] of places.entries()) {
      if (place >= total) break;
      for (const id of drawn[n]!.ids) if (ids.isNeuron(id)) generated[id]! += 1 / draws;
    }
    progress(Math.min(total, start + size), total);
  }
  const seconds = apart.length * current;
  const hertz = (counts: Float64Array) => counts.map((count) => count / seconds);
  const share = apart.length / all.length;
  return {
    windows: apart.length,
    all: hertz(recordedIn(windows, all).map((count) => count * share)),
    draws,
    generated: hertz(generated),
    recorded: hertz(recorded),
  };
}

/** Rates one window ahead against recorded ones: correlations over neurons. */
export interface AheadScores {
  /** Windows of each part, and how often each was drawn. */
  readonly windows: { readonly train: number; readonly test: number };
  readonly draws: { readonly train: number; readonly test: number };
  /** Generated with recorded rates of the same windows, of the training and of the test part. */
  readonly train: number;
  readonly test: number;
  /** Recorded rates of training windows with those of test windows: what knowing nothing but the past rates gives. */
  readonly recorded: number;
  /** Hz, the mean of all neurons. */
  readonly meanRate: { readonly generated: number; readonly recorded: number };
}

export function scoreAhead(train: AheadRates, test: AheadRates): AheadScores {
  return {
    windows: { train: train.windows, test: test.windows },
    draws: { train: train.draws, test: test.draws },
    train: correlation(train.generated, train.recorded),
    test: correlation(test.generated, test.recorded),
    recorded: correlation(train.all, test.recorded),
    meanRate: { generated: mean(test.generated), recorded: mean(test.recorded) },
  };
}

/** Spikes of each neuron in the current parts of windows, also where a block cuts them. */
function recordedIn(windows: Windows, refs: readonly WindowRef[]): Float64Array {
  const counts = new Float64Array(windows.settings.ids.neurons);
  for (const ref of refs) {
    const spikes = windows.binnedSpikes(ref.trialIndex);
    const { start, stop } = windows.span(ref).current;
    const [first, end] = spikesWithin(spikes, start, stop);
    for (let n = first; n < end; n++) counts[spikes.neurons[n]!]! += 1;
  }
  return counts;
}

/** Of windows in order, those that begin where one before them has ended. */
function sideBySide(refs: readonly WindowRef[], current: number): WindowRef[] {
  const chosen: WindowRef[] = [];
  for (const ref of refs) {
    const last = chosen.at(-1);
    const free = !last || last.trialIndex !== ref.trialIndex || ref.end - last.end > current - 1e-6;
    if (free) chosen.push(ref);
  }
  return chosen;
}

export interface WindowScores {
  readonly windows: number;
  /** Mean agreement of the sets of neurons, one window ahead of the recorded past. */
  readonly setF1: number;
  /** The same of windows drawn for another moment: what rates alone give. */
  readonly shuffledSetF1: number;
}

/** Draws each window once from its recorded past, and compares which neurons fired. */
export async function scoreWindows(
  sampler: Sampler,
  windows: Windows,
  refs: readonly WindowRef[],
  size: number,
): Promise<WindowScores> {
  const { ids } = windows.settings;
  const neurons = (tokens: Iterable<number>) =>
    new Set([...tokens].filter((token) => ids.isNeuron(token)));
  const truth: Set<number>[] = [];
  const drawn: Set<number>[] = [];
  for (let start = 0; start < refs.length; start += size) {
    const part: Window[] = refs.slice(start, start + size).map((ref) => windows.at(ref));
    const found: GeneratedWindow[] = await sampler.generate(part);
    for (const [n, { current }] of part.entries()) {
      truth.push(neurons(current.ids));
      drawn.push(neurons(found[n]!.ids));
    }
  }
  const half = Math.floor(truth.length / 2);
  return {
    windows: truth.length,
    setF1: setF1(truth.map((set, n) => [set, drawn[n]!] as const)),
    shuffledSetF1: setF1(truth.map((set, n) => [set, drawn[(n + half) % drawn.length]!] as const)),
  };
}
