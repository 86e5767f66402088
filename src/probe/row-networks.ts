/**
 * Networks over rows of spike counts, or of other columns: the perceptron and the recurrent
 * networks that decoding studies compare with (Glaser et al. 2020).
 */

import { Gru, Linear } from '../nn/layers.js';
import type { ParameterScope } from '../nn/parameters.js';
import { dropout } from '../tensor/elementwise.js';
import type { Dropout } from '../tensor/random.js';
import { concatenate, slice } from '../tensor/sequence.js';
import { Tensor } from '../tensor/tensor.js';

/** A network without its heads. */
export interface RowNetwork {
  /** Width of its last hidden layer. */
  readonly width: number;
  /**
   * The last hidden layer.
   *
   * @param x standardized rows, [B, columns]
   * @param nextDropout the dropout after each hidden layer
   * @returns [B, width]
   */
  call(x: Tensor, nextDropout: () => Dropout | undefined): Tensor;
}

/** Declares a network's parameters. */
export type NetworkBuilder = (scope: ParameterScope, columns: number) => RowNetwork;

const MLP_UNITS = [256, 128];
const GRU_UNITS = 64;

/** A perceptron with hidden layers of 256 and 128 units, GELU and dropout. */
export const perceptron: NetworkBuilder = (scope, columns) => {
  const widths = [columns, ...MLP_UNITS];
  const layers = MLP_UNITS.map((units, n) => new Linear(scope.scope(`${n}`), widths[n]!, units));
  return {
    width: MLP_UNITS.at(-1)!,
    call: (x, nextDropout) =>
      layers.reduce(
        (hidden, layer) => dropout(layer.call(hidden, { gelu: true }), nextDropout()),
        x,
      ),
  };
};

/**
 * A GRU of 64 units over the bins of a row, which is read by its state after the latest bin.
 *
 * @param bins of a row, the latest first; each has as many columns
 * @param both adds a second GRU that runs from the latest bin to the earliest, and is read there
 */
export function recurrentNetwork(bins: number, both: boolean): NetworkBuilder {
  return (scope, columns) => {
    const inner = columns / bins;
    const grus = [
      { gru: new Gru(scope, inner, GRU_UNITS), reverse: true },
      ...(both ? [{ gru: new Gru(scope, inner, GRU_UNITS, '_reverse'), reverse: false }] : []),
    ];
    return {
      width: grus.length * GRU_UNITS,
      call(x, nextDropout) {
        const B = x.axis(0);
        const sequence = x.reshape([B, bins, inner]);
        const initial = Tensor.from(x.engine, new Float32Array(B * GRU_UNITS), [B, GRU_UNITS]);
        const states = grus.map(({ gru, reverse }) =>
          slice(gru.call(sequence, initial, { reverse }), reverse ? 0 : bins - 1, 1),
        );
        const joined = concatenate(states).reshape([B, grus.length * GRU_UNITS]);
        return dropout(joined, nextDropout());
      },
    };
  };
}
