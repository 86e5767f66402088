/** Softmax over rows, in float64. */

import { type Ref, rowShape, zerosLike } from './array.js';

/** exp(z) / sum of exp(z), over the last axis. */
export function softmax(logits: Ref): Ref {
  const { rows, width } = rowShape(logits);
  const out = zerosLike(logits);
  for (let row = 0; row < rows; row++) {
    const z = logits.data.subarray(row * width, (row + 1) * width);
    const maximum = z.reduce((largest, value) => Math.max(largest, value), -Infinity);
    const terms = z.map((value) => Math.exp(value - maximum));
    const total = terms.reduce((sum, term) => sum + term, 0);
    out.data.set(
      terms.map((term) => term / total),
      row * width,
    );
  }
  return out;
}

/** The gradient of the logits, given that of the probabilities. */
export function softmaxBackward(logits: Ref, dy: Ref): Ref {
  const y = softmax(logits);
  const { rows, width } = rowShape(logits);
  const out = zerosLike(logits);
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    let mean = 0;
    for (let c = 0; c < width; c++) mean += y.data[start + c]! * dy.data[start + c]!;
    for (let c = 0; c < width; c++)
      out.data[start + c] = y.data[start + c]! * (dy.data[start + c]! - mean);
  }
  return out;
}
