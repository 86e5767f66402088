/**
 * The readout of predicted variables, the sum of up to three paths.
 *
 * - Each variable has a query of its own, as in POYO (Azabou et al. 2023), which attends to all
 *   spikes of the past window with their times, and then to those of the current one.
 * - A perceptron reads spike counts in bins before the end of the window (Glaser et al. 2020).
 *   Where thousands of spikes are in a window, it learns much faster than attention to each of
 *   them.
 * - Tuning curves at each lag give the posterior of a variable's values (Zhang et al. 1998), whose
 *   mean is the prediction.
 *
 * Weights of ridge regression were tried as the start of a linear path from the counts. They fit
 * the training windows so closely that little is left to learn there, and decoding became worse.
 */

import { GPT_WEIGHTS } from '../nn/init.js';
import { Linear } from '../nn/layers.js';
import type { Parameter, ParameterScope } from '../nn/parameters.js';
import { add, dropout } from '../tensor/elementwise.js';
import { repeatRows } from '../tensor/embedding.js';
import { slice } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import { type PassContext, Stack, type StackSettings } from './stack.js';
import type { TunedDecoder } from './tuning.js';

/** Settings of a Readout. */
export interface ReadoutSettings {
  /** Number of blocks in which the queries attend to each of the two windows; 0 for no queries. */
  readonly blocks: number;
  /** Settings of these blocks. */
  readonly stack: StackSettings;
  /** How many counts the perceptron reads: bins times neurons; 0 for no perceptron. */
  readonly counts: number;
  /** Units of the perceptron's hidden layers. */
  readonly hidden: readonly number[];
  /** Dropout rate after each hidden layer. */
  readonly dropout: number;
  /** Decoders by tuning curves, by variable; undefined for none. */
  readonly tuned?: Readonly<Record<string, TunedDecoder>> | undefined;
}

/** What a readout reads. */
export interface ReadoutInputs {
  /** The embedded past window, [B, P, width]. */
  readonly past: Tensor;
  /** The last layer, [B, T, width]. */
  readonly current: Tensor;
  /** u32 [B, P], zero at padding; undefined if padding is not masked. */
  readonly pastMask: Tensor | undefined;
  /** u32 [B, T], zero at padding; undefined if padding is not masked. */
  readonly mask: Tensor | undefined;
  /** Standardized counts, [B, counts]; undefined without a perceptron. */
  readonly counts: Tensor | undefined;
  /** What `pool` reads, [B, width]; called where nothing else reads a variable. */
  readonly pooled: () => Tensor;
  /** Spike counts, then seconds by lag, [B, inputs]; undefined without tuning curves. */
  readonly evidence?: Tensor | undefined;
}

/** Reads predicted variables by queries of their own, from spike counts and by tuning curves. */
export class Readout {
  readonly #settings: ReadoutSettings;
  readonly #heads: Readonly<Record<string, Linear>>;
  /** One query per variable, [variables, width]. */
  readonly #queries: Parameter | undefined;
  readonly #pastAttention: Stack;
  readonly #currentAttention: Stack;
  readonly #hidden: readonly Linear[];
  /** From the last hidden layer to each variable. */
  readonly #fromHidden: Readonly<Record<string, Linear>>;

  /** @param heads of the variables, by name: from the state of a query to the outputs. */
  constructor(
    scope: ParameterScope,
    heads: Readonly<Record<string, Linear>>,
    settings: ReadoutSettings,
  ) {
    const { blocks, stack: stackSettings, counts } = settings;
    const names = Object.keys(heads);
    this.#settings = settings;
    this.#heads = heads;
    if (blocks > 0)
      this.#queries = scope.parameter('queries', [names.length, stackSettings.width], {
        init: scope.initialWeights.table,
      });
    const stack = (name: string) =>
      new Stack(`readout.${name}`, scope.scope(name), blocks, stackSettings);
    this.#pastAttention = stack('past');
    this.#currentAttention = stack('current');
    const hidden = counts > 0 ? settings.hidden : [];
    const widths = [counts, ...hidden];
    const perceptron = scope.scope('perceptron');
    this.#hidden = hidden.map(
      (units, n) => new Linear(perceptron.scope(`${n}`), widths[n]!, units),
    );
    const last = hidden.at(-1);
    // Predictions start near the mean: larger initial weights decoded clearly worse.
    const outputs = perceptron.withInitialWeights(GPT_WEIGHTS);
    this.#fromHidden = Object.fromEntries(
      (last === undefined ? [] : names).map((name) => {
        const width = heads[name]!.weight.shape[0]!;
        return [name, new Linear(outputs.scope(name), last!, width, { bias: blocks === 0 })];
      }),
    );
  }

  /** The predictions by variable, [B, outputs]. */
  call(inputs: ReadoutInputs, pass: PassContext): Record<string, Tensor> {
    const states = this.#queries && this.#attend(this.#queries.tensor, inputs, pass);
    let hidden = inputs.counts;
    for (const layer of this.#hidden)
      hidden = dropout(
        layer.call(hidden!, { gelu: true }),
        pass.nextDropout(this.#settings.dropout),
      );
    const names = Object.keys(this.#heads);
    return Object.fromEntries(
      names.map((name, n) => {
        const head = this.#heads[name]!;
        const state = states && slice(states, n, 1).reshape([states.axis(0), states.axis(2)]);
        const parts = [
          state && head.call(state),
          this.#fromHidden[name]?.call(hidden!),
          this.#settings.tuned?.[name]?.call(inputs.evidence!),
        ].filter((part) => part !== undefined);
        if (parts.length === 0) parts.push(head.call(inputs.pooled()));
        return [name, parts.reduce((sum, part) => add(sum, part))];
      }),
    );
  }

  /** The state of each variable's query, [B, variables, width]. */
  #attend(
    variables: Tensor,
    { past, current, pastMask, mask }: ReadoutInputs,
    pass: PassContext,
  ): Tensor {
    const queries = repeatRows(variables, current.axis(0));
    const afterPast = this.#pastAttention.call(queries, { source: past, mask: pastMask }, pass);
    return this.#currentAttention.call(afterPast, { source: current, mask }, pass);
  }
}
