/** Forward passes over batches of the same shape, recorded once and replayed for each batch. */

import type { Engine } from '../gpu/engine.js';
import type { Step } from '../gpu/step.js';
import type { Tensor } from '../tensor/tensor.js';
import { Batch, type BatchLayout, type HostBatch } from './batch.js';

/**
 * Computes named tensors of each batch and reads them back as floats. It owns the memory of the
 * batch and the pass.
 */
export class RecordedForward<Name extends string> {
  readonly #batch: Batch;
  readonly #step: Step<Readonly<Record<Name, Tensor>>>;

  /**
   * @param size windows per batch.
   * @param compute computes the tensors of a batch. It is called once, while the pass is recorded.
   */
  constructor(
    engine: Engine,
    layout: BatchLayout,
    size: number,
    compute: (batch: Batch) => Readonly<Record<Name, Tensor>>,
  ) {
    const made = engine.allOrNothing(() => {
      const batch = new Batch(engine, layout, size);
      return { batch, step: engine.record(() => compute(batch)) };
    });
    this.#batch = made.batch;
    this.#step = made.step;
  }

  /** Windows per batch. */
  get size(): number {
    return this.#batch.size;
  }

  /** The names of the tensors. */
  get names(): readonly Name[] {
    return Object.keys(this.#step.value) as Name[];
  }

  /**
   * The elements of a batch's tensors, row-major. The next call need not wait for the result of
   * this one.
   */
  async run(host: HostBatch): Promise<Record<Name, Float32Array>> {
    this.#batch.write(host);
    const { names } = this;
    const tensors = names.map((name) => this.#step.value[name]);
    const buffers = await this.#step.runAndFetch(tensors).read();
    const entries = names.map((name, index) => [name, new Float32Array(buffers[index]!)] as const);
    return Object.fromEntries(entries) as Record<Name, Float32Array>;
  }

  /** Releases the memory, for `using`. */
  [Symbol.dispose](): void {
    this.#step.dispose();
    this.#batch.dispose();
  }
}
