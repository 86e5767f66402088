/** The control of every reading of a trained model: the same model with initial weights. */

import type { Engine } from '../gpu/engine.js';
import type { BatchLayout } from '../neuroformer/batch.js';
import { type FrozenModel, frozenModel } from '../neuroformer/frozen-model.js';

/** A model of the same configuration with initial weights. */
export function untrainedModel(engine: Engine, layout: BatchLayout, seed: number): FrozenModel {
  return frozenModel(engine, layout, seed);
}
