/** Losses on windows the model is not trained on. */

import type { Engine } from '../gpu/engine.js';
import type { BatchLayout, HostBatch } from '../neuroformer/batch.js';
import { RecordedForward } from '../neuroformer/forward-pass.js';
import { countTargets, modelLosses } from '../neuroformer/losses.js';
import type { Neuroformer } from '../neuroformer/model.js';
import type { StepLosses } from '../neuroformer/step.js';

/**
 * Computes mean losses on batches of one size. Owns the GPU memory of one batch; dispose of it
 * after use.
 */
export class Evaluator {
  readonly #layout: BatchLayout;
  readonly #pass: RecordedForward<string>;

  /**
   * @param size windows in a batch.
   * @param only names of the losses to compute; default: all losses of the model.
   */
  constructor(
    engine: Engine,
    model: Neuroformer,
    layout: BatchLayout,
    size: number,
    only?: readonly string[],
  ) {
    this.#layout = layout;
    this.#pass = new RecordedForward(
      engine,
      layout,
      size,
      ({ inputs, targets }) => modelLosses(model, model.forward(inputs), targets, only).parts,
    );
  }

  /** Windows in a batch. */
  get size(): number {
    return this.#pass.size;
  }

  /**
   * Mean losses over the batches, and their sum as `loss`.
   *
   * A batch's mean is weighted by the number of its targets for cross-entropies, and by 1 for other
   * losses.
   */
  async losses(batches: Iterable<HostBatch>): Promise<StepLosses> {
    const sums: Record<string, number> = {};
    const weights: Record<string, number> = {};
    for (const host of batches) {
      const counts = this.#countTargets(host);
      for (const [name, [value]] of Object.entries(await this.#pass.run(host))) {
        const weight = counts[name] ?? 1;
        sums[name] = (sums[name] ?? 0) + weight * value!;
        weights[name] = (weights[name] ?? 0) + weight;
      }
    }
    const means = this.#pass.names.map((name) => [name, sums[name]! / weights[name]!] as const);
    const loss = means.reduce((sum, [, mean]) => sum + mean, 0);
    return { ...Object.fromEntries(means), loss };
  }

  /** Frees the GPU memory. */
  [Symbol.dispose](): void {
    this.#pass[Symbol.dispose]();
  }

  /** Targets of each cross-entropy of a batch, as `countTargets` counts them. */
  #countTargets(host: HostBatch): Record<string, number> {
    const { config, tokenizer } = this.#layout;
    const padding = { padId: tokenizer.ids.PAD, padTime: tokenizer.times.PAD };
    return countTargets(host, padding, config);
  }
}
