/**
 * The baselines that replace the transformer's trunk: GRUs or MLPs over the same encoded tokens.
 */

import { uniform } from '../nn/init.js';
import { Gru, LayerNorm, Linear } from '../nn/layers.js';
import type { ParameterScope } from '../nn/parameters.js';
import { activate, dropout } from '../tensor/elementwise.js';
import type { Dropout } from '../tensor/random.js';
import { concatenate, slice } from '../tensor/sequence.js';
import { Tensor } from '../tensor/tensor.js';
import type { Rules } from './rules.js';

/** The inputs of a baseline. */
export interface BaselineInputs {
  /** The encoded current window, [B, T, width]. */
  readonly current: Tensor;
  /** The embedded past window, [B, P, width]. */
  readonly past: Tensor;
  /** u32 [B, T], zero at padding; undefined if padding is not masked. */
  readonly mask: Tensor | undefined;
  /** u32 [B, P], zero at padding; undefined if padding is not masked. */
  readonly pastMask: Tensor | undefined;
  /** Returns the dropout between two layers; call it once for each. */
  readonly nextDropout: () => Dropout | undefined;
}

/** Replaces the trunk: maps encoded tokens to the input of the heads. */
export interface Baseline {
  /** @returns [B, T, width] */
  call(inputs: BaselineInputs): Tensor;
}

const GRU_LAYERS = 3;
const MLP_LAYERS = 5;

/** One layer: a GRU, or two GRUs whose states are joined by a linear map and a layer norm. */
interface GruLayer {
  readonly grus: readonly Gru[];
  readonly join: { linear: Linear; norm: LayerNorm } | undefined;
}

/**
 * The outputs of a layer for the current window [B, T, width] and for the past window
 * [B, P, width].
 */
interface Streams {
  readonly current: Tensor;
  readonly past: Tensor;
}

/** Three layers of GRUs over the past and the current window. */
export class GruBaseline implements Baseline {
  readonly #layers: readonly GruLayer[];
  readonly #rules: Rules;

  /** @param double uses two GRUs per layer. */
  constructor(scope: ParameterScope, width: number, double: boolean, rules: Rules) {
    this.#rules = rules;
    const init = uniform(1 / Math.sqrt(2 * width));
    this.#layers = Array.from({ length: GRU_LAYERS }, (_, n) => {
      const layer = scope.scope(`grus.${n}`);
      if (!double) return { grus: [new Gru(layer, width, width)], join: undefined };
      const grus = [new Gru(layer, width, width), new Gru(layer, width, width, '_reverse')];
      const linear = new Linear(scope.scope(`linear_layers.${n}`), 2 * width, width, { init });
      return {
        grus,
        join: { linear, norm: new LayerNorm(scope.scope(`layer_norms.${n}`), width) },
      };
    });
  }

  call(inputs: BaselineInputs): Tensor {
    let streams: Streams = inputs;
    for (const [n, { grus, join }] of this.#layers.entries()) {
      const runs = grus.map((gru, index) => {
        const reverse = index === 1 && !this.#rules.causal_gru;
        if (this.#rules.gru_reads_past) return runOverBoth(gru, streams, inputs, reverse);
        const initial = stateAt(inputs.past, grus.length * n + index);
        const current = gru.call(streams.current, initial, { mask: inputs.mask, reverse });
        return { current, past: inputs.past };
      });
      if (!join) {
        streams = runs[0]!;
        continue;
      }
      const isLast = n === GRU_LAYERS - 1;
      const merge = (parts: Tensor[]) => {
        const joined = join.norm.call(join.linear.call(sideBySide(parts)));
        return isLast ? activate(joined, 'tanh') : dropout(joined, inputs.nextDropout());
      };
      const past = this.#rules.gru_reads_past && !isLast;
      streams = {
        current: merge(runs.map((run) => run.current)),
        past: past ? merge(runs.map((run) => run.past)) : inputs.past,
      };
    }
    return streams.current;
  }
}

/**
 * Runs one GRU over the past and then the current window, or in reverse over the current and then
 * the past window.
 */
function runOverBoth(
  gru: Gru,
  { current, past }: Streams,
  { mask, pastMask }: BaselineInputs,
  reverse: boolean,
): Streams {
  const [B, , width] = current.shape as [number, number, number];
  const zeros = Tensor.from(current.engine, new Float32Array(B * width), [B, width]);
  if (reverse) {
    const after = gru.call(current, zeros, { mask, reverse });
    return { current: after, past: gru.call(past, stateAt(after, 0), { mask: pastMask, reverse }) };
  }
  const before = gru.call(past, zeros, { mask: pastMask });
  return { past: before, current: gru.call(current, stateAt(before, past.axis(1) - 1), { mask }) };
}

/** One position of [B, T, width] as [B, width]. */
function stateAt(x: Tensor, position: number): Tensor {
  const [B, , width] = x.shape as [number, number, number];
  return slice(x, position, 1).reshape([B, width]);
}

/** Tensors of the same shape [B, T, width], joined along the width. */
function sideBySide(parts: readonly Tensor[]): Tensor {
  const [B, T, width] = parts[0]!.shape as [number, number, number];
  const joined = concatenate(parts.map((part) => part.reshape([B * T, 1, width])));
  return joined.reshape([B, T, parts.length * width]);
}

/**
 * x + W2 gelu(W1 LN(x)), five times. Without rules.mlp_used it is the identity, as in the original.
 */
export class MlpBaseline implements Baseline {
  readonly #layers: readonly { norm: LayerNorm; expand: Linear; project: Linear }[];
  readonly #isUsed: boolean;

  constructor(scope: ParameterScope, width: number, rules: Rules) {
    this.#isUsed = rules.mlp_used;
    this.#layers = Array.from({ length: MLP_LAYERS }, (_, n) => {
      const layer = scope.scope(`${n}`);
      return {
        norm: new LayerNorm(layer.scope('ln'), width),
        expand: new Linear(layer.scope('mlp.0'), width, 2 * width, { bias: false }),
        project: new Linear(layer.scope('mlp.2'), 2 * width, width, { bias: false }),
      };
    });
  }

  call({ current }: BaselineInputs): Tensor {
    if (!this.#isUsed) return current;
    return this.#layers.reduce((x, { norm, expand, project }) => {
      const hidden = expand.call(norm.call(x), { gelu: true });
      return project.call(hidden, { residual: x });
    }, current);
  }
}
