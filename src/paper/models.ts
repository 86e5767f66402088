/** Data and models of the demonstrations: simulated and trained once, then read from the store. */

import { parse } from 'yaml';
import type { Dataset } from '../dataset/dataset.js';
import { visualDataset } from '../dataset/simulated-visual.js';
import { parseConfig } from '../neuroformer/config.js';
import { estimateTraining } from '../neuroformer/estimate.js';
import type { FileContents } from '../ports/run-store.js';
import { readText } from '../ports/run-store.js';
import { simulateVisual } from '../simulate/visual/visual.js';
import { simulationProgress, writeDataset } from '../stages/simulate.js';
import { trainOnce } from '../stages/train-once.js';
import { withEngine } from '../train/engine-source.js';
import { type OpenedRun, openRun } from '../train/open-run.js';
import { parseTrainSettings } from '../train/settings.js';
import { prepareTrainingData } from '../train/training-data.js';
import type { PaperContext } from './claim.js';

/** A simulated dataset in the store, and the configuration that was written beside it. */
export interface SimulatedData {
  readonly dataset: Dataset;
  /** The keys of the configuration, without `training`. */
  readonly model: Readonly<Record<string, unknown>>;
  /** The keys under `training`. */
  readonly training: Readonly<Record<string, unknown>>;
}

/**
 * Opens a dataset in a folder of the store, after simulating it where it is not there yet.
 *
 * @param simulate the files of the dataset, with a config.yaml.
 * @param configuration which of its configurations to read. Default: config.yaml.
 */
export async function simulatedOnce(
  context: PaperContext,
  path: string,
  simulate: () => FileContents,
  configuration = 'config.yaml',
): Promise<SimulatedData> {
  const dataset = await datasetOnce(context, path, simulate, 'config.yaml');
  const config = (await readText(context.store.within(path), configuration))!;
  const { training, ...model } = parse(config) as { training: Record<string, unknown> };
  return { dataset, model, training };
}

/**
 * Opens a dataset in a folder of the store, after simulating it where it is not there yet.
 *
 * @param last the file that is written last, which is there only if all are.
 */
export async function datasetOnce(
  { store, openDataset }: PaperContext,
  path: string,
  simulate: () => FileContents,
  last: string,
): Promise<Dataset> {
  const folder = store.within(path);
  if (!(await folder.list()).includes(last)) await writeDataset(folder, simulate());
  return openDataset(path);
}

/**
 * The simulated visual recording of a seed.
 *
 * @param modulation see `simulateVisual`.
 * @param configuration see `simulatedOnce`.
 */
export function visualData(
  context: PaperContext,
  seed: number,
  modulation = 1,
  configuration?: string,
): Promise<SimulatedData> {
  const strength = modulation === 1 ? '' : `-modulation${modulation}`;
  const simulate = () => {
    context.watcher.note(`Simulating a visual recording, seed ${seed}.`);
    return visualDataset(simulateVisual({ seed, modulation }, simulationProgress(context.watcher)));
  };
  return simulatedOnce(context, `data/visual${strength}-seed${seed}`, simulate, configuration);
}

/** A model to train. */
export interface ModelRequest {
  /** Its folder in the store. */
  readonly path: string;
  readonly dataset: Dataset;
  /** The keys of its configuration. */
  readonly model: object;
  /** The keys of its training settings. */
  readonly training: object;
  /** Trains for as many updates as take this many floating-point operations. */
  readonly flops: number;
}

/** Trains a model, or reads it where it is trained already. */
export async function trainedModel(
  context: PaperContext,
  { path, dataset, model, training, flops }: ModelRequest,
): Promise<OpenedRun> {
  const { config } = parseConfig(model);
  const settings = parseTrainSettings(training);
  const { layout } = prepareTrainingData(dataset.recording, config, settings);
  const update = await withEngine(context.engine, (engine) =>
    estimateTraining(engine, layout, settings.batch),
  );
  const updates = Math.max(1, Math.round(flops / update.flops));
  return trainedForUpdates(context, { path, dataset, model, training, updates });
}

/** The same for a number of updates. */
export async function trainedForUpdates(
  context: PaperContext,
  {
    path,
    dataset,
    model,
    training,
    updates,
  }: Omit<ModelRequest, 'flops'> & { readonly updates: number },
): Promise<OpenedRun> {
  const { config } = parseConfig(model);
  const settings = parseTrainSettings({ ...training, steps: updates });
  const store = context.store.within(path);
  const request = { dataset, store, config, settings, quiet: true, force: true };
  await trainOnce(request, updates, context, () =>
    context.watcher.note(`Training ${path}: ${updates} updates.`),
  );
  return openRun(store, dataset, 'last');
}
