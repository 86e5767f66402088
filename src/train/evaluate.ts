/** Losses and decoding scores on windows the model is not trained on. */

import type { Engine } from '../gpu/engine.js';
import type { BatchLayout, HostBatch } from '../neuroformer/batch.js';
import { RecordedForward } from '../neuroformer/forward-pass.js';
import { countTargets, modelLosses } from '../neuroformer/losses.js';
import type { Neuroformer } from '../neuroformer/model.js';
import type { StepLosses } from '../neuroformer/step.js';
import { OutputScores, type ValidationScores } from './validation-scores.js';

/** What validation finds. */
export interface Evaluation {
  /** Mean losses by name, and their sum as `loss`. */
  readonly losses: StepLosses;
  /** How well variables are decoded. */
  readonly scores: ValidationScores;
}

/** Begins the names of predictions, which are those of losses otherwise. */
const PREDICTION = 'prediction ';

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
    this.#pass = new RecordedForward(engine, layout, size, ({ inputs, targets }) => {
      const outputs = model.forward(inputs);
      const { parts } = modelLosses(model, outputs, targets, only);
      const predictions = Object.entries(outputs.predictions).filter(([name]) => name in parts);
      return {
        ...parts,
        ...Object.fromEntries(
          predictions.map(([name, tensor]) => [`${PREDICTION}${name}`, tensor]),
        ),
      };
    });
  }

  /** Windows in a batch. */
  get size(): number {
    return this.#pass.size;
  }

  /**
   * Mean losses and scores over the batches.
   *
   * A batch's mean is weighted by the number of its targets for cross-entropies, and by 1 for other
   * losses.
   */
  async evaluate(batches: Iterable<HostBatch>): Promise<Evaluation> {
    const sums: Record<string, number> = {};
    const weights: Record<string, number> = {};
    const scores = new OutputScores(this.#layout);
    for (const host of batches) {
      const counts = this.#countTargets(host);
      for (const [name, values] of Object.entries(await this.#pass.run(host))) {
        if (name.startsWith(PREDICTION)) {
          const variable = name.slice(PREDICTION.length);
          scores.add(variable, values, host.targets[variable]!);
          continue;
        }
        const weight = counts[name] ?? 1;
        sums[name] = (sums[name] ?? 0) + weight * values[0]!;
        weights[name] = (weights[name] ?? 0) + weight;
      }
    }
    const means = Object.keys(sums).map((name) => [name, sums[name]! / weights[name]!] as const);
    const loss = means.reduce((sum, [, mean]) => sum + mean, 0);
    return { losses: { ...Object.fromEntries(means), loss }, scores: scores.scores() };
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
