/** Plain loops over Float64Array: what the CPU does with a kernel's work when nobody reads the code for its formulas. */

import { gelu } from '../test/reference/activations.js';

type Numbers = Float64Array;

/** A [M, K] times B^T, B [N, K]. */
export function matmul(
  a: Numbers,
  b: Numbers,
  out: Numbers,
  M: number,
  N: number,
  K: number,
): void {
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += a[m * K + k]! * b[n * K + k]!;
      out[m * N + n] = sum;
    }
  }
}

/** Loss and gradient in one pass over each row. */
export function crossEntropy(
  logits: Numbers,
  targets: Uint32Array,
  gradient: Numbers,
  classes: number,
): number {
  const rows = targets.length;
  let loss = 0;
  for (let r = 0; r < rows; r++) {
    const start = r * classes;
    let top = -Infinity;
    for (let c = start; c < start + classes; c++) top = Math.max(top, logits[c]!);
    let sum = 0;
    for (let c = start; c < start + classes; c++) {
      const e = Math.exp(logits[c]! - top);
      gradient[c] = e;
      sum += e;
    }
    for (let c = start; c < start + classes; c++) gradient[c]! /= sum * rows;
    gradient[start + targets[r]!]! -= 1 / rows;
    loss += top + Math.log(sum) - logits[start + targets[r]!]!;
  }
  return loss / rows;
}

export function layerNorm(
  x: Numbers,
  gamma: Numbers,
  beta: Numbers,
  y: Numbers,
  width: number,
): void {
  for (let start = 0; start < x.length; start += width) {
    let sum = 0;
    for (let c = 0; c < width; c++) sum += x[start + c]!;
    const mean = sum / width;
    let squares = 0;
    for (let c = 0; c < width; c++) squares += (x[start + c]! - mean) ** 2;
    const rstd = 1 / Math.sqrt(squares / width + 1e-5);
    for (let c = 0; c < width; c++)
      y[start + c] = (x[start + c]! - mean) * rstd * gamma[c]! + beta[c]!;
  }
}

/** The gradients of layerNorm for x, gamma and beta. */
export function layerNormBackward(
  x: Numbers,
  gamma: Numbers,
  dy: Numbers,
  dx: Numbers,
  dgamma: Numbers,
  dbeta: Numbers,
): void {
  const width = gamma.length;
  dgamma.fill(0);
  dbeta.fill(0);
  for (let start = 0; start < x.length; start += width) {
    let sum = 0;
    for (let c = 0; c < width; c++) sum += x[start + c]!;
    const mean = sum / width;
    let squares = 0;
    for (let c = 0; c < width; c++) squares += (x[start + c]! - mean) ** 2;
    const rstd = 1 / Math.sqrt(squares / width + 1e-5);
    let total = 0;
    let along = 0;
    for (let c = 0; c < width; c++) {
      const h = (x[start + c]! - mean) * rstd;
      const g = dy[start + c]! * gamma[c]!;
      total += g;
      along += g * h;
      dgamma[c]! += dy[start + c]! * h;
      dbeta[c]! += dy[start + c]!;
    }
    for (let c = 0; c < width; c++) {
      const h = (x[start + c]! - mean) * rstd;
      dx[start + c] = rstd * (dy[start + c]! * gamma[c]! - total / width - (h * along) / width);
    }
  }
}

export function geluEach(x: Numbers, y: Numbers): void {
  for (let n = 0; n < x.length; n++) y[n] = gelu(x[n]!);
}

/** One AdamW update at step 1. */
export function adamw(p: Numbers, g: Numbers, m: Numbers, v: Numbers, rate: number): void {
  let squares = 0;
  for (let n = 0; n < p.length; n++) squares += g[n]! * g[n]!;
  const clip = Math.min(1, 1 / (Math.sqrt(squares) + 1e-6));
  for (let n = 0; n < p.length; n++) {
    const d = g[n]! * clip;
    m[n] = 0.9 * m[n]! + 0.1 * d;
    v[n] = 0.95 * v[n]! + 0.05 * d * d;
    p[n] = p[n]! * (1 - rate * 0.1) - (rate * (m[n]! / 0.1)) / (Math.sqrt(v[n]! / 0.05) + 1e-8);
  }
}

/** Softmax attention of one batch, head by head, a score row at a time. */
export function attention(
  q: Numbers,
  k: Numbers,
  v: Numbers,
  out: Numbers,
  s: { B: number; T: number; S: number; H: number; D: number },
): void {
  const { B, T, S, H, D } = s;
  const width = H * D;
  const scores = new Float64Array(S);
  out.fill(0);
  for (let row = 0; row < B * H * T; row++) {
    const i = row % T;
    const h = Math.floor(row / T) % H;
    const b = Math.floor(row / (T * H));
    const at = (b * T + i) * width + h * D;
    let top = -Infinity;
    for (let j = 0; j < S; j++) {
      const key = (b * S + j) * width + h * D;
      let sum = 0;
      for (let d = 0; d < D; d++) sum += q[at + d]! * k[key + d]!;
      scores[j] = sum / Math.sqrt(D);
      top = Math.max(top, scores[j]!);
    }
    let total = 0;
    for (let j = 0; j < S; j++) {
      scores[j] = Math.exp(scores[j]! - top);
      total += scores[j]!;
    }
    for (let j = 0; j < S; j++) {
      const weight = scores[j]! / total;
      const value = (b * S + j) * width + h * D;
      for (let d = 0; d < D; d++) out[at + d]! += weight * v[value + d]!;
    }
  }
}

/** The gradients of `attention`, scores recomputed. */
export function attentionBackward(
  q: Numbers,
  k: Numbers,
  v: Numbers,
  dout: Numbers,
  gradients: { q: Numbers; k: Numbers; v: Numbers },
  s: { B: number; T: number; S: number; H: number; D: number },
): void {
  const { B, T, S, H, D } = s;
  const width = H * D;
  const p = new Float64Array(S);
  const g = new Float64Array(S);
  for (const gradient of [gradients.q, gradients.k, gradients.v]) gradient.fill(0);
  for (let row = 0; row < B * H * T; row++) {
    const i = row % T;
    const h = Math.floor(row / T) % H;
    const b = Math.floor(row / (T * H));
    const at = (b * T + i) * width + h * D;
    let top = -Infinity;
    for (let j = 0; j < S; j++) {
      const key = (b * S + j) * width + h * D;
      let sum = 0;
      let product = 0;
      for (let d = 0; d < D; d++) {
        sum += q[at + d]! * k[key + d]!;
        product += dout[at + d]! * v[key + d]!;
      }
      p[j] = sum / Math.sqrt(D);
      g[j] = product;
      top = Math.max(top, p[j]!);
    }
    let total = 0;
    for (let j = 0; j < S; j++) {
      p[j] = Math.exp(p[j]! - top);
      total += p[j]!;
    }
    let delta = 0;
    for (let j = 0; j < S; j++) {
      p[j]! /= total;
      delta += p[j]! * g[j]!;
    }
    for (let j = 0; j < S; j++) {
      const ds = (p[j]! * (g[j]! - delta)) / Math.sqrt(D);
      const key = (b * S + j) * width + h * D;
      for (let d = 0; d < D; d++) {
        gradients.q[at + d]! += ds * k[key + d]!;
        gradients.k[key + d]! += ds * q[at + d]!;
        gradients.v[key + d]! += p[j]! * dout[at + d]!;
      }
    }
  }
}
