/** The stage of training: a model from a recording, with its records in a store. */

import type { Dataset } from '../dataset/dataset.js';
import type { Engine } from '../gpu/engine.js';
import type { ModelConfig } from '../neuroformer/config.js';
import { describeEstimate, estimateMemory } from '../neuroformer/estimate.js';
import type { SavedModel } from '../neuroformer/saved.js';
import { FileError } from '../ports/errors.js';
import { expectEmpty, type RunStore } from '../ports/run-store.js';
import type { Watcher } from '../ports/watcher.js';
import { LAST, type RunFacts, RunRecords } from '../train/run-records.js';
import type { TrainSettings } from '../train/settings.js';
import { tokenizerAfter } from '../train/tokenizer-after.js';
import { type TrainResult, trainModel } from '../train/trainer.js';
import { notesOn, prepare, type TrainingData } from '../train/training-data.js';
import { VERSION } from '../version.gen.js';

export interface TrainStage {
  readonly dataset: Dataset;
  readonly store: RunStore;
  readonly config: ModelConfig;
  readonly settings: TrainSettings;
  /** Writes into a store that holds something. */
  readonly force?: boolean;
  /** Goes on from the last checkpoint in the store. */
  readonly resume?: boolean;
  /** The model it begins from, or goes on with. */
  readonly before?: SavedModel;
  /** The file that model began from. */
  readonly from?: string;
  /** Says nothing but how far it is. */
  readonly quiet?: boolean;
}

/**
 * Trains into a store, or goes on with what is in it.
 *
 * @param openEngine opens an engine, again where a device is lost; the stage disposes of what it gives.
 * @throws FileError, ConfigError, RecordingError, TrainingError, or what the device says.
 */
export async function trainStage(
  stage: TrainStage,
  openEngine: () => Promise<Engine>,
  watcher: Watcher,
): Promise<TrainResult> {
  const { config, settings, before, dataset, store, resume = false, quiet = false } = stage;
  const records = new RunRecords(store);
  if (!resume) await expectEmpty(store, stage.force);
  else if (!(await records.exist()))
    throw new FileError(
      `${store.name}/${LAST} is not there: ${store.name} holds no run to resume.`,
    );
  const { recording } = dataset;
  const tokenizer = before?.tokenizer && tokenizerAfter(before.tokenizer, config, recording);
  const data = prepare(recording, config, settings, tokenizer);
  const notes = [...dataset.notes, ...notesOn(data)];
  const told: Watcher = quiet ? { ...watcherOf(watcher), note() {} } : watcher;
  for (const note of notes) told.note(note);
  let adapter: string | undefined;
  watcher.canStop?.(true);
  try {
    const result = await trainModel({
      data,
      settings,
      records,
      resume,
      ...(before && !resume && { from: before }),
      openEngine: async () => {
        const engine = await openEngine();
        if (adapter === undefined) await announce(engine, data, settings, told);
        adapter = adapterName(engine);
        return engine;
      },
      onStart: () => records.writeFacts(factsOf(stage, data, notes, adapter!)),
      watcher: told,
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

/** A watcher's methods, which a spread of an object of a class would lose. */
function watcherOf(watcher: Watcher): Watcher {
  return {
    note: (sentence) => watcher.note(sentence),
    progress: (state) => watcher.progress(state),
    shouldStop: () => watcher.shouldStop(),
  };
}

function adapterName(engine: Engine): string {
  return `${engine.facts.description} (${engine.facts.reason})`;
}

async function announce(
  engine: Engine,
  data: TrainingData,
  settings: TrainSettings,
  watcher: Watcher,
): Promise<void> {
  watcher.note(`Adapter: ${adapterName(engine)}.`);
  const memory = await estimateMemory(engine, data.layout, settings.batch);
  watcher.note(describeEstimate(memory, settings.batch));
}

function factsOf(
  { dataset, settings, from }: TrainStage,
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
