/**
 * The readout of predicted variables. Each variable has a query of its own, as in POYO (Azabou et
 * al. 2023), which attends to all spikes of the past window with their times, and then to those of
 * the current one. A linear path reads spike counts in bins before the end of the window, which is
 * all that ridge regression does; its weights start there.
 *
 *   y = head(query attends to past, then to current) + W counts + b
 */

import { zeros } from '../nn/init.js';
import type { Linear } from '../nn/layers.js';
import type { Parameter, ParameterScope } from '../nn/parameters.js';
import { add } from '../tensor/elementwise.js';
import { repeatRows } from '../tensor/embedding.js';
import { linear } from '../tensor/linear.js';
import { slice } from '../tensor/sequence.js';
import type { Tensor } from '../tensor/tensor.js';
import { type PassContext, Stack, type StackSettings } from './stack.js';

/** Settings of a Readout. */
export interface ReadoutSettings extends StackSettings {
  /** Number of blocks in which the queries attend to each of the two windows. */
  readonly blocks: number;
  /** Numbers that the linear path reads: bins times neurons; 0 for no such path. */
  readonly counts: number;
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
  /** Counts of spikes, [B, counts]; undefined without a linear path. */
  readonly counts: Tensor | undefined;
}

/** Reads predicted variables by queries of their own and from spike counts. */
export class Readout {
  /** The weights of the linear path, by variable: [outputs, counts] and [outputs]. */
  readonly counts: Readonly<Record<string, { weight: Parameter; bias: Parameter }>>;
  readonly #heads: Readonly<Record<string, Linear>>;
  readonly #pastAttention: Stack;
  readonly #currentAttention: Stack;
  /** One query per variable, [variables, width]. */
  readonly #queries: Parameter;

  /** @param heads of the variables, by name. */
  constructor(
    scope: ParameterScope,
    heads: Readonly<Record<string, Linear>>,
    settings: ReadoutSettings,
  ) {
    const { width, blocks, counts } = settings;
    const names = Object.keys(heads);
    this.#heads = heads;
    this.#queries = scope.parameter('queries', [names.length, width], {
      init: scope.initialWeights.table,
    });
    const stack = (name: string) =>
      new Stack(`readout.${name}`, scope.scope(name), blocks, settings);
    this.#pastAttention = stack('past');
    this.#currentAttention = stack('current');
    this.counts = Object.fromEntries(
      counts === 0
        ? []
        : Object.entries(heads).map(([name, { weight }]) => {
            const path = scope.scope(`counts.${name}`);
            const outputs = weight.shape[0]!;
            const declared = {
              weight: path.parameter('weight', [outputs, counts], { init: zeros }),
              bias: path.parameter('bias', [outputs], { init: zeros }),
            };
            return [name, declared];
          }),
    );
  }

  /** The predictions by variable, [B, outputs]. */
  call(inputs: ReadoutInputs, pass: PassContext): Record<string, Tensor> {
    const states = this.#attend(inputs, pass);
    const names = Object.keys(this.#heads);
    return Object.fromEntries(
      names.map((name, n) => {
        const state = slice(states, n, 1).reshape([states.axis(0), states.axis(2)]);
        const predicted = this.#heads[name]!.call(state);
        const path = this.counts[name];
        if (!path) return [name, predicted];
        const fromCounts = linear(inputs.counts!, path.weight.tensor, { bias: path.bias.tensor });
        return [name, add(predicted, fromCounts)];
      }),
    );
  }

  /** The state of each variable's query, [B, variables, width]. */
  #attend({ past, current, pastMask, mask }: ReadoutInputs, pass: PassContext): Tensor {
    const queries = repeatRows(this.#queries.tensor, current.axis(0));
    const afterPast = this.#pastAttention.call(queries, { source: past, mask: pastMask }, pass);
    return this.#currentAttention.call(afterPast, { source: current, mask }, pass);
  }
}
