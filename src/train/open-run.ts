/** Opening a run: from its records back to its model and its data. */

import type { Dataset } from '../dataset/dataset.js';
import type { Engine } from '../gpu/engine.js';
import { type FrozenModel, frozenModel } from '../neuroformer/frozen-model.js';
import { loadNotes } from '../neuroformer/saved.js';
import { FileError } from '../ports/errors.js';
import type { RunStore } from '../ports/run-store.js';
import type { Part, Split } from '../recording/splits.js';
import type { WindowRef } from '../recording/windows.js';
import { type ReadModel, readModelFile } from './checkpoint.js';
import { LAST_CHECKPOINT, type RunFacts, RunRecords } from './run-records.js';
import { prepareTrainingData, type TrainingData } from './training-data.js';
import type { WeightsId } from './weights.js';

/** A run with its model and its data, as the stages after training use it. */
export interface OpenedRun extends TrainingData {
  /** The run's files. */
  readonly records: RunRecords;
  /** What the run was started with. */
  readonly facts: RunFacts;
  /** The data the run was trained on. */
  readonly dataset: Dataset;
  /** The model as read from its file. */
  readonly saved: ReadModel;
  /** Which weights the model has. */
  readonly weights: WeightsId;
}

/**
 * Opens a run and its data.
 *
 * @param data the dataset, or a function that opens it; the function receives the location that the
 *   run recorded.
 * @param which the weights to read: 'best' by total validation loss (the last if there was no
 *   validation), or 'last'.
 * @throws FileError where the store holds no run, or the data are not those it was trained on.
 */
export async function openRun(
  store: RunStore,
  data: Dataset | ((location: string) => Promise<Dataset>),
  which: 'best' | 'last' = 'best',
): Promise<OpenedRun> {
  const records = new RunRecords(store);
  const facts = await records.readFacts();
  const path = which === 'last' ? LAST_CHECKPOINT : await records.weightsPath();
  const saved = await readModelFile(store, path);
  const { config, tokenizer } = saved;
  if (!config || !tokenizer) {
    throw new FileError(
      `${store.name}/${path} contains weights but not the configuration of their model.`,
    );
  }
  const dataset = typeof data === 'function' ? await data(facts.data) : data;
  const prepared = prepareTrainingData(dataset.recording, config, facts.training, tokenizer);
  if (prepared.fingerprint !== facts.fingerprint) {
    throw new FileError(
      `${dataset.path} does not hold the data this run was trained on: give those data.`,
    );
  }
  return { ...prepared, records, facts, dataset, saved, weights: saved.weights };
}

/** A model on a device, with a run's weights. */
export interface LoadedModel extends FrozenModel {
  /** Sentences about weights that did not fit the model; empty if all did. */
  readonly notes: readonly string[];
}

/** Creates a run's model on a device and loads its weights. */
export async function loadModel(
  engine: Engine,
  { layout, saved }: Pick<OpenedRun, 'layout' | 'saved'>,
): Promise<LoadedModel> {
  const frozen = frozenModel(engine, layout);
  const notes = loadNotes(frozen.store.assign(saved.tensors));
  return { ...frozen, notes: [...saved.notes, ...notes] };
}

/** The windows of one part of a split, or of all parts. */
export function windowsInPart(split: Split, part: Part | 'all'): readonly WindowRef[] {
  return part === 'all' ? [...split.train, ...split.validation, ...split.test] : split[part];
}

/** Names a part of a split in a sentence that denies: "the test part", or "any part". */
export function describeAnyPart(part: Part | 'all'): string {
  return part === 'all' ? 'any part' : describePart(part);
}

/** Names a part of a split in a sentence: "the test part", or "all parts". */
export function describePart(part: Part | 'all'): string {
  return part === 'all' ? 'all parts' : `the ${part} part`;
}
