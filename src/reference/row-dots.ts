/** Dot products of rows with weight rows of their own, in float64. */

import { type Ref, ref, zerosLike } from './array.js';

type Sizes = [B: number, N: number, width: number];

/** bias[n] + x[b, n] . weight[n]. */
export function rowDots(x: Ref, weight: Ref, bias?: Ref): Ref {
  const [B, N, width] = x.shape as Sizes;
  const out = ref([B, N]);
  for (let row = 0; row < B * N; row++) {
    const n = row % N;
    out.data[row] = bias?.data[n] ?? 0;
    for (let c = 0; c < width; c++)
      out.data[row]! += x.data[row * width + c]! * weight.data[n * width + c]!;
  }
  return out;
}

/** The gradients of x, the weights and the bias, given that of the result. */
export function rowDotsBackward(x: Ref, weight: Ref, dout: Ref) {
  const [B, N, width] = x.shape as Sizes;
  const [dx, dweight, dbias] = [zerosLike(x), zerosLike(weight), ref([N])];
  for (let row = 0; row < B * N; row++) {
    const n = row % N;
    const d = dout.data[row]!;
    dbias.data[n]! += d;
    for (let c = 0; c < width; c++) {
      dx.data[row * width + c] = d * weight.data[n * width + c]!;
      dweight.data[n * width + c]! += d * x.data[row * width + c]!;
    }
  }
  return { x: dx, weight: dweight, bias: dbias };
}
