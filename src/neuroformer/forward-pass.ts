/** Forward passes over batches of one shape, recorded once and run for batch after batch. */

import type { Engine } from '../gpu/engine.js';
import type { Step } from '../gpu/step.js';
import type { Tensor } from '../tensor/tensor.js';
import { Batch, type BatchLayout, type HostBatch } from './batch.js';

/** Named tensors of each batch, read back as floats. It owns the memory of a batch and of the pass. */
export class ForwardPass<Name extends string> {
  readonly #batch: Batch;
  readonly #step: Step<Readonly<Record<Name, Tensor>>>;

  /**
   * @param size windows of a batch.
   * @param make the tensors wanted of a batch, made once while it is recorded.
   */
  constructor(
    engine: Engine,
    layout: BatchLayout,
    size: number,
    make: (batch: Batch) => Readonly<Record<Name, Tensor>>,
  ) {
    const batch = new Batch(engine, layout, size);
    this.#batch = batch;
    this.#step = engine.record(() => make(batch));
  }

  /** Windows of a batch. */
  get size(): number {
    return this.#batch.size;
  }

  /** Names of the tensors. */
  get names(): readonly Name[] {
    return Object.keys(this.#step.value) as Name[];
  }

  /** The floats of a batch's tensors, row-major. The next batch may be sent before these have come. */
  async run(host: HostBatch): Promise<Record<Name, Float32Array>> {
    this.#batch.write(host);
    const { names } = this;
    const tensors = names.map((name) => this.#step.value[name]);
    const read = await this.#step.runAndFetch(tensors).read();
    const entries = names.map((name, n) => [name, new Float32Array(read[n]!)] as const);
    return Object.fromEntries(entries) as Record<Name, Float32Array>;
  }

  [Symbol.dispose](): void {
    this.#step.dispose();
    this.#batch.dispose();
  }
}
