/** Models beside a run's own: trained as it was but for what is varied, in folders of its store. */

import type { Dataset } from '../dataset/dataset.js';
import type { ModelConfig } from '../neuroformer/config.js';
import { readModelFile } from '../train/checkpoint.js';
import { type OpenedRun, openRun } from '../train/open-run.js';
import { splitWithSeed, type TrainSettings } from '../train/settings.js';
import { totalUpdates } from '../train/trainer.js';
import type { StageOptions } from './context.js';
import { trainOnce } from './train-once.js';

/** What differs from the run. */
export interface Variation {
  /** Default: the run's. */
  readonly dataset?: Dataset;
  /** Default: the run's. */
  readonly config?: ModelConfig;
  /** Those that differ. Default: none but `freeze`, because weights start at random. */
  readonly settings?: Partial<TrainSettings>;
  /** Path, in the run's store, of the weights to start from. Default: random weights. */
  readonly initialModelPath?: string;
  /** Said before training, and not at all if the model is trained already. */
  readonly note?: string;
  /** Which of its weights are opened. Default: as in `openRun`. */
  readonly weights?: 'best' | 'last';
}

/**
 * Trains a model in a folder of the run's store, unless it is trained already, and opens it. The
 * split stays the run's, also with another seed.
 *
 * @throws StoppedError where the watcher stops it; the same call resumes it.
 */
export async function trainBeside(
  run: OpenedRun,
  folder: string,
  variation: Variation,
  context: Required<StageOptions>,
): Promise<OpenedRun> {
  const { dataset = run.dataset, config = run.config, initialModelPath, note } = variation;
  const { training } = run.facts;
  const split = splitWithSeed(training);
  const settings = { ...training, freeze: [], ...variation.settings, split };
  const { store: runStore } = run.records;
  const store = runStore.within(folder);
  const request = { dataset, store, config, settings, quiet: true, force: true };
  const initial = initialModelPath !== undefined && {
    initialModel: await readModelFile(runStore, initialModelPath),
    initialModelPath,
  };
  const updates = totalUpdates(settings, run.split.train.length);
  await trainOnce({ ...request, ...initial }, updates, context, () => {
    if (note !== undefined) context.watcher.note(note);
  });
  return openRun(store, dataset, variation.weights);
}
