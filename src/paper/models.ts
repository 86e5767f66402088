/** Data and models of the demonstrations: simulated and trained once, then read from the store. */

import { parse } from 'yaml';
import type { Dataset } from '../dataset/dataset.js';
import type { DatasetFiles } from '../dataset/simulated.js';
import { visualDataset } from '../dataset/simulated-visual.js';
import { parseConfig } from '../neuroformer/config.js';
import { estimateTraining } from '../neuroformer/estimate.js';
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
  /** The keys of its config.yaml, without `training`. */
  readonly model: Readonly<Record<string, unknown>>;
  /** The keys under `training`. */
  readonly training: Readonly<Record<string, unknown>>;
}

/**
 * Opens a dataset in a folder of the store, after simulating it where it is not there yet.
 *
 * @param simulate the files of the dataset, with a config.yaml.
 */
export async function simulatedOnce(
  { store, openDataset }: PaperContext,
  path: string,
  simulate: () => DatasetFiles,
): Promise<SimulatedData> {
  const folder = store.within(path);
  // The configuration is written last, so it is there only if everything is.
  let config = await readText(folder, 'config.yaml');
  if (config === undefined) {
    await writeDataset(folder, simulate());
    config = (await readText(folder, 'config.yaml'))!;
  }
  const { training, ...model } = parse(config) as { training: Record<string, unknown> };
  return { dataset: await openDataset(path), model, training };
}

/** The simulated visual recording of a seed. @param modulation see `simulateVisual`. */
export function visualData(
  context: PaperContext,
  seed: number,
  modulation = 1,
): Promise<SimulatedData> {
  const strength = modulation === 1 ? '' : `-modulation${modulation}`;
  return simulatedOnce(context, `data/visual${strength}-seed${seed}`, () => {
    context.watcher.note(`Simulating a visual recording, seed ${seed}.`);
    return visualDataset(simulateVisual({ seed, modulation }, simulationProgress(context.watcher)));
  });
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
  const store = context.store.within(path);
  await withEngine(context.engine, async (engine) => {
    const update = (await estimateTraining(engine, layout, settings.batch)).flops;
    const steps = Math.max(1, Math.round(flops / update));
    const request = { dataset, store, config, settings: { ...settings, steps } };
    await trainOnce({ ...request, quiet: true, force: true }, steps, { ...context, engine }, () =>
      context.watcher.note(`Training ${path}: ${steps} updates.`),
    );
  });
  return openRun(store, dataset, 'last');
}
