/** Generated spikes against recorded ones: the figures a report shows, with their baselines. */

import type { Recording } from '../data/recording.js';
import { countSpikes, timesOf } from '../data/spikes.js';
import type { Window, WindowRef, Windows } from '../data/windows.js';
import type { GeneratedWindow, Sampler } from '../generate/sampler.js';
import type { GeneratedTrial } from '../generate/trials.js';
import { correlation } from './edges.js';
import { intervalsOf, ratesOf, type Stretch, setF1, timeCourse } from './spikes.js';

export interface GeneratedScores {
  readonly trials: number;
  readonly seconds: number;
  readonly spikes: number;
  /** Correlation over neurons of generated with recorded rates: of the whole recording, and of the same stretches. */
  readonly rateCorrelation: number;
  readonly rateCorrelationSame: number;
  /** Correlation over neurons of the recorded rates of these stretches with those of the whole recording. */
  readonly rateCorrelationRecorded: number;
  readonly meanRate: { readonly recorded: number; readonly generated: number };
  /** Seconds; the median interval between a neuron's spikes. */
  readonly medianInterval: { readonly recorded: number; readonly generated: number };
  /** Correlation over time of the mean rates, aligned to the trials' starts. */
  readonly psthCorrelation: number;
  /** Windows whose block was full. */
  readonly full: number;
}

/** The stretches of a recording that trials were generated for. */
export function recordedStretches(
  recording: Recording,
  trials: readonly GeneratedTrial[],
): Stretch[] {
  return trials.map(({ start, from, to }) => ({
    times: timesOf(recording.trials[start.trial]!.spikes),
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
  const recorded = recordedStretches(recording, trials);
  const whole = ratesOf(
    recording.trials.map(({ spikes, duration }) => ({
      times: timesOf(spikes),
      from: 0,
      to: duration,
    })),
  );
  const [same, generated] = [ratesOf(recorded), ratesOf(trials)];
  const mean = (values: Float64Array) => values.reduce((sum, v) => sum + v, 0) / values.length;
  return {
    trials: trials.length,
    seconds: trials[0]!.to - trials[0]!.from,
    spikes: countSpikes(trials.flatMap(({ times }) => times)),
    rateCorrelation: correlation(generated, whole),
    rateCorrelationSame: correlation(generated, same),
    rateCorrelationRecorded: correlation(same, whole),
    meanRate: { recorded: mean(whole), generated: mean(generated) },
    medianInterval: {
      recorded: median(intervalsOf(recorded)),
      generated: median(intervalsOf(trials)),
    },
    psthCorrelation: correlation(timeCourse(recorded, bin), timeCourse(trials, bin)),
    full: trials.reduce((sum, { full }) => sum + full, 0),
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((p, q) => p - q);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1
    ? sorted[Math.floor(middle)]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
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
