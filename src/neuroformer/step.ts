/** One training step, recorded once and replayed: forward, losses, gradients, update. */

import type { Engine } from '../gpu/engine.js';
import type { Fetched, Step } from '../gpu/step.js';
import { AdamW, type AdamWOptions } from '../nn/optimizer.js';
import type { ParameterStore } from '../nn/parameters.js';
import type { RandomState } from '../tensor/random.js';
import { differentiate } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import { Batch, type BatchLayout, type HostBatch } from './batch.js';
import { modelLosses } from './losses.js';
import type { Neuroformer } from './model.js';

/** Losses of a step by name, the total as `loss`, as they were before its update. */
export type StepLosses = { loss: number } & Readonly<Record<string, number>>;

export interface StepSettings extends AdamWOptions {
  /** Trains by these losses alone. */
  readonly losses?: readonly string[] | undefined;
  /** Batches whose gradients are added up before an update. Default 1. */
  readonly accumulate?: number;
  /** Turns dropout on; its step is set for every batch. */
  readonly dropout?: RandomState | undefined;
}

type LossTensors = { loss: Tensor } & Record<string, Tensor>;

export class TrainingStep {
  readonly optimizer: AdamW;
  readonly #batch: Batch;
  readonly #accumulate: number;
  readonly #dropout: RandomState | undefined;
  readonly #pass: Step<LossTensors>;
  /** Of its own where gradients are accumulated first; otherwise the end of the pass. */
  readonly #update: Step<void> | undefined;

  constructor(
    engine: Engine,
    store: ParameterStore,
    model: Neuroformer,
    layout: BatchLayout,
    batchSize: number,
    { losses, accumulate = 1, dropout, ...options }: StepSettings = {},
  ) {
    this.optimizer = new AdamW(store, options);
    this.#accumulate = accumulate;
    this.#dropout = dropout;
    this.#batch = new Batch(engine, layout, batchSize);
    const update = () => {
      this.optimizer.apply();
      store.zeroGradients();
    };
    store.zeroGradients();
    model.setDropout(dropout);
    this.#pass = engine.record(() => {
      const found = differentiate(engine, () => {
        const outputs = model.forward(this.#batch.inputs);
        const made = modelLosses(model, outputs, this.#batch.targets, {}, losses);
        return { ...made.parts, loss: made.total };
      });
      if (accumulate === 1) update();
      return found;
    });
    model.setDropout(undefined);
    if (accumulate > 1) this.#update = engine.record(update);
  }

  /**
   * Updates the parameters by as many batches as are accumulated, and gives their mean losses when asked.
   *
   * @param update the number of this update, from 0: dropout is drawn by it.
   */
  run(
    hosts: HostBatch | readonly HostBatch[],
    rate: number,
    update = this.optimizer.steps,
  ): { losses(): Promise<StepLosses> } {
    const batches = 'ids' in hosts ? [hosts] : hosts;
    if (batches.length !== this.#accumulate)
      throw new Error(`An update takes ${this.#accumulate} batches, but got ${batches.length}.`);
    const named = Object.entries(this.#pass.value);
    const tensors = named.map(([, tensor]) => tensor);
    this.optimizer.prepare(rate, 1 / batches.length);
    const fetched = batches.map((host, n): Fetched => {
      this.#batch.write(host);
      if (this.#dropout) this.#dropout.step = update * this.#accumulate + n;
      return this.#pass.runAndFetch(tensors);
    });
    this.#update?.run();
    const losses = async () => {
      const read = await Promise.all(fetched.map((part) => part.read()));
      const means = named.map(([name], n) => {
        const values = read.map((buffers) => new Float32Array(buffers[n]!)[0]!);
        return [name, values.reduce((sum, value) => sum + value, 0) / values.length] as const;
      });
      return Object.fromEntries(means) as StepLosses;
    };
    return { losses };
  }

  dispose(): void {
    this.#pass.dispose();
    this.#update?.dispose();
    this.#batch.dispose();
    this.optimizer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
