/** From a run's records back to its model and data. */

import type { Dataset } from '../dataset/dataset.js';
import type { Engine } from '../gpu/engine.js';
import { modelSizes } from '../neuroformer/batch.js';
import { Neuroformer } from '../neuroformer/model.js';
import { loadNotes, type SavedModel } from '../neuroformer/saved.js';
import { ParameterStore } from '../nn/parameters.js';
import { FileError } from '../ports/errors.js';
import type { RunStore } from '../ports/run-store.js';
import type { Part, Split } from '../recording/splits.js';
import type { WindowRef } from '../recording/windows.js';
import { readModelFile } from './checkpoint.js';
import { LAST_CHECKPOINT, type RunFacts, RunRecords } from './run-records.js';
import { prepare, type TrainingData } from './training-data.js';

/** A run as it can be read again. */
export interface OpenedRun extends TrainingData {
  readonly records: RunRecords;
  readonly facts: RunFacts;
  readonly dataset: Dataset;
  readonly saved: SavedModel;
  /** The file of the weights, in the run's store. */
  readonly weights: string;
}

/**
 * Opens a run with its data.
 *
 * @param data the data, or what opens them where the run found them.
 * @param which checkpoint: the best by its total validation loss where there is one, or the last.
 * @throws FileError where the store holds no run, or the data are not those it was trained on.
 */
export async function openRun(
  store: RunStore,
  data: Dataset | ((location: string) => Promise<Dataset>),
  which: 'best' | 'last' = 'best',
): Promise<OpenedRun> {
  const records = new RunRecords(store);
  const facts = await records.readFacts();
  const weights = which === 'last' ? LAST_CHECKPOINT : await records.weightsPath();
  const saved = await readModelFile(store, weights);
  const { config, tokenizer } = saved;
  if (!config || !tokenizer) {
    throw new FileError(
      `${store.name}/${weights} holds weights without the configuration they belong to.`,
    );
  }
  const dataset = typeof data === 'function' ? await data(facts.data) : data;
  const prepared = prepare(dataset.recording, config, facts.training, tokenizer);
  if (prepared.fingerprint !== facts.fingerprint) {
    throw new FileError(
      `${dataset.path} does not hold the data of this run: say where they are with --data.`,
    );
  }
  return { ...prepared, records, facts, dataset, saved, weights };
}

/** A model on a device, whose memory it owns; `notes` say which of the weights did not fit. */
export interface LoadedModel extends Disposable {
  readonly model: Neuroformer;
  readonly notes: readonly string[];
}

/** Puts a run's model on a device. */
export async function loadModel(
  engine: Engine,
  { config, tokenizer, saved }: Pick<OpenedRun, 'config' | 'tokenizer' | 'saved'>,
): Promise<LoadedModel> {
  const store = new ParameterStore();
  const model = new Neuroformer(store, config, modelSizes(tokenizer));
  store.allocate(engine);
  const notes = loadNotes(await store.assign(saved.tensors));
  return { model, notes, [Symbol.dispose]: () => store.dispose() };
}

/** Windows of a part of the split, or all of them. */
export function windowsInPart(split: Split, part: Part | 'all'): readonly WindowRef[] {
  return part === 'all' ? [...split.train, ...split.validation, ...split.test] : split[part];
}
