/**
 * The inspect stage: what a recording contains, what looks wrong, and which windows a configuration
 * makes of it.
 */

import { stringify } from 'yaml';
import { type RecordingOverview, summarizeRecording } from '../analyze/overview.js';
import type { Dataset } from '../dataset/dataset.js';
import { mapReferences } from '../dataset/description.js';
import { type ParsedConfig, parseConfig } from '../neuroformer/config.js';
import type { RunStore } from '../ports/run-store.js';
import type { Recording } from '../recording/recording.js';
import { measureTruncation, type Truncation } from '../recording/truncation.js';
import { renderOverview } from '../report/overview.js';
import { parseTrainSettings } from '../train/settings.js';
import { dataNotes, prepareTrainingData, type TrainingData } from '../train/training-data.js';

/** Summarizes the recording of a dataset: neurons, trials, rates, variables, and warnings. */
export function inspectDataset({ recording, units }: Dataset): RecordingOverview {
  return summarizeRecording(recording, units);
}

/** What a configuration would train on, given a recording. */
export interface ConfigPreview {
  /** Windows and their split. */
  readonly data: TrainingData;
  /** Spikes of the training windows that do not fit their blocks. */
  readonly cut: Truncation;
  /**
   * Notes on how the configuration was read, and all notes on the data that training would give.
   */
  readonly notes: ParsedConfig['notes'];
}

/**
 * Prepares a recording as training would.
 *
 * @throws ConfigError where the configuration is invalid; RecordingError where it does not fit the
 *   recording.
 */
export function previewConfig(
  recording: Recording,
  { model, training }: { readonly model: unknown; readonly training: unknown },
): ConfigPreview {
  const { config, notes } = parseConfig(model);
  const data = prepareTrainingData(recording, config, parseTrainSettings(training));
  const cut = measureTruncation(data.windows, data.split.train);
  return { data, cut, notes: [...notes, ...dataNotes(data, cut)] };
}

/**
 * Writes `inspect.html` into a store, and a dataset.yaml if the dataset has none.
 *
 * @param referenceFrom rewrites a reference relative to the dataset into one relative to the store.
 * @throws FileError where the store cannot be written.
 */
export async function writeOverview(
  store: RunStore,
  dataset: Dataset,
  overview: RecordingOverview,
  referenceFrom: (reference: string) => string,
): Promise<void> {
  const description = mapReferences(dataset.rawDescription, referenceFrom);
  await store.writeTogether({
    'inspect.html': await renderOverview(dataset, overview),
    ...(dataset.guessed && { 'dataset.yaml': stringify(description) }),
  });
}
