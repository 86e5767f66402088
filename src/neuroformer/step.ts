/** Training steps, recorded once and replayed: forward pass, losses, gradients and update. */

import type { Engine } from '../gpu/engine.js';
import type { FetchedValues, Step } from '../gpu/step.js';
import { AdamW, type AdamWOptions } from '../nn/optimizer.js';
import type { ParameterStore } from '../nn/parameters.js';
import type { RandomState } from '../tensor/random.js';
import { differentiate } from '../tensor/tape.js';
import { Tensor } from '../tensor/tensor.js';
import { Batch, type BatchLayout, type HostBatch } from './batch.js';
import type { ModelConfig } from './config.js';
import { countTargets, modelLosses } from './losses.js';
import type { Neuroformer } from './model.js';

/** The losses of a step by name, before its update. The total is `loss`. */
export type StepLosses = { loss: number } & Readonly<Record<string, number>>;

/** Settings of a TrainingStep. */
export interface StepSettings extends AdamWOptions {
  /** The names of the losses to train with. Default: all. */
  readonly losses?: readonly string[] | undefined;
  /** The number of batches whose gradients are added up for an update. Default: 1. */
  readonly accumulate?: number;
  /** Turns dropout on, with masks from this stream. Every batch sets its step. */
  readonly dropout?: RandomState | undefined;
}

type LossTensors = { loss: Tensor } & Record<string, Tensor>;

/**
 * Updates a model's parameters from batches of one size. It owns the memory of a batch and of the
 * recorded step.
 */
export class TrainingStep {
  /** The optimizer. Its `steps` counts the updates. */
  readonly optimizer: AdamW;
  readonly #batch: Batch;
  readonly #accumulate: number;
  readonly #dropout: RandomState | undefined;
  readonly #pass: Step<LossTensors>;
  /**
   * The update where gradients of several batches are accumulated. Otherwise `#pass` ends with it.
   */
  readonly #update: Step<void> | undefined;
  /**
   * Where batches are accumulated: a share of the rows of all of them, by the name of the
   * cross-entropy, so that each token counts as much as in one large batch.
   */
  readonly #counted: Readonly<Record<string, Tensor>> | undefined;
  readonly #config: ModelConfig;

  /**
   * Records the step.
   *
   * @param batchSize windows per batch.
   * @throws ConfigError where the model has none of the losses in the settings.
   */
  constructor(
    engine: Engine,
    store: ParameterStore,
    model: Neuroformer,
    layout: BatchLayout,
    batchSize: number,
    { losses, accumulate = 1, dropout, ...options }: StepSettings = {},
  ) {
    this.#accumulate = accumulate;
    this.#dropout = dropout;
    this.#config = model.config;
    const made = engine.allOrNothing(() => {
      const optimizer = new AdamW(store, options);
      const batch = new Batch(engine, layout, batchSize);
      const counted = accumulate > 1 ? countedRows(engine, batch) : undefined;
      const update = () => {
        optimizer.apply();
        store.zeroGradients();
      };
      const lossTensors = () => {
        const outputs = model.forward(batch.inputs);
        const targets = { ...batch.targets, counted };
        const { parts, total } = modelLosses(model, outputs, targets, losses);
        return { ...parts, loss: total };
      };
      store.zeroGradients();
      const pass = recordWithDropout(engine, model, dropout, () => {
        const tensors = differentiate(engine, lossTensors);
        if (accumulate === 1) update();
        return tensors;
      });
      return {
        optimizer,
        batch,
        counted,
        pass,
        ...(accumulate > 1 && { update: engine.record(update) }),
      };
    });
    this.optimizer = made.optimizer;
    this.#batch = made.batch;
    this.#counted = made.counted;
    this.#pass = made.pass;
    this.#update = made.update;
  }

  /**
   * Makes one update, without waiting for it.
   *
   * @param hosts one batch, or as many as are accumulated.
   * @param rate the learning rate.
   * @param update the index of this update, from 0, which selects the dropout masks.
   * @returns `losses` reads the losses of all batches together, `gradientNorm` the norm of the
   *   gradient before clipping.
   * @throws Error where the number of batches is wrong.
   */
  run(
    hosts: HostBatch | readonly HostBatch[],
    rate: number,
    update = this.optimizer.steps,
  ): { losses(): Promise<StepLosses>; gradientNorm(): Promise<number> } {
    const batches = 'ids' in hosts ? [hosts] : hosts;
    if (batches.length !== this.#accumulate)
      throw new Error(`An update takes ${this.#accumulate} batches, but got ${batches.length}.`);
    const named = Object.entries(this.#pass.value);
    const tensors = named.map(([, tensor]) => tensor);
    this.optimizer.prepare(rate, 1 / batches.length);
    this.#writeCounted(batches);
    const { normAndClip } = this.optimizer;
    const fetched = batches.map((host, index): FetchedValues => {
      this.#batch.write(host);
      if (this.#dropout) this.#dropout.step = update * this.#accumulate + index;
      return this.#pass.runAndFetch(this.#update ? tensors : [...tensors, normAndClip]);
    });
    const updated = this.#update?.runAndFetch([normAndClip]) ?? fetched[0]!;
    // All copies are read together, whichever is asked for, which frees them.
    const read = () => Promise.all([...fetched, updated].map((values) => values.read()));
    const gradientNorm = async () => new Float32Array((await read()).at(-1)!.at(-1)!)[0]!;
    const losses = async () => {
      const perBatch = (await read()).slice(0, batches.length);
      const means = named.map(([name], n) => {
        const values = perBatch.map((buffers) => new Float32Array(buffers[n]!)[0]!);
        return [name, values.reduce((sum, value) => sum + value, 0) / values.length] as const;
      });
      return Object.fromEntries(means) as StepLosses;
    };
    return { losses, gradientNorm };
  }

  /** The mean of batches divides by their number, so each has its share of all rows. */
  #writeCounted(batches: readonly HostBatch[]): void {
    if (!this.#counted) return;
    const counts = batches.map((host) => countTargets(host, this.#batch.targets, this.#config));
    for (const [name, tensor] of Object.entries(this.#counted)) {
      const rows = counts.reduce((sum, count) => sum + count[name]!, 0);
      tensor.write(Float32Array.of(rows / batches.length));
    }
  }

  /** Floating-point operations of the matrix products of one update. */
  get flops(): number {
    return this.#accumulate * this.#pass.flops;
  }

  /** Releases the memory of the step, the batch and the optimizer. */
  dispose(): void {
    this.#pass.dispose();
    this.#update?.dispose();
    this.#batch.dispose();
    for (const tensor of Object.values(this.#counted ?? {})) tensor.dispose();
    this.optimizer.dispose();
  }

  /** Like `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Records a step of a model with dropout, which it has for this step alone. */
function recordWithDropout<T>(
  engine: Engine,
  model: Neuroformer,
  dropout: RandomState | undefined,
  fn: () => T,
): Step<T> {
  model.setDropout(dropout);
  try {
    return engine.record(fn);
  } finally {
    model.setDropout(undefined);
  }
}

/** A number for each cross-entropy of the batch. */
function countedRows(engine: Engine, { targets }: Batch): Record<string, Tensor> {
  const { variables = {} } = targets;
  const classified = Object.keys(variables).filter((name) => variables[name]!.dtype === 'u32');
  return Object.fromEntries(
    ['id', 'time', ...classified].map((name) => [name, Tensor.zeros(engine, [1]).keep()]),
  );
}
