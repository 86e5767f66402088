/** Linear maps with fused epilogues, the two-layer perceptron, and matrix products. */

import { ShapeError } from '../gpu/errors.js';
import { activateGradient, applyDropout } from './elementwise.js';
import { gemm } from './gemm.js';
import { addFoldedRows } from './primitives.js';
import type { Dropout } from './random.js';
import { type Gradients, newOutput, pushNode, tracks } from './tape.js';
import { elementCount, expectShape, expectType, Tensor } from './tensor.js';

/** The optional parts of `linear`, in the order they are applied. */
export interface LinearOptions {
  /** [out] */
  bias?: Tensor | undefined;
  /** Applies GELU after the bias. Default: false. */
  gelu?: boolean;
  /** Dropout after the activation. */
  dropout?: Dropout | undefined;
  /** Added last; has the shape of the output. */
  residual?: Tensor | undefined;
}

/**
 * residual + dropout(gelu(x W^T + b)), where everything but x W^T is optional.
 *
 * @param x [..., in]
 * @param weight [out, in]
 * @returns [..., out]
 */
export function linear(x: Tensor, weight: Tensor, options: LinearOptions = {}): Tensor {
  const { engine } = x;
  const { bias, residual, dropout, gelu = false } = options;
  const [rows, inner, outer] = checkLinear('linear', x, weight, bias);
  const shape = [...x.shape.slice(0, -1), outer];
  if (residual) expectShape('linear', 'residual', residual, shape);
  const inputs = [x, weight, bias, residual];
  const y = newOutput(engine, shape, inputs);
  const preActivation = gelu && tracks(engine, inputs) ? Tensor.empty(engine, shape) : undefined;
  gemm(engine, {
    layout: 'nt',
    M: rows,
    N: outer,
    K: inner,
    a: x,
    b: weight,
    out: y,
    bias,
    gelu,
    activationInput: preActivation,
    dropout,
    residual,
  });
  pushNode(engine, {
    op: 'linear',
    outputs: [y],
    saved: preActivation ? [preActivation] : [],
    backward(gradients) {
      const dy = gradients.get(y);
      if (!dy) return;
      let dz = dropoutGradient(dy, dropout);
      if (preActivation) {
        const du = Tensor.empty(engine, shape);
        activateGradient(engine, 'gelu', dz, preActivation, { tensor: du, accumulate: false });
        if (dz !== dy) dz.release();
        dz = du;
      }
      linearGradients(gradients, dz, x, weight, bias);
      if (dz !== dy) dz.release();
      if (residual) gradients.transfer(y, residual);
    },
  });
  return y;
}

/** The gradient of dropout's input: a new tensor, or without dropout dy itself. */
function dropoutGradient(dy: Tensor, dropout: Dropout | undefined): Tensor {
  if (!dropout || dropout.rate === 0) return dy;
  const dz = Tensor.empty(dy.engine, dy.shape);
  applyDropout(dy.engine, dy, dropout, { tensor: dz, accumulate: false });
  return dz;
}

/** Adds the gradients of y = x W^T + b to those of x, W and b. */
function linearGradients(
  gradients: Gradients,
  dy: Tensor,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
): void {
  weightGradients(gradients, dy, x, weight, bias);
  if (!gradients.wants(x)) return;
  const [outer, inner] = weight.shape as [number, number];
  const { tensor, accumulate } = gradients.target(x);
  gemm(x.engine, {
    layout: 'nn',
    M: elementCount(x.shape) / inner,
    N: inner,
    K: outer,
    a: dy,
    b: weight,
    out: tensor,
    accumulate,
  });
}

/** Adds the gradients of y = x W^T + b to those of W and b. */
export function weightGradients(
  gradients: Gradients,
  dy: Tensor,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
): void {
  if (!gradients.wants(weight)) {
    if (gradients.wants(bias)) addFoldedRows(dy, gradients.accumulator(bias), 1, bias.length);
    return;
  }
  const [outer, inner] = weight.shape as [number, number];
  const { tensor, accumulate } = gradients.target(weight);
  gemm(x.engine, {
    layout: 'tn',
    M: outer,
    N: inner,
    K: elementCount(x.shape) / inner,
    a: dy,
    b: x,
    out: tensor,
    accumulate,
    columnSums: gradients.wants(bias) ? gradients.accumulator(bias) : undefined,
  });
}

/** The parameters of a two-layer perceptron. */
export interface MlpWeights {
  /** [hidden, in] */
  weight1: Tensor;
  /** [hidden] */
  bias1: Tensor;
  /** [out, hidden] */
  weight2: Tensor;
  /** [out] */
  bias2: Tensor;
}

/**
 * residual + dropout(W2 gelu(W1 x + b1) + b2). It is one tape node, so that the backward pass
 * multiplies by GELU' in the epilogue of the product before it.
 *
 * @param x [..., in]
 * @returns [..., out]
 */
export function mlp(
  x: Tensor,
  weights: MlpWeights,
  options: { residual?: Tensor | undefined; dropout?: Dropout | undefined } = {},
): Tensor {
  const { engine } = x;
  const { weight1, bias1, weight2, bias2 } = weights;
  const { residual, dropout } = options;
  const [rows, inner, hidden] = checkLinear('mlp', x, weight1, bias1);
  const batchAxes = x.shape.slice(0, -1);
  const outer = weight2.axis(0);
  expectShape('mlp', 'weight2', weight2, [outer, hidden]);
  expectShape('mlp', 'bias2', bias2, [outer]);
  if (residual) expectShape('mlp', 'residual', residual, [...batchAxes, outer]);
  const inputs = [x, weight1, bias1, weight2, bias2, residual];
  const tracked = tracks(engine, inputs);
  const h = Tensor.empty(engine, [...batchAxes, hidden]);
  const u = tracked ? Tensor.empty(engine, h.shape) : undefined;
  const y = newOutput(engine, [...batchAxes, outer], inputs);
  gemm(engine, {
    layout: 'nt',
    M: rows,
    N: hidden,
    K: inner,
    a: x,
    b: weight1,
    out: h,
    bias: bias1,
    gelu: true,
    activationInput: u,
  });
  gemm(engine, {
    layout: 'nt',
    M: rows,
    N: outer,
    K: hidden,
    a: h,
    b: weight2,
    out: y,
    bias: bias2,
    dropout,
    residual,
  });
  pushNode(engine, {
    op: 'mlp',
    outputs: [y],
    saved: u ? [h, u] : [h],
    backward(gradients) {
      const dy = gradients.get(y);
      if (!dy || !u) return;
      const dz = dropoutGradient(dy, dropout);
      // The gradient of h is not needed itself: the next product multiplies it by GELU' at once.
      weightGradients(gradients, dz, h, weight2, bias2);
      const du = Tensor.empty(engine, u.shape);
      gemm(engine, {
        layout: 'nn',
        M: rows,
        N: hidden,
        K: outer,
        a: dz,
        b: weight2,
        out: du,
        geluGradient: u,
      });
      if (dz !== dy) dz.release();
      linearGradients(gradients, du, x, weight1, bias1);
      du.release();
      if (residual) gradients.transfer(y, residual);
    },
  });
  return y;
}

/**
 * alpha A B^T, for one pair of matrices or a batch of pairs.
 *
 * @param a [..., M, K]
 * @param b [..., N, K]
 * @returns [..., M, N]
 */
export function matmulTransposed(a: Tensor, b: Tensor, alpha = 1): Tensor {
  const { engine } = a;
  if (a.shape.length < 2)
    throw new ShapeError('matmulTransposed', 'a', '[..., M, K]', `of ${a.shape.length} axes`);
  expectType('matmulTransposed', 'a', a, 'f32');
  const batchAxes = a.shape.slice(0, -2);
  const M = a.axis(-2);
  const K = a.axis(-1);
  const { N } = expectShape('matmulTransposed', 'b', b, [...batchAxes, 'N', K]) as { N: number };
  const batch = elementCount(batchAxes);
  const y = newOutput(engine, [...batchAxes, M, N], [a, b]);
  gemm(engine, { layout: 'nt', M, N, K, batch, a, b, out: y, alpha });
  pushNode(engine, {
    op: 'matmulTransposed',
    outputs: [y],
    backward(gradients) {
      const dy = gradients.get(y);
      if (!dy) return;
      if (gradients.wants(a)) {
        const { tensor, accumulate } = gradients.target(a);
        gemm(engine, {
          layout: 'nn',
          M,
          N: K,
          K: N,
          batch,
          a: dy,
          b,
          out: tensor,
          alpha,
          accumulate,
        });
      }
      if (gradients.wants(b)) {
        const { tensor, accumulate } = gradients.target(b);
        gemm(engine, {
          layout: 'tn',
          M: N,
          N: K,
          K: M,
          batch,
          a: dy,
          b: a,
          out: tensor,
          alpha,
          accumulate,
        });
      }
    },
  });
  return y;
}

/** Checks the shapes of a linear map and returns [rows, in, out]. */
function checkLinear(
  op: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
): [number, number, number] {
  expectType(op, 'x', x, 'f32');
  const inner = x.axis(-1);
  const { out } = expectShape(op, 'weight', weight, ['out', inner]) as { out: number };
  if (bias) expectShape(op, 'bias', bias, [out]);
  return [elementCount(x.shape.slice(0, -1)), inner, out];
}
