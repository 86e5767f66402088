/** One training step, recorded once and replayed: forward, losses, gradients, update. */

import type { Engine } from '../gpu/engine.js';
import type { Step } from '../gpu/step.js';
import { AdamW, type AdamWOptions } from '../nn/optimizer.js';
import type { ParameterStore } from '../nn/parameters.js';
import { differentiate } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import { Batch, type BatchLayout, type HostBatch } from './batch.js';
import { modelLosses } from './losses.js';
import type { Neuroformer } from './model.js';

/** Losses of a step by name, the total as `loss`, as they were before its update. */
export type StepLosses = { loss: number } & Readonly<Record<string, number>>;

export class TrainingStep {
  readonly optimizer: AdamW;
  readonly #batch: Batch;
  readonly #step: Step<{ loss: Tensor } & Record<string, Tensor>>;

  constructor(
    engine: Engine,
    store: ParameterStore,
    model: Neuroformer,
    layout: BatchLayout,
    batchSize: number,
    options: AdamWOptions = {},
  ) {
    this.optimizer = new AdamW(store, options);
    this.#batch = new Batch(engine, layout, batchSize);
    this.#step = engine.record(() => {
      store.zeroGradients();
      const losses = differentiate(engine, () => {
        const outputs = model.forward(this.#batch.inputs);
        const { total, parts } = modelLosses(model, layout.config, outputs, this.#batch.targets);
        return { ...parts, loss: total };
      });
      this.optimizer.apply();
      return losses;
    });
  }

  /** Updates the parameters by one batch, and gives the losses when they are asked for. */
  run(host: HostBatch, rate: number): { losses(): Promise<StepLosses> } {
    this.#batch.write(host);
    this.optimizer.prepare(rate);
    const named = Object.entries(this.#step.value);
    const fetched = this.#step.runAndFetch(named.map(([, tensor]) => tensor));
    const losses = async () => {
      const read = await fetched.read();
      const values = named.map(([name], n) => [name, new Float32Array(read[n]!)[0]!] as const);
      return Object.fromEntries(values) as StepLosses;
    };
    return { losses };
  }

  dispose(): void {
    this.#step.dispose();
    this.#batch.dispose();
    this.optimizer.dispose();
  }
}
