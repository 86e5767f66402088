/** Elementwise operations in float64. */

import { ACTIVATIONS } from './activations.js';
import { map, type Ref } from './array.js';

type Activation = keyof typeof ACTIVATIONS;

/** The activation function of every element of x. */
export function activate(x: Ref, kind: Activation): Ref {
  return map(x, ACTIVATIONS[kind][0]);
}

/** The gradient of x, given that of the output. */
export function activateBackward(x: Ref, kind: Activation, dy: Ref): Ref {
  const [, derivative] = ACTIVATIONS[kind];
  return map(dy, (value, n) => value * derivative(x.data[n]!));
}

/** x times a mask: dropout, forward and backward. */
export function applyMask(x: Ref, mask: ArrayLike<number>): Ref {
  return map(x, (value, n) => value * mask[n]!);
}
