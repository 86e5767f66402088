/**
 * The generate stage: draws trials of spikes from a run's model and scores them against the
 * recording.
 */

import { type DrawSettings, Sampler } from '../generate/sampler.js';
import { generateTrials } from '../generate/trials.js';
import type { Engine } from '../gpu/engine.js';
import type { Neuroformer } from '../neuroformer/model.js';
import { timedProgress, type Watcher } from '../ports/watcher.js';
import { withFittingBatch } from '../probe/fitting-batch.js';
import {
  type GeneratedScores,
  type OneWindowAheadScores,
  oneWindowAheadRates,
  scoreGenerated,
  scoreOneWindowAhead,
  scoreWindows,
} from '../probe/generated.js';
import type { GeneratedResults } from '../probe/results.js';
import { scoreTokens } from '../probe/token-scores.js';
import type { Part } from '../recording/splits.js';
import type { WindowRef } from '../recording/windows.js';
import { formatSeconds } from '../text/format.js';
import { withEngine } from '../train/engine-source.js';
import { describeAnyPart, loadModel, type OpenedRun, windowsInPart } from '../train/open-run.js';
import { pickEvenly, spreadWindows } from '../train/window-batches.js';
import { type StageOptions, stageContext, stoppable, whileStoppable } from './context.js';
import { StoppedError, UsageError } from './errors.js';
import { type GeneratedName, writeGenerated } from './result-files.js';

/** What to generate, and how it is drawn. */
export interface GenerateSettings {
  /** Number of trials, drawn in parallel. Default: 20. */
  readonly trials?: number;
  /** Length of each trial in seconds. Default: 8. */
  readonly seconds?: number;
  /**
   * Spikes in the past window: those drawn before (`own`, free running), or the recorded ones.
   * Default: 'own'.
   */
  readonly past?: 'own' | 'recorded';
  /** The part of the split that trials start in. Default: 'all'. */
  readonly part?: Part | 'all';
  /** How neurons are drawn. Default: at temperature 1. */
  readonly id?: DrawSettings;
  /** How spike times are drawn. Default: at temperature 1. */
  readonly time?: DrawSettings;
  /** Seed of the draws. Default: 1. */
  readonly seed?: number;
  /** Neurons to silence, by index. */
  readonly silent?: readonly number[];
  /** Neurons to drive, by index, each at a rate in Hz that is added to what the model draws. */
  readonly drive?: Readonly<Record<number, number>>;
  /**
   * How many windows are scored, each drawn from its recorded past: none, up to a thousand of each
   * part (`quick`), or up to ten thousand (`full`). Clamped neurons are not scored. Default:
   * `quick`.
   */
  readonly score?: ScoreAmount;
}

/** How many windows are scored. */
export type ScoreAmount = keyof typeof SCORED_WINDOWS;

/** The most windows of each part whose rates are scored, and test windows whose spikes are. */
const SCORED_WINDOWS = {
  none: { rates: 0, spikes: 0 },
  quick: { rates: 1000, spikes: 200 },
  full: { rates: 10_000, spikes: 1000 },
} as const;

/** The amounts of scoring, from none to most. */
export const SCORE_AMOUNTS = Object.keys(SCORED_WINDOWS) as readonly ScoreAmount[];

const DEFAULTS = {
  trials: 20,
  seconds: 8,
  past: 'own',
  part: 'all',
  seed: 1,
  score: 'quick',
} as const;

type CompleteSettings = GenerateSettings & Required<Pick<GenerateSettings, keyof typeof DEFAULTS>>;

/** Minimum number of trials for an average over trials. */
const MIN_ALIGNED_TRIALS = 10;
/** Windows in a batch, when single windows are drawn from the recorded past. */
const ONE_WINDOW_AHEAD_BATCH = 100;
/**
 * Draws trials from a run's model and scores them. Trials are written into the run's store as soon
 * as they are drawn, and once more with their scores.
 *
 * Trials with clamped neurons (silenced or driven) go to files of their own and do not replace
 * freely drawn ones. If the watcher stops the drawing, the beginnings of the trials are written to
 * files whose names end in `-stopped`.
 *
 * @throws UsageError where the recording is too short for such trials, or a neuron to clamp does
 *   not exist or is both silent and driven; StoppedError where the watcher stops it, which says
 *   what was written.
 */
export async function generate(
  run: OpenedRun,
  settings: GenerateSettings,
  options: StageOptions,
): Promise<GeneratedResults> {
  const { engine: source, watcher } = stageContext(options);
  const complete: CompleteSettings = { ...DEFAULTS, ...settings };
  checkNeurons(complete, run.layout.tokenizer.ids.neurons);
  const starts = chooseStarts(run, complete);
  return await withEngine(source, async (engine) => {
    using loaded = await loadModel(engine, run);
    for (const note of loaded.notes) watcher.note(note);
    const { model } = loaded;
    const drawn = await drawTrials(engine, run, model, complete, starts, watcher);
    const name = drawn.clamped ? 'clamped' : 'generated';
    const { seconds } = drawn.scores;
    if (seconds < complete.seconds - run.config.window.curr / 2) {
      await write(run, `${name}-stopped`, drawn);
      throw new StoppedError(
        `Stopped after ${formatSeconds(seconds)} of ${formatSeconds(complete.seconds)}: the trials so far are in ${run.records.store.name}/${name}-stopped.npz, .nwb and .json.`,
      );
    }
    await write(run, name, drawn);
    if (drawn.clamped || complete.score === 'none') return drawn;
    const scores = await stoppable(
      watcher,
      (stopping) => scoreOneWindowAheadOfPast(engine, run, model, complete, stopping),
      'Stopping without scores; the trials are written.',
    );
    const results = { ...drawn, ...scores };
    await write(run, name, results);
    return results;
  });
}

function write(run: OpenedRun, name: GeneratedName, results: GeneratedResults): Promise<void> {
  const { dataset, facts, records } = run;
  return writeGenerated(records.store, name, results, {
    recording: dataset.recording.name,
    ...(dataset.names && { names: dataset.names }),
    started: facts.started,
  });
}

/** Draws trials, up to where the watcher stops them, and compares them with the recording. */
async function drawTrials(
  engine: Engine,
  run: OpenedRun,
  model: Neuroformer,
  settings: CompleteSettings,
  starts: readonly WindowRef[],
  watcher: Watcher,
): Promise<GeneratedResults> {
  const { windows, layout, dataset } = run;
  const activity = `drawing ${settings.trials} trials in parallel`;
  const progress = timedProgress(watcher, activity, 'windows');
  const shouldStop = () => watcher.shouldStop();
  const draw = async () => {
    using sampler = new Sampler(engine, model, layout, settings.trials, settings);
    const trialSettings = { ...settings, starts, shouldStop };
    return await generateTrials(sampler, windows, trialSettings, progress);
  };
  const reaction = 'Stopping after this window; the trials so far are kept.';
  const trials = await whileStoppable(watcher, reaction, draw);
  const bin = Math.max(0.05, run.config.window.curr);
  const { past, part, seed, seconds, id, time } = settings;
  return {
    trials,
    scores: scoreGenerated(dataset.recording, trials, bin),
    settings: { past, part, seed, seconds, id, time, weights: run.weights },
    clamped: describeClamps(settings, dataset.names),
    bin,
  };
}

/** How well generated firing rates agree with recorded ones, in a sentence. */
export function describeRates({ rateCorrelation }: GeneratedScores): string {
  return Number.isFinite(rateCorrelation)
    ? `Firing rates of neurons correlate with the recording at r = ${rateCorrelation.toFixed(3)}.`
    : 'Firing rates cannot be correlated with the recording: in one of the two, all neurons have the same rate.';
}

/** How well rates agree if each window is drawn from the recorded past, in a sentence. */
export function describeOneWindowAhead({ train, test, recorded }: OneWindowAheadScores): string {
  return `One window ahead of the recorded past: r = ${train.toFixed(3)} in the training part and ${test.toFixed(3)} in the test part. Baseline: recorded rates of the training part, r = ${recorded.toFixed(3)} in the test part.`;
}

function checkNeurons({ silent = [], drive = {} }: GenerateSettings, neurons: number): void {
  const unknown = [...silent, ...Object.keys(drive).map(Number)].find(
    (neuron) => !Number.isInteger(neuron) || neuron < 0 || neuron >= neurons,
  );
  if (unknown !== undefined)
    throw new UsageError(
      `There is no neuron ${unknown} to clamp: neurons are numbered from 0 to ${neurons - 1}.`,
    );
  const both = silent.find((neuron) => neuron in drive);
  if (both !== undefined)
    throw new UsageError(`Neuron ${both} cannot be both silent and driven: choose one.`);
}

/** Which neurons were clamped, in sentences; empty if none was. */
function describeClamps(
  { silent = [], drive = {} }: GenerateSettings,
  names?: readonly string[],
): string {
  const label = (neuron: number) => (names ? `${neuron} (${names[neuron]})` : `${neuron}`);
  const driven = Object.entries(drive).map(
    ([neuron, rate]) => `${label(Number(neuron))} at ${rate} Hz`,
  );
  return [
    ...(silent.length > 0 ? [`Neurons silenced: ${silent.map(label).join(', ')}.`] : []),
    ...(driven.length > 0 ? [`Neurons driven: ${driven.join(', ')}.`] : []),
  ].join(' ');
}

/**
 * The windows that trials start with: from one part of the split, each followed by enough
 * recording.
 *
 * If there are enough of them, only beginnings of recorded trials are used, so that averages over
 * trials can be compared. Otherwise windows are picked at even distances.
 *
 * @throws UsageError where trials are shorter than a window, or no window is followed by enough
 *   recording.
 */
function chooseStarts(run: OpenedRun, { part, trials, seconds }: CompleteSettings): WindowRef[] {
  const { windows } = run;
  const { current } = windows.settings;
  if (seconds < current) {
    throw new UsageError(
      `A trial should be at least one window long (${current} s), but seconds is ${seconds}.`,
    );
  }
  const fits = ({ trialIndex, end }: WindowRef) =>
    end - current + seconds <= windows.recording.trials[trialIndex]!.duration + 1e-6;
  const candidates = windowsInPart(run.split, part).filter(fits);
  if (candidates.length === 0) {
    throw new UsageError(
      `No window in ${describeAnyPart(part)} is followed by ${seconds} s of recording: generate fewer seconds, or choose another part.`,
    );
  }
  const beginnings = candidates.filter(({ end }) => end < current + 1e-6);
  const enough = beginnings.length >= Math.min(trials, MIN_ALIGNED_TRIALS);
  return pickEvenly(enough ? beginnings : candidates, trials);
}

/**
 * Scores windows that are each drawn from the recorded past: spikes and tokens of test windows,
 * rates of training and of test windows. Undefined where there are no test windows.
 */
async function scoreOneWindowAheadOfPast(
  engine: Engine,
  run: OpenedRun,
  model: Neuroformer,
  { seed, score }: Pick<CompleteSettings, 'seed' | 'score'>,
  watcher: Watcher,
): Promise<Required<Pick<GeneratedResults, 'windows' | 'tokens' | 'ahead'>> | undefined> {
  const { windows, layout, split } = run;
  if (split.test.length === 0) return undefined;
  const wholeSize = Math.min(ONE_WINDOW_AHEAD_BATCH, split.test.length);
  const most = SCORED_WINDOWS[score];
  const refs = spreadWindows(split.test, most.spikes, wholeSize);
  const drawn = await withFittingBatch(wholeSize, async (size) => {
    using sampler = new Sampler(engine, model, layout, size, { seed: seed + 1 });
    const endless = { seed: seed + 1, endless: true };
    using rateSampler = new Sampler(engine, model, layout, size, endless);
    const progress = timedProgress(watcher, 'one window ahead, which neurons fire', 'windows');
    const scored = await scoreWindows(sampler, windows, refs, size, progress);
    const rates = (part: 'train' | 'test') => {
      const progress = timedProgress(watcher, `one window ahead, ${part} part`, 'windows');
      return oneWindowAheadRates(rateSampler, windows, split[part], most.rates, size, progress);
    };
    const ahead = scoreOneWindowAhead(await rates('train'), await rates('test'));
    return { windows: scored, ahead };
  });
  return { ...drawn, tokens: await scoreTokens(engine, model, run, refs, wholeSize, watcher) };
}
