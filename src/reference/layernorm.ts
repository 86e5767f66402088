/** Layer normalization in float64. */

import { type Ref, ref, rowShape, zerosLike } from './array.js';

/** Mean and 1 / sqrt(biased variance + eps) of each row. */
function statistics(x: Ref, eps: number): { mean: number; rstd: number }[] {
  const { rows, width } = rowShape(x);
  return Array.from({ length: rows }, (_, r) => {
    const row = x.data.subarray(r * width, (r + 1) * width);
    const mean = row.reduce((sum, v) => sum + v, 0) / width;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / width;
    return { mean, rstd: 1 / Math.sqrt(variance + eps) };
  });
}

/** (x - mean) / sqrt(var + eps) * gamma + beta over the last axis. */
export function layerNorm(x: Ref, gamma: Ref, beta: Ref, eps = 1e-5): Ref {
  const { width } = rowShape(x);
  const stats = statistics(x, eps);
  const y = zerosLike(x);
  for (let n = 0; n < x.data.length; n++) {
    const { mean, rstd } = stats[Math.floor(n / width)]!;
    const c = n % width;
    y.data[n] = (x.data[n]! - mean) * rstd * gamma.data[c]! + beta.data[c]!;
  }
  return y;
}

/** The gradients of x, gamma and beta, given that of the output. */
export function layerNormBackward(x: Ref, gamma: Ref, dy: Ref, eps = 1e-5) {
  const { rows, width } = rowShape(x);
  const stats = statistics(x, eps);
  const dx = zerosLike(x);
  const dgamma = ref([width]);
  const dbeta = ref([width]);
  for (let r = 0; r < rows; r++) {
    const { mean, rstd } = stats[r]!;
    const h = (c: number) => (x.data[r * width + c]! - mean) * rstd;
    const g = (c: number) => dy.data[r * width + c]! * gamma.data[c]!;
    let sum = 0;
    let projection = 0;
    for (let c = 0; c < width; c++) {
      sum += g(c);
      projection += g(c) * h(c);
      dgamma.data[c]! += dy.data[r * width + c]! * h(c);
      dbeta.data[c]! += dy.data[r * width + c]!;
    }
    for (let c = 0; c < width; c++) {
      dx.data[r * width + c] = rstd * (g(c) - sum / width - (h(c) * projection) / width);
    }
  }
  return { x: dx, gamma: dgamma, beta: dbeta };
}
