/** The stage of inspecting: what a recording holds, what looks wrong, and what a configuration would make of it. */

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
import { dataNotes, prepare, type TrainingData } from '../train/training-data.js';

/** What is in a dataset's recording. */
export function inspectStage({ recording, units }: Dataset): RecordingOverview {
  return summarizeRecording(recording, units);
}

/** What a configuration makes of a recording. */
export interface ConfigPreview {
  readonly data: TrainingData;
  /** What its blocks cut of the training windows. */
  readonly cut: Truncation;
  /** How the configuration was read, and all that training would say. */
  readonly notes: ParsedConfig['notes'];
}

/** @throws ConfigError or RecordingError where the configuration does not fit. */
export function previewConfig(
  recording: Recording,
  { model, training }: { readonly model: unknown; readonly training: unknown },
): ConfigPreview {
  const { config, notes } = parseConfig(model);
  const data = prepare(recording, config, parseTrainSettings(training));
  const cut = measureTruncation(data.windows, data.split.train);
  return { data, cut, notes: [...notes, ...dataNotes(data, cut)] };
}

/**
 * Writes `inspect.html` into a store, with the dataset.yaml where nobody wrote one.
 *
 * @param referenceFrom how the store refers to a file beside the dataset.
 */
export async function writeOverview(
  store: RunStore,
  dataset: Dataset,
  overview: RecordingOverview,
  referenceFrom: (reference: string) => string,
): Promise<void> {
  await store.write('inspect.html', await renderOverview(dataset, overview));
  if (!dataset.guessed) return;
  await store.write('dataset.yaml', stringify(mapReferences(dataset.raw, referenceFrom)));
}
