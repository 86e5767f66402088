/** The baselines of the original's configuration: what stands in the trunk's place, over the same encoded tokens. */

import { uniform } from '../nn/init.js';
import { Gru, LayerNorm, Linear } from '../nn/layers.js';
import type { Declare } from '../nn/parameters.js';
import { activate, dropout } from '../tensor/elementwise.js';
import type { Dropout } from '../tensor/random.js';
import { concatenate, slice } from '../tensor/sequence.js';
import { Tensor } from '../tensor/tensor.js';
import type { Rules } from './rules.js';

/** What a baseline reads. */
export interface BaselineInputs {
  /** The encoded current window, [B, T, width]. */
  readonly current: Tensor;
  /** The embedded past, [B, P, width]. */
  readonly past: Tensor;
  /** u32 [B, T] and [B, P], zero at padding; undefined where padding counts. */
  readonly mask: Tensor | undefined;
  readonly pastMask: Tensor | undefined;
  /** Dropout between layers. */
  readonly drop: () => Dropout | undefined;
}

/** Maps an encoded window to what the heads read, [B, T, width]. */
export interface Baseline {
  call(inputs: BaselineInputs): Tensor;
}

const GRU_LAYERS = 3;
const MLP_LAYERS = 5;

/** One layer: a GRU, or two whose states a linear map and a layer norm join. */
interface GruLayer {
  readonly grus: readonly Gru[];
  readonly join: { linear: Linear; norm: LayerNorm } | undefined;
}

/** The current window and the past, on their way through the layers. */
interface Streams {
  readonly current: Tensor;
  readonly past: Tensor;
}

/** Three layers of GRUs over the window; with `double`, two a layer. */
export class GruBaseline implements Baseline {
  readonly #layers: readonly GruLayer[];
  readonly #rules: Rules;

  constructor(declare: Declare, width: number, double: boolean, rules: Rules) {
    this.#rules = rules;
    const init = uniform(1 / Math.sqrt(2 * width));
    this.#layers = Array.from({ length: GRU_LAYERS }, (_, n) => {
      const place = declare.scope(`grus.${n}`);
      if (!double) return { grus: [new Gru(place, width, width)], join: undefined };
      const grus = [new Gru(place, width, width), new Gru(place, width, width, '_reverse')];
      const linear = new Linear(declare.scope(`linear_layers.${n}`), 2 * width, width, { init });
      return {
        grus,
        join: { linear, norm: new LayerNorm(declare.scope(`layer_norms.${n}`), width) },
      };
    });
  }

  call(inputs: BaselineInputs): Tensor {
    let streams: Streams = inputs;
    for (const [n, { grus, join }] of this.#layers.entries()) {
      const runs = grus.map((gru, which) => {
        const reverse = which === 1 && !this.#rules.causal_gru;
        if (this.#rules.gru_reads_past) return runThrough(gru, streams, inputs, reverse);
        const first = stateAt(inputs.past, grus.length * n + which);
        const current = gru.call(streams.current, first, { mask: inputs.mask, reverse });
        return { current, past: inputs.past };
      });
      if (!join) {
        streams = runs[0]!;
        continue;
      }
      const last = n === GRU_LAYERS - 1;
      const merge = (parts: Tensor[]) => {
        const joined = join.norm.call(join.linear.call(sideBySide(parts)));
        return last ? activate(joined, 'tanh') : dropout(joined, inputs.drop());
      };
      const past = this.#rules.gru_reads_past && !last;
      streams = {
        current: merge(runs.map((run) => run.current)),
        past: past ? merge(runs.map((run) => run.past)) : inputs.past,
      };
    }
    return streams.current;
  }
}

/** One GRU over the past and then the current window, or over both from the end. */
function runThrough(
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

/** Position n of [B, T, width] as [B, width]. */
function stateAt(x: Tensor, n: number): Tensor {
  const [B, , width] = x.shape as [number, number, number];
  return slice(x, n, 1).reshape([B, width]);
}

/** Tensors of one shape [B, T, width] joined along their widths. */
function sideBySide(parts: readonly Tensor[]): Tensor {
  const [B, T, width] = parts[0]!.shape as [number, number, number];
  const joined = concatenate(parts.map((part) => part.reshape([B * T, 1, width])));
  return joined.reshape([B, T, parts.length * width]);
}

/** x + W2 gelu(W1 LN(x)), five times; the original makes these layers and never calls them. */
export class MlpBaseline implements Baseline {
  readonly #layers: readonly { norm: LayerNorm; first: Linear; second: Linear }[];
  readonly #used: boolean;

  constructor(declare: Declare, width: number, rules: Rules) {
    this.#used = rules.mlp_used;
    this.#layers = Array.from({ length: MLP_LAYERS }, (_, n) => {
      const place = declare.scope(`${n}`);
      return {
        norm: new LayerNorm(place.scope('ln'), width),
        first: new Linear(place.scope('mlp.0'), width, 2 * width, { bias: false }),
        second: new Linear(place.scope('mlp.2'), 2 * width, width, { bias: false }),
      };
    });
  }

  call({ current }: BaselineInputs): Tensor {
    if (!this.#used) return current;
    return this.#layers.reduce((x, { norm, first, second }) => {
      const hidden = first.call(norm.call(x), { gelu: true });
      return second.call(hidden, { residual: x });
    }, current);
  }
}
