/** The train stage: trains a model on a recording and keeps its records in a store. */

import type { Dataset } from '../dataset/dataset.js';
import type { Engine } from '../gpu/engine.js';
import { type ModelConfig, parseConfig } from '../neuroformer/config.js';
import { describeEstimate, estimateTraining } from '../neuroformer/estimate.js';
import type { SavedModel } from '../neuroformer/saved.js';
import { FileError } from '../ports/errors.js';
import { expectEmpty, memoryStore, type RunStore } from '../ports/run-store.js';
import type { Recording } from '../recording/recording.js';
import { ConfigError, formatValue, isRecord } from '../text/schema.js';
import { readCheckpoint } from '../train/checkpoint.js';
import { finetunedTokenizer } from '../train/finetuned-tokenizer.js';
import { type OpenedRun, openRun } from '../train/open-run.js';
import { LAST_CHECKPOINT, type RunFacts, RunRecords } from '../train/run-records.js';
import { parseTrainSettings, type TrainSettings } from '../train/settings.js';
import { type TrainResult, totalUpdates, trainModel } from '../train/trainer.js';
import { dataNotes, prepareTrainingData, type TrainingData } from '../train/training-data.js';
import { VERSION } from '../version.gen.js';
import { type StageOptions, stageContext, whileStoppable } from './context.js';

/** What to train, and where the run goes. */
export interface TrainRequest {
  /** The data to train on. */
  readonly dataset: Dataset;
  /** Where the run's files go. */
  readonly store: RunStore;
  readonly config: ModelConfig;
  readonly settings: TrainSettings;
  /** Allows writing into a store that is not empty. Default: false. */
  readonly force?: boolean;
  /** Resumes from the last checkpoint in the store. Default: starts a new run. */
  readonly resume?: boolean;
  /**
   * The model to fine-tune: a new run starts from its weights, with its neurons and scales. A
   * resumed run reads its own checkpoint instead.
   */
  readonly initialModel?: SavedModel;
  /** Path of the model that a run is fine-tuned from, for the records. */
  readonly initialModelPath?: string;
  /** Suppresses all notes but those on how training ended; progress is still reported. */
  readonly quiet?: boolean;
}

/**
 * Starts a run in a store, or resumes the one in it.
 *
 * @throws FileError where the store is not empty and `force` is not set, holds no run to resume, is
 *   being trained into, or cannot be written; ConfigError, RecordingError or TrainingError as
 *   `prepareTrainingData` and `trainModel` throw them; GpuError from the device.
 */
export async function trainRun(request: TrainRequest, options: StageOptions): Promise<TrainResult> {
  const { watcher } = stageContext(options);
  const lock = await request.store.lock();
  try {
    if (lock.note !== undefined) watcher.note(lock.note);
    return await trainLocked(request, options);
  } finally {
    await lock.release();
  }
}

async function trainLocked(request: TrainRequest, options: StageOptions): Promise<TrainResult> {
  const { config, settings, initialModel, dataset, store, resume = false, quiet = false } = request;
  const { engine, watcher } = stageContext(options);
  const records = new RunRecords(store);
  if (!resume) await expectEmpty(store, request.force);
  else if (!(await records.hasCheckpoint()))
    throw new FileError(`${store.name} holds no run to resume: it has no ${LAST_CHECKPOINT}.`);
  const { recording } = dataset;
  const tokenizer = resume
    ? (await readCheckpoint(store, LAST_CHECKPOINT)).tokenizer
    : initialModel?.tokenizer && finetunedTokenizer(initialModel.tokenizer, config, recording);
  const data = prepareTrainingData(recording, config, settings, tokenizer);
  const notes = [...dataset.notes, ...dataNotes(data)];
  const note = (sentence: string) => {
    if (!quiet) watcher.note(sentence);
  };
  for (const sentence of notes) note(sentence);
  let adapter: string | undefined;
  const result = await whileStoppable(watcher, 'Stopping after this update and saving.', () =>
    trainModel({
      data,
      settings,
      records,
      resume,
      engine,
      ...(initialModel && { initialModel }),
      onEngine: async (created) => {
        if (adapter === undefined) await noteAdapterAndEstimate(created, data, settings, note);
        adapter = describeAdapter(created);
      },
      onStart: () => records.writeFacts(runFacts(request, data, notes, adapter!)),
      watcher: {
        note,
        progress: (state) => watcher.progress(state),
        shouldStop: () => watcher.shouldStop(),
      },
    }),
  );
  if (result.stopped === 'patience')
    watcher.note(
      `Stopped early at update ${result.progress.step}: the validation loss no longer improves.`,
    );
  return result;
}

/** Options of `train`. */
export interface TrainOptions extends StageOptions {
  /** Where the run's files go. Default: memory. */
  readonly store?: RunStore;
  /**
   * Resumes the run in the store, which has to be given its own configuration again. Default:
   * starts a new run.
   */
  readonly resume?: boolean;
  /** Allows writing into a store that is not empty. Default: false. */
  readonly force?: boolean;
  /**
   * The model to fine-tune; not needed to resume. Default: random weights.
   */
  readonly initialModel?: SavedModel;
}

/** A trained run, opened, and how training ended. */
export interface TrainedRun extends OpenedRun {
  /** Why training stopped, and its progress then. */
  readonly result: TrainResult;
}

/**
 * Trains a model on a recording.
 *
 * @param recording a recording in memory, or an opened dataset.
 * @param config the keys of a configuration file, with the training settings under `training`.
 * @throws ConfigError where the configuration is invalid; RecordingError where the recording does
 *   not fit it;
 * FileError where the store is not empty or fails; TrainingError where training diverges; GpuError
 * from the device.
 */
export async function train(
  recording: Recording | Dataset,
  config: object,
  { store = memoryStore(), resume, force, initialModel, ...options }: TrainOptions,
): Promise<TrainedRun> {
  const dataset = 'recording' in recording ? recording : inMemory(recording);
  const { training = {}, ...model } = checkObject(config);
  const result = await trainRun(
    {
      dataset,
      store,
      config: parseConfig(model).config,
      settings: parseTrainSettings(training),
      ...(resume && { resume }),
      ...(force && { force }),
      ...(initialModel && { initialModel }),
    },
    options,
  );
  return { ...(await openRun(store, dataset)), result };
}

function checkObject(config: object): Record<string, unknown> {
  if (isRecord(config)) return config;
  throw new ConfigError(
    `A configuration should be keys with values, but is ${formatValue(config)}.`,
  );
}

/** Wraps a recording in memory as a dataset without files. */
function inMemory(recording: Recording): Dataset {
  return {
    path: recording.name,
    location: recording.name,
    recording,
    truth: undefined,
    units: {},
    rawDescription: {},
    guessed: false,
    notes: [],
  };
}

function describeAdapter(engine: Engine): string {
  return `${engine.facts.description} (${engine.facts.reason})`;
}

async function noteAdapterAndEstimate(
  engine: Engine,
  data: TrainingData,
  settings: TrainSettings,
  note: (sentence: string) => void,
): Promise<void> {
  note(`Adapter: ${describeAdapter(engine)}.`);
  const estimate = await estimateTraining(engine, data.layout, settings.batch);
  const updates = totalUpdates(settings, data.split.train.length);
  note(describeEstimate(estimate, settings.batch, updates));
}

function runFacts(
  { dataset, settings, initialModelPath }: TrainRequest,
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
    ...(initialModelPath !== undefined && { from: initialModelPath }),
    notes,
  };
}
