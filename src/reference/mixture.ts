/** A softmax mixed with weights, in float64. */

import { map, type Ref } from './array.js';

/** log(exp(logits) + weights). */
export function mixWeights(logits: Ref, weights: Ref): Ref {
  return map(logits, (z, n) => Math.log(Math.exp(z) + weights.data[n]!));
}

/** The gradients of logits and weights, given that of the result. */
export function mixWeightsBackward(logits: Ref, weights: Ref, dout: Ref) {
  const total = map(logits, (z, n) => Math.exp(z) + weights.data[n]!);
  return {
    logits: map(dout, (d, n) => (d * Math.exp(logits.data[n]!)) / total.data[n]!),
    weights: map(dout, (d, n) => d / total.data[n]!),
  };
}
