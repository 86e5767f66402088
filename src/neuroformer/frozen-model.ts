/** Models that are read and not trained. */

import type { Engine } from '../gpu/engine.js';
import { ParameterStore } from '../nn/parameters.js';
import { type BatchLayout, modelSizes } from './batch.js';
import { Neuroformer } from './model.js';

/**
 * A model with frozen parameters: gradients pass through it to its inputs and to taps, and none is
 * computed for a parameter. It owns the GPU memory of its parameters; dispose of it after use.
 */
export interface FrozenModel extends Disposable {
  /** The model. */
  readonly model: Neuroformer;
  /** Its parameters. */
  readonly store: ParameterStore;
}

/**
 * A model for batches of a layout.
 *
 * @param seed of initial weights. Without it they are zero, for weights that will be loaded.
 */
export function frozenModel(engine: Engine, layout: BatchLayout, seed?: number): FrozenModel {
  const store = new ParameterStore();
  const model = new Neuroformer(store, layout.config, modelSizes(layout));
  store.allocate(engine, seed);
  store.freeze(() => true);
  return { model, store, [Symbol.dispose]: () => store.dispose() };
}
