/** A gated recurrent unit over a sequence, forward and backward through time. */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import type { Kernels } from '../gpu/shaders.gen.js';
import { linear, productGradients } from './linear.js';
import { newOutput, pushNode } from './tape.js';
import { expectShape, Tensor } from './tensor.js';

/** Weights under PyTorch's names; gates in the order reset, update, new. */
export interface GruWeights {
  /** [3 * hidden, in], [3 * hidden] */
  weightInput: Tensor;
  biasInput: Tensor;
  /** [3 * hidden, hidden], [3 * hidden] */
  weightState: Tensor;
  biasState: Tensor;
}

/** What 16 KiB of workgroup memory hold of the backward's four vectors. */
const MAX_HIDDEN = 1024;
const PACK_WORKGROUP_SIZE = 64;

export interface GruOptions {
  /** Runs from the last position to the first. Default false. */
  reverse?: boolean;
  /** u32 [B, T]: a zero leaves the state as it is at that position. */
  mask?: Tensor | undefined;
}

/**
 * The states of a GRU: r = sigmoid(W_r x + U_r h), z = sigmoid(W_z x + U_z h), n = tanh(W_n x + r * U_n h), biases
 * everywhere, h' = (1 - z) n + z h; as PyTorch's nn.GRU of one layer.
 *
 * @param x [B, T, in]
 * @param first [B, hidden], the state before the first step
 * @returns [B, T, hidden], the state after each position
 */
export function gru(
  x: Tensor,
  first: Tensor,
  weights: GruWeights,
  options: GruOptions = {},
): Tensor {
  const { weightInput, biasInput, weightState, biasState } = weights;
  const bound = expectShape('gru', 'x', x, ['B', 'T', 'in']) as Record<'B' | 'T' | 'in', number>;
  const { hidden } = expectShape('gru', 'first', first, ['B', 'hidden'], bound) as {
    hidden: number;
  };
  expectShape('gru', 'weightInput', weightInput, [3 * hidden, bound.in]);
  expectShape('gru', 'weightState', weightState, [3 * hidden, hidden]);
  expectShape('gru', 'biasState', biasState, [3 * hidden]);
  if (options.mask) expectShape('gru', 'mask', options.mask, [bound.B, bound.T], {}, 'u32');
  if (hidden > MAX_HIDDEN)
    throw new ShapeError('gru', 'hidden', `at most ${MAX_HIDDEN}`, `${hidden}`);
  return x.engine.scope(() =>
    recur(linear(x, weightInput, { bias: biasInput }), first, weightState, biasState, options),
  );
}

type Params = Kernels['gru.forward']['params'];

/** The recurrence over gates [B, T, 3 * hidden] that the input has made. */
function recur(
  gates: Tensor,
  first: Tensor,
  weight: Tensor,
  bias: Tensor,
  { reverse = false, mask }: GruOptions,
): Tensor {
  const { engine } = gates;
  const [B, T] = gates.shape as [number, number];
  const width = first.axis(1);
  const out = newOutput(engine, [B, T, width], [gates, first, weight, bias]);
  const saves = out.requiresGrad;
  const previous = Tensor.empty(engine, saves ? out.shape : [1]);
  const saved = Tensor.empty(engine, saves ? [B, T, 4 * width] : [1]);
  const params: Params = {
    T,
    C: width,
    padded: 4 * Math.ceil(width / 4),
    reverse: Number(reverse),
    transposed: 1,
    saves: Number(saves),
    hasMask: Number(mask !== undefined),
  };
  const options = { constants: constantsFor(engine, width), flops: 6 * B * T * width * width };
  const packed = pack(weight, params);
  engine.dispatch(
    'gru.forward',
    {
      x: gates,
      packed,
      bias,
      h0: first,
      mask: mask ?? engine.placeholders.read,
      out,
      previous,
      saved,
    },
    params,
    B,
    options,
  );
  packed.release();
  pushNode(engine, {
    op: 'gru',
    outputs: [out],
    saved: [previous, saved],
    backward(gradients) {
      const dout = gradients.of(out);
      if (!dout) return;
      const dx = Tensor.empty(engine, gates.shape);
      const dstate = Tensor.empty(engine, gates.shape);
      const dfirst = Tensor.empty(engine, first.shape);
      const rows = pack(weight, { ...params, transposed: 0 });
      engine.dispatch(
        'gru.backward',
        { packed: rows, previous, saved, dout, dx, du: dstate, dh0: dfirst },
        params,
        B,
        options,
      );
      rows.release();
      productGradients(gradients, dstate, previous, weight, bias);
      dstate.release();
      for (const [input, gradient] of [
        [gates, dx],
        [first, dfirst],
      ] as const) {
        if (gradients.wants(input)) gradients.accumulate(input, gradient);
        else gradient.release();
      }
    },
  });
  return out;
}

/** Lanes for every four units, and room for the state. */
function constantsFor(engine: Engine, width: number): { WG: number; CAP: number } {
  const power = (n: number) => 2 ** Math.ceil(Math.log2(Math.ceil(n)));
  return {
    WG: Math.min(engine.tuning.reduceGroup, power(width / 4)),
    CAP: 4 * Math.ceil(width / 4),
  };
}

/** The recurrent weights in rows of whole vec4. */
function pack(weight: Tensor, params: Params): Tensor {
  const { engine } = weight;
  const repacked = Tensor.empty(engine, [weight.axis(0), params.padded]);
  const groups = Math.ceil(repacked.length / (4 * PACK_WORKGROUP_SIZE));
  engine.dispatch('gru.pack', { weight, newPacked: repacked }, params, groups, {
    constants: { WG: PACK_WORKGROUP_SIZE },
  });
  return repacked;
}
