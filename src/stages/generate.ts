/** The stage of generating: trials drawn from a run's model, scored beside the recording. */

import { type DrawSettings, Sampler } from '../generate/sampler.js';
import { generateTrials } from '../generate/trials.js';
import type { Engine } from '../gpu/engine.js';
import type { Neuroformer } from '../neuroformer/model.js';
import { timedProgress, type Watcher } from '../ports/watcher.js';
import {
  type AheadScores,
  type GeneratedScores,
  ratesAhead,
  scoreAhead,
  scoreGenerated,
  scoreWindows,
  type WindowScores,
} from '../probe/generated.js';
import type { GeneratedResults } from '../probe/results.js';
import { scoreTokens, type TokenScores, tokenFrequencies } from '../probe/token-scores.js';
import type { Part } from '../recording/splits.js';
import type { WindowRef } from '../recording/windows.js';
import { withEngine } from '../train/engine-source.js';
import { evenly, spreadWindows, windowBatches } from '../train/evaluate.js';
import { loadModel, type OpenedRun, windowsInPart } from '../train/open-run.js';
import { type StageOptions, stageContext } from './context.js';
import { UsageError } from './errors.js';
import { writeGenerated, writeGeneratedNwb } from './result-files.js';

export interface GenerateSettings {
  /** Trials, drawn at the same time. Default 20. */
  readonly trials?: number;
  /** Of each trial. Default 8. */
  readonly seconds?: number;
  /** Whose spikes the past holds: those drawn, or those recorded. Default 'own'. */
  readonly past?: 'own' | 'recorded';
  /** Which part of the split trials begin in. Default 'all'. */
  readonly part?: Part | 'all';
  /** How neurons and times are drawn. Default: at temperature 1. */
  readonly id?: DrawSettings;
  readonly time?: DrawSettings;
  /** Of the draws. Default 1. */
  readonly seed?: number;
  /** Neurons kept silent, and neurons made to fire at rates in Hz, by index. */
  readonly silent?: readonly number[];
  readonly drive?: Readonly<Record<number, number>>;
}

const DEFAULTS = { trials: 20, seconds: 8, past: 'own', part: 'all', seed: 1 } as const;

type GenerateStage = GenerateSettings & Required<Pick<GenerateSettings, keyof typeof DEFAULTS>>;

/** Trials that an average over trials needs. */
const MIN_ALIGNED_TRIALS = 10;
/** Windows scored one ahead of the recorded past, at once and in all. */
const AHEAD_BATCH = 100;
const MAX_AHEAD_WINDOWS = 1000;
/** Training windows that frequencies of tokens are counted in. */
const MAX_COUNTED_WINDOWS = 5000;

/**
 * Draws trials from a run's model, scores them, and writes both into the run's store.
 *
 * @throws UsageError where the recording has no room for such trials, or a clamped neuron is not there.
 */
export async function generate(
  run: OpenedRun,
  settings: GenerateSettings,
  options: StageOptions,
): Promise<GeneratedResults> {
  const { engine: source, watcher } = stageContext(options);
  const stage: GenerateStage = { ...DEFAULTS, ...settings };
  checkNeurons(stage, run.layout.tokenizer.ids.neurons);
  const starts = startsIn(run, stage);
  const results = await withEngine(source, (engine) =>
    drawAndScore(engine, run, stage, starts, watcher),
  );
  const { dataset, facts, records } = run;
  const name = results.clamped ? 'clamped' : 'generated';
  await writeGenerated(records.store, name, results);
  await writeGeneratedNwb(records.store, name, results, {
    recording: dataset.recording.name,
    ...(dataset.names && { names: dataset.names }),
    started: facts.started,
  });
  return results;
}

async function drawAndScore(
  engine: Engine,
  run: OpenedRun,
  stage: GenerateStage,
  starts: readonly WindowRef[],
  watcher: Watcher,
): Promise<GeneratedResults> {
  const { windows, layout, dataset } = run;
  using loaded = await loadModel(engine, run);
  for (const note of loaded.notes) watcher.note(note);
  const { model } = loaded;
  const progress = timedProgress(watcher, `drawing ${stage.trials} trials at once`, 'windows');
  const drawTrials = async () => {
    using sampler = new Sampler(engine, model, layout, stage.trials, stage);
    return await generateTrials(sampler, windows, { ...stage, starts }, progress);
  };
  const trials = await drawTrials();
  const bin = Math.max(0.05, run.config.window.curr);
  const clamped = describeClamps(stage, dataset.names);
  const ahead = clamped ? {} : await scoreOneAhead(engine, run, model, stage.seed, watcher);
  const { past, part, seed, seconds, id, time } = stage;
  return {
    trials,
    scores: scoreGenerated(dataset.recording, trials, bin),
    settings: { past, part, seed, seconds, id, time, weights: run.weights },
    clamped,
    bin,
    ...ahead,
  };
}

/** How well generated rates agree with the recorded ones, in a sentence. */
export function describeRates({ rateCorrelation }: GeneratedScores): string {
  return Number.isFinite(rateCorrelation)
    ? `Rates of neurons: r = ${rateCorrelation.toFixed(3)} with the recording.`
    : 'The rates have no correlation with the recording: one of them is the same for all neurons.';
}

/** The same of windows drawn one at a time, each from what was recorded before it. */
export function describeAhead({ train, test, recorded }: AheadScores): string {
  return `One window ahead of the recorded past: r = ${train.toFixed(3)} in the training part and ${test.toFixed(3)} in the test part, where the recorded rates of the training part have ${recorded.toFixed(3)}.`;
}

function checkNeurons({ silent = [], drive = {} }: GenerateSettings, neurons: number): void {
  const wrong = [...silent, ...Object.keys(drive).map(Number)].find(
    (neuron) => !Number.isInteger(neuron) || neuron < 0 || neuron >= neurons,
  );
  if (wrong !== undefined)
    throw new UsageError(
      `There is no neuron ${wrong} to clamp: they are numbered 0 to ${neurons - 1}.`,
    );
}

/** Which neurons were clamped, as a sentence; empty where none was. */
function describeClamps(
  { silent = [], drive = {} }: GenerateSettings,
  names?: readonly string[],
): string {
  const called = (neuron: number) => (names ? `${neuron} (${names[neuron]})` : `${neuron}`);
  const driven = Object.entries(drive).map(
    ([neuron, rate]) => `${called(Number(neuron))} at ${rate} Hz`,
  );
  const parts = [
    ...(silent.length > 0 ? [`neurons ${silent.map(called).join(', ')} were silenced`] : []),
    ...(driven.length > 0 ? [`neurons were driven: ${driven.join(', ')}`] : []),
  ];
  const text = parts.join('; ');
  return text && `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}

/**
 * Moments of a part of the split, each with enough recorded after it: the beginnings of trials where there are several,
 * so that what is alike in them is so in those drawn; others spread evenly.
 */
function startsIn(run: OpenedRun, { part, trials, seconds }: GenerateStage): WindowRef[] {
  const { windows } = run;
  const { current } = windows.settings;
  if (seconds < current) {
    throw new UsageError(
      `A trial is at least one window long: ${current} s, but --seconds is ${seconds}.`,
    );
  }
  const fits = ({ trialIndex, end }: WindowRef) =>
    end - current + seconds <= windows.recording.trials[trialIndex]!.duration + 1e-6;
  const candidates = windowsInPart(run.split, part).filter(fits);
  if (candidates.length === 0) {
    throw new UsageError(
      `No window of the ${part} part has ${seconds} s recorded after it: draw fewer seconds, or from another part.`,
    );
  }
  const beginnings = candidates.filter(({ end }) => end < current + 1e-6);
  const enough = beginnings.length >= Math.min(trials, MIN_ALIGNED_TRIALS);
  return evenly(enough ? beginnings : candidates, trials);
}

/** Scores one window ahead of the recorded past, on test windows, and rates on training windows, too. */
async function scoreOneAhead(
  engine: Engine,
  run: OpenedRun,
  model: Neuroformer,
  seed: number,
  watcher: Watcher,
): Promise<{ windows: WindowScores; tokens: TokenScores; ahead: AheadScores } | object> {
  const { windows, layout, split } = run;
  if (split.test.length === 0) return {};
  const size = Math.min(AHEAD_BATCH, split.test.length);
  const refs = spreadWindows(split.test, MAX_AHEAD_WINDOWS, size);
  using sampler = new Sampler(engine, model, layout, size, { seed: seed + 1 });
  const scored = await scoreWindows(sampler, windows, refs, size);
  const rates = (part: 'train' | 'test') => {
    const progress = timedProgress(watcher, `one window ahead, ${part} part`, 'windows');
    return ratesAhead(sampler, windows, split[part], size, progress);
  };
  const ahead = scoreAhead(await rates('train'), await rates('test'));
  const stride = Math.ceil(split.train.length / MAX_COUNTED_WINDOWS);
  const counted = split.train.filter((_, n) => n % stride === 0);
  const frequencies = tokenFrequencies(windowBatches(windows, layout, counted, 1), layout);
  const batches = windowBatches(windows, layout, refs, size);
  const tokens = await scoreTokens(engine, model, layout, size, batches, frequencies);
  return { windows: scored, tokens, ahead };
}
