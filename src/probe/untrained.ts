/** The control of every reading of a trained model: the same model with initial weights. */

import type { Engine } from '../gpu/engine.js';
import { type BatchLayout, modelSizes } from '../neuroformer/batch.js';
import { Neuroformer } from '../neuroformer/model.js';
import { ParameterStore } from '../nn/parameters.js';

/** A model that owns the GPU memory of its parameters; dispose of it after use. */
export interface OwnedModel extends Disposable {
  /** The model. */
  readonly model: Neuroformer;
}

/** A model of the same configuration with initial weights. */
export function untrainedModel(engine: Engine, layout: BatchLayout, seed: number): OwnedModel {
  const store = new ParameterStore();
  const model = new Neuroformer(store, layout.config, modelSizes(layout.tokenizer));
  store.allocate(engine, seed);
  return { model, [Symbol.dispose]: () => store.dispose() };
}
