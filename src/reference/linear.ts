/** Linear maps and matrix products in float64. */

import { gelu, geluGradient } from './activations.js';
import { map, type Ref, ref, rowShape } from './array.js';

/** A B^T of A [M, K] and B [N, K]. */
export function matmulNT(a: Ref, b: Ref): Ref {
  const { rows: M, width: K } = rowShape(a);
  const N = b.shape.at(-2)!;
  const out = ref([...a.shape.slice(0, -1), N]);
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += a.data[m * K + k]! * b.data[n * K + k]!;
      out.data[m * N + n] = sum;
    }
  }
  return out;
}

/** A B of A [M, K] and B [K, N]. */
export function matmulNN(a: Ref, b: Ref): Ref {
  const { rows: M, width: K } = rowShape(a);
  const N = b.shape.at(-1)!;
  const out = ref([...a.shape.slice(0, -1), N]);
  for (let m = 0; m < M; m++) {
    for (let k = 0; k < K; k++) {
      const value = a.data[m * K + k]!;
      for (let n = 0; n < N; n++) out.data[m * N + n]! += value * b.data[k * N + n]!;
    }
  }
  return out;
}

/** A^T B of A [K, M] and B [K, N]. All axes but the last are rows. */
export function matmulTN(a: Ref, b: Ref): Ref {
  const { rows: K, width: M } = rowShape(a);
  const { width: N } = rowShape(b);
  const out = ref([M, N]);
  for (let k = 0; k < K; k++) {
    for (let m = 0; m < M; m++) {
      const value = a.data[k * M + m]!;
      for (let n = 0; n < N; n++) out.data[m * N + n]! += value * b.data[k * N + n]!;
    }
  }
  return out;
}

/** The sum over rows. */
export function columnSums(a: Ref): Ref {
  const { rows, width } = rowShape(a);
  const out = ref([width]);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < width; c++) out.data[c]! += a.data[r * width + c]!;
  return out;
}

/** x W^T + b. */
export function linear(x: Ref, weight: Ref, bias?: Ref): Ref {
  const y = matmulNT(x, weight);
  const { width } = rowShape(y);
  return bias ? map(y, (value, n) => value + bias.data[n % width]!) : y;
}

/** The gradients of x, W and b, given that of the output. */
export function linearBackward(x: Ref, weight: Ref, dy: Ref) {
  return { x: matmulNN(dy, weight), weight: matmulTN(dy, x), bias: columnSums(dy) };
}

/** The inputs of a two-layer perceptron, or their gradients. */
export interface MlpRefs {
  /** [..., in] */
  x: Ref;
  /** [hidden, in] */
  weight1: Ref;
  /** [hidden] */
  bias1: Ref;
  /** [out, hidden] */
  weight2: Ref;
  /** [out] */
  bias2: Ref;
}

/** W2 gelu(W1 x + b1) + b2. */
export function mlp({ x, weight1, bias1, weight2, bias2 }: MlpRefs): Ref {
  return linear(map(linear(x, weight1, bias1), gelu), weight2, bias2);
}

/** The gradients of all inputs, given that of the output. */
export function mlpBackward({ x, weight1, bias1, weight2 }: MlpRefs, dy: Ref) {
  const u = linear(x, weight1, bias1);
  const outer = linearBackward(map(u, gelu), weight2, dy);
  const du = map(outer.x, (value, n) => value * geluGradient(u.data[n]!));
  const inner = linearBackward(x, weight1, du);
  return {
    x: inner.x,
    weight1: inner.weight,
    bias1: inner.bias,
    weight2: outer.weight,
    bias2: outer.bias,
  };
}
