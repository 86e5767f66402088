/** Losses and their gradients in float64. */

import { map, type Ref, rowShape, zerosLike } from './array.js';
import { matmulNN, matmulNT, matmulTN } from './linear.js';

/** The targets and options of a cross-entropy. */
export interface CrossEntropySetup {
  /** The class of each row. */
  targets: ArrayLike<number>;
  /** Rows with this target do not count. */
  ignore?: number;
  /** The weight of each class. */
  weights?: ArrayLike<number>;
  /** Multiplies the loss. */
  factor?: number;
}

function logSumExp(row: Float64Array): number {
  const maximum = row.reduce((largest, z) => Math.max(largest, z), -Infinity);
  return maximum + Math.log(row.reduce((sum, z) => sum + Math.exp(z - maximum), 0));
}

/** The rows that count, each with its weight as a share of all weights. */
function countedRows(logits: Ref, { targets, ignore, weights }: CrossEntropySetup) {
  const { rows, width: classes } = rowShape(logits);
  const entries = Array.from({ length: rows }, (_, r) => r)
    .filter((r) => targets[r] !== ignore && targets[r]! < classes)
    .map((r) => ({
      start: r * classes,
      row: logits.data.subarray(r * classes, (r + 1) * classes),
      target: targets[r]!,
      weight: weights?.[targets[r]!] ?? 1,
    }));
  const total = entries.reduce((sum, { weight }) => sum + weight, 0);
  return entries.map((entry) => ({ ...entry, share: entry.weight / total }));
}

/** factor * weighted mean of -log softmax(logits)[target]; 0 where no row counts. */
export function crossEntropy(logits: Ref, setup: CrossEntropySetup): number {
  const losses = countedRows(logits, setup).map(
    ({ row, target, share }) => share * (logSumExp(row) - row[target]!),
  );
  return (setup.factor ?? 1) * losses.reduce((sum, loss) => sum + loss, 0);
}

/** The gradient of the logits. */
export function crossEntropyGradient(logits: Ref, setup: CrossEntropySetup): Ref {
  const gradient = zerosLike(logits);
  for (const { start, row, target, share } of countedRows(logits, setup)) {
    const scale = (setup.factor ?? 1) * share;
    const norm = logSumExp(row);
    for (const [c, z] of row.entries()) {
      gradient.data[start + c] = scale * (Math.exp(z - norm) - Number(c === target));
    }
  }
  return gradient;
}

/** factor * weighted mean of (prediction - truth)^2; 0 where the weights sum to 0. */
export function meanSquaredError(prediction: Ref, truth: Ref, weights?: Ref, factor = 1): number {
  const share = shares(prediction, weights);
  return prediction.data.reduce(
    (sum, p, n) => sum + factor * share[n]! * (p - truth.data[n]!) ** 2,
    0,
  );
}

/** The gradient of the prediction. */
export function meanSquaredErrorGradient(
  prediction: Ref,
  truth: Ref,
  weights?: Ref,
  factor = 1,
): Ref {
  const share = shares(prediction, weights);
  return map(prediction, (p, n) => 2 * factor * share[n]! * (p - truth.data[n]!));
}

/** Each element's weight as a share of all weights. */
function shares({ data }: Ref, weights: Ref | undefined): Float64Array {
  const total = weights?.data.reduce((sum, w) => sum + w, 0) ?? data.length;
  return data.map((_, n) => (total > 0 ? (weights?.data[n] ?? 1) / total : 0));
}

/** Each row divided by the maximum of its Euclidean norm and eps. */
export function normalize(x: Ref, eps = 1e-12): Ref {
  const { width } = rowShape(x);
  const norms = rowNorms(x);
  return map(x, (value, n) => value / Math.max(norms[Math.floor(n / width)]!, eps));
}

/** The gradient of x, given that of the output. */
export function normalizeBackward(x: Ref, dy: Ref, eps = 1e-12): Ref {
  const { rows, width } = rowShape(x);
  const norms = rowNorms(x);
  const dx = zerosLike(x);
  for (let r = 0; r < rows; r++) {
    const norm = norms[r]!;
    let projection = 0;
    for (let n = r * width; n < (r + 1) * width; n++) projection += dy.data[n]! * x.data[n]!;
    for (let n = r * width; n < (r + 1) * width; n++) {
      dx.data[n] =
        norm > eps
          ? (dy.data[n]! - (x.data[n]! * projection) / norm ** 2) / norm
          : dy.data[n]! / eps;
    }
  }
  return dx;
}

function rowNorms(x: Ref): number[] {
  const { rows, width } = rowShape(x);
  return Array.from({ length: rows }, (_, r) =>
    Math.hypot(...x.data.subarray(r * width, (r + 1) * width)),
  );
}

/** The options of a contrastive loss. */
export interface ContrastiveSetup {
  /** Divides the similarities. */
  temperature: number;
  /** Multiplies the loss. */
  factor?: number;
}

/**
 * The similarities u v^T / temperature, and the setup of the cross-entropy whose targets are the
 * diagonal.
 */
function similarities(u: Ref, v: Ref, { temperature, factor = 1 }: ContrastiveSetup) {
  const logits = map(matmulNT(u, v), (value) => value / temperature);
  return { logits, setup: { targets: u.data.map((_, n) => n), factor } };
}

/** The contrastive loss in one direction, as `contrastiveLoss` of src/tensor. */
export function contrastiveLoss(u: Ref, v: Ref, options: ContrastiveSetup): number {
  const { logits, setup } = similarities(u, v, options);
  return crossEntropy(logits, setup);
}

/** The gradients of u and v. */
export function contrastiveLossBackward(u: Ref, v: Ref, options: ContrastiveSetup) {
  const { logits, setup } = similarities(u, v, options);
  const gradient = crossEntropyGradient(logits, setup);
  const scaled = map(gradient, (value) => value / options.temperature);
  return { u: matmulNN(scaled, v), v: matmulTN(scaled, u) };
}
