/** Functions of one element at a time in float64. */

import { ACTIVATIONS } from './activations.js';
import { map, type Ref } from './array.js';

type Activation = keyof typeof ACTIVATIONS;

export function activate(x: Ref, kind: Activation): Ref {
  return map(x, ACTIVATIONS[kind][0]);
}

export function activateBackward(x: Ref, kind: Activation, dy: Ref): Ref {
  const [, derivative] = ACTIVATIONS[kind];
  return map(dy, (value, n) => value * derivative(x.data[n]!));
}

/** Dropout under a known mask, forward and backward alike. */
export function masked(x: Ref, mask: ArrayLike<number>): Ref {
  return map(x, (value, n) => value * mask[n]!);
}
