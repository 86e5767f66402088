/** Tiny runs on simulated datasets that come with a configuration, in memory. */

import { parse } from 'yaml';
import { visualDataset } from '../../src/dataset/simulated-visual.js';
import type { Engine } from '../../src/gpu/engine.js';
import { openDataset } from '../../src/node/dataset.js';
import { memoryFolder } from '../../src/ports/folder.js';
import type { FileContents } from '../../src/ports/run-store.js';
import { memoryStore } from '../../src/ports/run-store.js';
import { simulateVisual } from '../../src/simulate/visual/visual.js';
import { train } from '../../src/stages/train.js';
import type { OpenedRun } from '../../src/train/open-run.js';

/** Six neurons that see films of 8 x 8 pixels, in four trials of 2 s. */
export function tinyVisual(): FileContents {
  return visualDataset(simulateVisual({ neurons: 6, films: 4, repeats: 2, seconds: 2, size: 8 }));
}

/**
 * Trains a model of width 8 for two updates with the configuration of a simulated dataset.
 *
 * @param changes keys of the model's configuration
 * @param training keys of its training
 */
export async function trainSimulated(
  engine: Engine,
  files: FileContents,
  changes: object = {},
  training: object = {},
): Promise<OpenedRun> {
  const { training: own, ...model } = parse(files['config.yaml'] as string);
  const config = {
    ...model,
    n_embd: 8,
    n_head: 2,
    ...changes,
    training: { ...own, steps: 2, batch: 4, validate_every: 0, ...training },
  };
  const dataset = await openDataset(memoryFolder('simulated', files));
  return train(dataset, config, { engine, store: memoryStore() });
}
