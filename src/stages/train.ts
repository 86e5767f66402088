/** The stage of training: a model from a recording, with its records in a store. */

import type { Dataset } from '../dataset/dataset.js';
import type { Engine } from '../gpu/engine.js';
import { type ModelConfig, parseConfig } from '../neuroformer/config.js';
import { describeEstimate, estimateMemory } from '../neuroformer/estimate.js';
import type { SavedModel } from '../neuroformer/saved.js';
import { FileError } from '../ports/errors.js';
import { expectEmpty, memoryStore, type RunStore } from '../ports/run-store.js';
import type { Recording } from '../recording/recording.js';
import { ConfigError, isRecord, show } from '../text/schema.js';
import { type OpenedRun, openRun } from '../train/open-run.js';
import { LAST_CHECKPOINT, type RunFacts, RunRecords } from '../train/run-records.js';
import { parseTrainSettings, type TrainSettings } from '../train/settings.js';
import { tokenizerAfter } from '../train/tokenizer-after.js';
import { type TrainResult, trainModel } from '../train/trainer.js';
import { dataNotes, prepare, type TrainingData } from '../train/training-data.js';
import { VERSION } from '../version.gen.js';
import { type StageOptions, stageContext } from './context.js';

/** A run that is to be trained. */
export interface TrainRequest {
  readonly dataset: Dataset;
  readonly store: RunStore;
  readonly config: ModelConfig;
  readonly settings: TrainSettings;
  /** Writes into a store that holds something. */
  readonly force?: boolean;
  /** Goes on from the last checkpoint in the store. */
  readonly resume?: boolean;
  /** The model it begins from, or goes on with. */
  readonly initialModel?: SavedModel;
  /** The file that model began from. */
  readonly initialModelPath?: string;
  /** Says nothing but how far it is. */
  readonly quiet?: boolean;
}

/**
 * Trains into a store, or goes on with what is in it.
 *
 * @throws FileError, ConfigError, RecordingError, TrainingError, or what the device says.
 */
export async function trainStage(stage: TrainRequest, options: StageOptions): Promise<TrainResult> {
  const {
    config,
    settings,
    initialModel: before,
    dataset,
    store,
    resume = false,
    quiet = false,
  } = stage;
  const { engine, watcher } = stageContext(options);
  const records = new RunRecords(store);
  if (!resume) await expectEmpty(store, stage.force);
  else if (!(await records.hasCheckpoint()))
    throw new FileError(
      `${store.name}/${LAST_CHECKPOINT} is not there: ${store.name} holds no run to resume.`,
    );
  const { recording } = dataset;
  const tokenizer = before?.tokenizer && tokenizerAfter(before.tokenizer, config, recording);
  const data = prepare(recording, config, settings, tokenizer);
  const notes = [...dataset.notes, ...dataNotes(data)];
  const note = (sentence: string) => {
    if (!quiet) watcher.note(sentence);
  };
  for (const sentence of notes) note(sentence);
  let adapter: string | undefined;
  watcher.canStop?.(true);
  try {
    const result = await trainModel({
      data,
      settings,
      records,
      resume,
      engine,
      ...(before && !resume && { initialModel: before }),
      onEngine: async (opened) => {
        if (adapter === undefined) await noteRun(opened, data, settings, note);
        adapter = adapterName(opened);
      },
      onStart: () => records.writeFacts(runFacts(stage, data, notes, adapter!)),
      watcher: {
        note,
        progress: (state) => watcher.progress(state),
        shouldStop: () => watcher.shouldStop(),
      },
    });
    if (result.stopped === 'patience')
      watcher.note(
        `Stopped at update ${result.progress.step}: the validation loss has not improved.`,
      );
    return result;
  } finally {
    watcher.canStop?.(false);
  }
}

export interface TrainOptions extends StageOptions {
  /** Where the run goes; default: memory. */
  readonly store?: RunStore;
  /** Goes on with the run that is in the store, as it was begun. */
  readonly resume?: boolean;
  /** Writes into a store that holds something. */
  readonly force?: boolean;
  /** Weights to begin from. */
  readonly initialModel?: SavedModel;
}

/** A run that was trained, and how it ended. */
export interface TrainedRun extends OpenedRun {
  readonly result: TrainResult;
}

/**
 * Trains a model on a recording.
 *
 * @param recording in memory, or a dataset as it was opened.
 * @param config the keys of a configuration file, with the settings of training under `training`.
 * @throws ConfigError, RecordingError, FileError or TrainingError, one sentence each; or what the device says.
 */
export async function train(
  recording: Recording | Dataset,
  config: object,
  { store = memoryStore(), resume, force, initialModel: before, ...options }: TrainOptions,
): Promise<TrainedRun> {
  const dataset = 'recording' in recording ? recording : inMemory(recording);
  const { training = {}, ...model } = expectKeys(config);
  const result = await trainStage(
    {
      dataset,
      store,
      config: parseConfig(model).config,
      settings: parseTrainSettings(training),
      ...(resume && { resume }),
      ...(force && { force }),
      ...(before && { initialModel: before }),
    },
    options,
  );
  return { ...(await openRun(store, dataset)), result };
}

function expectKeys(config: object): Record<string, unknown> {
  if (isRecord(config)) return config;
  throw new ConfigError(`A configuration should be keys with values, but is ${show(config)}.`);
}

/** A recording as a dataset that was not opened from files. */
function inMemory(recording: Recording): Dataset {
  return {
    path: recording.name,
    location: recording.name,
    recording,
    truth: undefined,
    units: {},
    raw: {},
    guessed: false,
    notes: [],
  };
}

function adapterName(engine: Engine): string {
  return `${engine.facts.description} (${engine.facts.reason})`;
}

async function noteRun(
  engine: Engine,
  data: TrainingData,
  settings: TrainSettings,
  note: (sentence: string) => void,
): Promise<void> {
  note(`Adapter: ${adapterName(engine)}.`);
  const memory = await estimateMemory(engine, data.layout, settings.batch);
  note(describeEstimate(memory, settings.batch));
}

function runFacts(
  { dataset, settings, initialModelPath: from }: TrainRequest,
  { split, fingerprint }: TrainingData,
  notes: readonly string[],
  adapter: string,
): RunFacts {
  return {
    version: VERSION,
    started: new Date().toISOString(),
    data: dataset.location,
    fingerprint,
    adapter,
    training: settings,
    windows: {
      train: split.train.length,
      validation: split.validation.length,
      test: split.test.length,
      leftOut: split.leftOut,
    },
    ...(from !== undefined && { from }),
    notes,
  };
}
