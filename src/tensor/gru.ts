/** A gated recurrent unit over a sequence, with backpropagation through time. */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import type { Kernels } from '../gpu/shaders.gen.js';
import { linear, weightGradients } from './linear.js';
import { newOutput, pushNode } from './tape.js';
import { expectShape, Tensor } from './tensor.js';

/**
 * The parameters of a GRU. Rows are in the order of PyTorch's: the reset gate, the update gate, the
 * new state.
 */
export interface GruWeights {
  /** [3 * hidden, in], PyTorch's weight_ih_l0 */
  weightInput: Tensor;
  /** [3 * hidden], PyTorch's bias_ih_l0 */
  biasInput: Tensor;
  /** [3 * hidden, hidden], PyTorch's weight_hh_l0 */
  weightState: Tensor;
  /** [3 * hidden], PyTorch's bias_hh_l0 */
  biasState: Tensor;
}

/** The backward kernel keeps four vectors of this length in 16 KiB of workgroup memory. */
const MAX_HIDDEN = 1024;
const PACK_WORKGROUP_SIZE = 64;

/** Options of `gru`. */
export interface GruOptions {
  /** Runs from the last position to the first. Default: false. */
  reverse?: boolean;
  /** u32 [B, T]; 0 keeps the state unchanged at that position. */
  mask?: Tensor | undefined;
}

/**
 * The states of a gated recurrent unit, as PyTorch's nn.GRU with one layer computes them (each
 * product has a bias):
 *
 *   r = sigmoid(W_r x + U_r h), z = sigmoid(W_z x + U_z h), n = tanh(W_n x + r * U_n h), h' = (1 -
 *   z) n + z h
 *
 * @param x [B, T, in]
 * @param initial [B, hidden], the state before the first step
 * @returns [B, T, hidden], the state after each position
 * @throws ShapeError where shapes disagree, or hidden is above 1024.
 */
export function gru(
  x: Tensor,
  initial: Tensor,
  weights: GruWeights,
  options: GruOptions = {},
): Tensor {
  const { weightInput, biasInput, weightState, biasState } = weights;
  const bound = expectShape('gru', 'x', x, ['B', 'T', 'in']) as Record<'B' | 'T' | 'in', number>;
  const { hidden } = expectShape('gru', 'initial', initial, ['B', 'hidden'], bound) as {
    hidden: number;
  };
  expectShape('gru', 'weightInput', weightInput, [3 * hidden, bound.in]);
  expectShape('gru', 'weightState', weightState, [3 * hidden, hidden]);
  expectShape('gru', 'biasState', biasState, [3 * hidden]);
  if (options.mask) expectShape('gru', 'mask', options.mask, [bound.B, bound.T], {}, 'u32');
  if (hidden > MAX_HIDDEN)
    throw new ShapeError('gru', 'hidden', `at most ${MAX_HIDDEN}`, `${hidden}`);
  return x.engine.scope(() =>
    recurrence(
      linear(x, weightInput, { bias: biasInput }),
      initial,
      weightState,
      biasState,
      options,
    ),
  );
}

type Params = Kernels['gru.forward']['params'];

/**
 * The recurrence. `gates` [B, T, 3 * hidden] is the part of the gates that depends on the input.
 */
function recurrence(
  gates: Tensor,
  initial: Tensor,
  weight: Tensor,
  bias: Tensor,
  { reverse = false, mask }: GruOptions,
): Tensor {
  const { engine } = gates;
  const [B, T] = gates.shape as [number, number];
  const width = initial.axis(1);
  const out = newOutput(engine, [B, T, width], [gates, initial, weight, bias]);
  const saves = out.requiresGrad;
  const previous = Tensor.empty(engine, saves ? out.shape : [1]);
  const saved = Tensor.empty(engine, saves ? [B, T, 4 * width] : [1]);
  const params: Params = {
    B,
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
      h0: initial,
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
      const dout = gradients.get(out);
      if (!dout) return;
      const dx = Tensor.empty(engine, gates.shape);
      const dstate = Tensor.empty(engine, gates.shape);
      const dinitial = Tensor.empty(engine, initial.shape);
      const rows = pack(weight, { ...params, transposed: 0 });
      engine.dispatch(
        'gru.backward',
        { packed: rows, previous, saved, dout, dx, du: dstate, dh0: dinitial },
        params,
        B,
        options,
      );
      rows.release();
      weightGradients(gradients, dstate, previous, weight, bias);
      dstate.release();
      for (const [input, gradient] of [
        [gates, dx],
        [initial, dinitial],
      ] as const) {
        if (gradients.wants(input)) gradients.accumulate(input, gradient);
        else gradient.release();
      }
    },
  });
  return out;
}

/** One invocation for every four units, and workgroup memory for the state, padded to vec4. */
function constantsFor(engine: Engine, width: number): { WG: number; CAP: number } {
  const power = (n: number) => 2 ** Math.ceil(Math.log2(Math.ceil(n)));
  return {
    WG: Math.min(engine.tuning.reduceGroup, power(width / 4)),
    CAP: 4 * Math.ceil(width / 4),
  };
}

/** The recurrent weights with rows padded to a multiple of four, so that kernels can read vec4. */
function pack(weight: Tensor, params: Params): Tensor {
  const { engine } = weight;
  const repacked = Tensor.empty(engine, [weight.axis(0), params.padded]);
  const groups = Math.ceil(repacked.length / (4 * PACK_WORKGROUP_SIZE));
  engine.dispatch('gru.pack', { weight, newPacked: repacked }, params, groups, {
    constants: { WG: PACK_WORKGROUP_SIZE },
  });
  return repacked;
}
