/** The stages that commands are made of: each reads a folder, does one thing, and writes into the folder. */

import { resolve } from 'node:path';
import { interruptFlag, LiveLine, spoken, UsageError } from '../cli/terminal.js';
import { type Dataset, openDataset } from '../dataset/dataset.js';
import { type DrawSettings, Sampler } from '../generate/sampler.js';
import { type GeneratedTrial, generateTrials } from '../generate/trials.js';
import type { ModelConfig } from '../neuroformer/config.js';
import type { SavedModel } from '../neuroformer/saved.js';
import { FileError, makeFolder } from '../node/files.js';
import { createEngine, describeEstimate, type Engine, estimateMemory } from '../node.js';
import { type Explained, type ExplainSettings, explain } from '../probe/connectivity.js';
import {
  type AheadScores,
  type GeneratedScores,
  ratesAhead,
  scoreAhead,
  scoreGenerated,
  scoreWindows,
  type WindowScores,
} from '../probe/generated.js';
import { scoreTokens, type TokenScores, tokenFrequencies } from '../probe/token-scores.js';
import type { Part } from '../recording/splits.js';
import type { WindowRef } from '../recording/windows.js';
import { type GeneratedResults, writeReport } from '../report/report.js';
import { grouped } from '../text/format.js';
import { batchesOf, evenly, spread } from '../train/evaluate.js';
import { type RunFacts, RunFolder } from '../train/run-records.js';
import type { TrainSettings } from '../train/settings.js';
import { type TrainingData, type TrainResult, train } from '../train/trainer.js';
import {
  loadModel,
  notesOn,
  type OpenedRun,
  partOf,
  prepare,
  tokenizerAfter,
} from '../train/training-data.js';
import {
  readDecoded,
  readExplained,
  readGenerated,
  readLabels,
  writeExplained,
  writeGenerated,
  writeGeneratedNwb,
} from './result-files.js';

export const VERSION = '0.1.0';

/** Says something on standard output. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function adapterOf(engine: Engine): string {
  return `${engine.facts.description} (${engine.facts.reason})`;
}

export interface TrainStage {
  /** Where the data are, or the data, already open. */
  readonly data: string | Dataset;
  readonly out: string;
  readonly config: ModelConfig;
  readonly settings: TrainSettings;
  readonly force?: boolean;
  readonly resume?: boolean;
  /** The model it begins from, or goes on with. */
  readonly before?: SavedModel;
  /** The file that model began from. */
  readonly from?: string;
  /** Says nothing but how far it is. */
  readonly quiet?: boolean;
}

/** Trains into a folder, or goes on with what is in it. */
export async function trainStage(stage: TrainStage): Promise<TrainResult> {
  const { config, settings, before, resume = false, quiet = false } = stage;
  const tell = quiet ? () => {} : say;
  const folder = new RunFolder(stage.out);
  if (!resume) makeFolder(stage.out, stage.force);
  else if (!folder.exists)
    throw new FileError(`${folder.last} is not there: ${stage.out} holds no run to resume.`);
  const dataset = typeof stage.data === 'string' ? await openDataset(stage.data) : stage.data;
  const { recording } = dataset;
  const tokenizer = before?.tokenizer && tokenizerAfter(before.tokenizer, config, recording);
  const data = prepare(recording, config, settings, tokenizer);
  const notes = [...dataset.notes, ...notesOn(data)];
  for (const note of notes) tell(note);
  let adapter: string | undefined;
  const line = new LiveLine();
  const interrupt = interruptFlag(() => {
    line.close();
    process.stderr.write('Stopping after this update and saving; once more to stop at once.\n');
  });
  try {
    const result = await train({
      data,
      settings,
      folder,
      resume,
      ...(before && !resume && { from: before }),
      shouldStop: () => interrupt.asked,
      openEngine: async () => {
        const engine = await createEngine();
        if (adapter === undefined && !quiet) await announce(engine, data, settings);
        adapter = adapterOf(engine);
        return engine;
      },
      onStart: () => folder.writeFacts(factsOf(stage, dataset.path, data, notes, adapter!)),
      watcher: {
        note: (sentence) => {
          line.close();
          tell(sentence);
        },
        progress: ({ step, steps, loss, tokensPerSecond, secondsLeft }) =>
          line.show(
            `update ${step} of ${steps}  loss ${loss.toFixed(4)}  ${grouped(Math.round(tokensPerSecond))} tokens/s  ${spoken(secondsLeft)} left`,
          ),
      },
    });
    line.close();
    if (result.stopped === 'interrupted') {
      say(
        `Saved at update ${result.progress.step}. To go on: neuroformer train --resume ${stage.out}`,
      );
      process.exitCode = 130;
    }
    if (result.stopped === 'patience')
      say(`Stopped at update ${result.progress.step}: the validation loss has not improved.`);
    return result;
  } finally {
    line.close();
    interrupt.done();
  }
}

async function announce(
  engine: Engine,
  data: TrainingData,
  settings: TrainSettings,
): Promise<void> {
  say(`Adapter: ${adapterOf(engine)}.`);
  const memory = await estimateMemory(engine, data.layout, settings.batch);
  say(describeEstimate(memory, settings.batch));
}

function factsOf(
  stage: TrainStage,
  path: string,
  { split, fingerprint }: TrainingData,
  notes: readonly string[],
  adapter: string,
): RunFacts {
  return {
    version: VERSION,
    started: new Date().toISOString(),
    data: resolve(path),
    fingerprint,
    adapter,
    training: stage.settings,
    windows: {
      train: split.train.length,
      validation: split.validation.length,
      test: split.test.length,
      leftOut: split.leftOut,
    },
    ...(stage.from !== undefined && { from: stage.from }),
    notes,
  };
}

export interface GenerateStage {
  readonly trials: number;
  readonly seconds: number;
  readonly past: 'own' | 'recorded';
  readonly part: Part | 'all';
  readonly id?: DrawSettings;
  readonly time?: DrawSettings;
  readonly seed: number;
  readonly silent?: readonly number[];
  readonly drive?: Readonly<Record<number, number>>;
}

/** Draws trials from a run's model, scores them, and writes both into the run's folder. */
export async function generateStage(
  engine: Engine,
  run: OpenedRun,
  stage: GenerateStage,
): Promise<GeneratedResults> {
  const { windows, layout, split } = run;
  const { store, model, notes } = await loadModel(engine, run);
  for (const note of notes) say(note);
  checkNeurons(stage, layout.tokenizer.ids.neurons);
  const starts = startsOf(run, stage);
  const sampler = new Sampler(engine, model, layout, stage.trials, stage);
  const line = new LiveLine();
  const progress = line.counting(
    (done, of) => `window ${done} of ${of}, ${stage.trials} trials at once`,
  );
  let trials: GeneratedTrial[];
  try {
    trials = await generateTrials(sampler, windows, { ...stage, starts }, progress);
  } finally {
    line.close();
    sampler.dispose();
  }
  const bin = Math.max(0.05, run.config.window.curr);
  const { recording, names } = run.dataset;
  const scores = scoreGenerated(recording, trials, bin);
  const clamped = clampedOf(stage, names);
  const ahead = clamped ? {} : await aheadOf(engine, run, model, split.test, stage.seed);
  store.dispose();
  const { past, part, seed, seconds, id, time } = stage;
  const results: GeneratedResults = {
    trials,
    scores,
    settings: { past, part, seed, seconds, id, time, weights: run.weights },
    clamped,
    bin,
    ...ahead,
  };
  const name = clamped ? 'clamped' : 'generated';
  writeGenerated(run.folder.path, name, results);
  await writeGeneratedNwb(run.folder.path, name, results, {
    recording: recording.name,
    ...(names && { names }),
    started: run.facts.started,
  });
  return results;
}

/** How well generated rates agree with the recorded ones, in a sentence. */
export function ratesInWords({ rateCorrelation }: GeneratedScores): string {
  return Number.isFinite(rateCorrelation)
    ? `Rates of neurons: r = ${rateCorrelation.toFixed(3)} with the recording.`
    : 'The rates have no correlation with the recording: one of them is the same for all neurons.';
}

/** The same of windows drawn one at a time, each from what was recorded before it. */
export function aheadInWords({ train, test, recorded }: AheadScores): string {
  return `One window ahead of the recorded past: r = ${train.toFixed(3)} in the training part and ${test.toFixed(3)} in the test part, where the recorded rates of the training part have ${recorded.toFixed(3)}.`;
}

function checkNeurons({ silent = [], drive = {} }: GenerateStage, neurons: number): void {
  const wrong = [...silent, ...Object.keys(drive).map(Number)].find(
    (neuron) => !Number.isInteger(neuron) || neuron < 0 || neuron >= neurons,
  );
  if (wrong !== undefined)
    throw new UsageError(
      `There is no neuron ${wrong} to clamp: they are numbered 0 to ${neurons - 1}.`,
    );
}

function clampedOf({ silent = [], drive = {} }: GenerateStage, names?: readonly string[]): string {
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

/** Trials that an average over trials needs. */
const SEVERAL = 10;

/**
 * Moments of a part of the split, each with enough recorded after it: the beginnings of trials where there are several,
 * so that what is alike in them is so in those drawn; others spread evenly.
 */
function startsOf(run: OpenedRun, { part, trials, seconds }: GenerateStage): WindowRef[] {
  const { windows } = run;
  const { current } = windows.settings;
  if (seconds < current) {
    throw new UsageError(
      `A trial is at least one window long: ${current} s, but --seconds is ${seconds}.`,
    );
  }
  const fits = ({ trial, end }: WindowRef) =>
    end - current + seconds <= windows.recording.trials[trial]!.duration + 1e-6;
  const candidates = partOf(run.split, part).filter(fits);
  if (candidates.length === 0) {
    throw new UsageError(
      `No window of the ${part} part has ${seconds} s recorded after it: draw fewer seconds, or from another part.`,
    );
  }
  const beginnings = candidates.filter(({ end }) => end < current + 1e-6);
  return evenly(beginnings.length >= Math.min(trials, SEVERAL) ? beginnings : candidates, trials);
}

/** Scores one window ahead of the recorded past, on test windows, and rates on training windows, too. */
async function aheadOf(
  engine: Engine,
  run: OpenedRun,
  model: Awaited<ReturnType<typeof loadModel>>['model'],
  test: readonly WindowRef[],
  seed: number,
): Promise<{ windows: WindowScores; tokens: TokenScores; ahead: AheadScores } | object> {
  const { windows, layout, split } = run;
  if (test.length === 0) return {};
  const size = Math.min(100, test.length);
  const refs = spread(test, 1000, size);
  const sampler = new Sampler(engine, model, layout, size, { seed: seed + 1 });
  const scored = await scoreWindows(sampler, windows, refs, size);
  const line = new LiveLine();
  const rates = (part: 'train' | 'test') => {
    const progress = line.counting(
      (done, of) => `one window ahead, ${part} part: ${done} of ${of} windows`,
    );
    return ratesAhead(sampler, windows, split[part], size, progress);
  };
  const ahead = { train: await rates('train'), test: await rates('test') };
  line.close();
  sampler.dispose();
  const trained = split.train.filter((_, n) => n % Math.ceil(split.train.length / 5000) === 0);
  const frequencies = tokenFrequencies(batchesOf(windows, layout, trained, 1), layout);
  const batches = batchesOf(windows, layout, refs, size);
  const tokens = await scoreTokens(engine, model, layout, size, batches, frequencies);
  return { windows: scored, tokens, ahead: scoreAhead(ahead.train, ahead.test) };
}

/** Connectivity of a run's model, written into its folder. */
export async function explainStage(
  engine: Engine,
  run: OpenedRun,
  settings: ExplainSettings,
): Promise<Explained & { seconds: number }> {
  const { windows, layout, split, dataset } = run;
  const { store, model } = await loadModel(engine, run);
  const line = new LiveLine();
  const began = performance.now();
  const refs = partOf(split, 'all');
  const { truth } = dataset;
  const explained = await explain(
    { engine, model, layout, windows, refs, truth },
    settings,
    (state) => line.show(`connectivity: ${state}`),
  ).finally(() => line.close());
  store.dispose();
  const seconds = (performance.now() - began) / 1000;
  const { names } = run.dataset;
  writeExplained(run.folder.path, { ...explained, seconds, ...(names && { names }) });
  return { ...explained, seconds };
}

/** The report of whatever is in a run's folder; returns its path. */
export function reportStage(
  run: OpenedRun,
  stages: readonly (readonly [string, number])[] = [],
): Promise<string> {
  const { neurons } = run.dataset.recording;
  return writeReport({
    run,
    generated: readGenerated(run.folder.path, 'generated', neurons),
    clamped: readGenerated(run.folder.path, 'clamped', neurons),
    explained: readExplained(run.folder.path, neurons),
    decoded: readDecoded(run.folder.path),
    labels: readLabels(run.folder.path),
    stages,
  });
}
