/** Activation functions in float64. */

import { normalCdf } from '../math/distributions.js';

/** GELU in its exact form: x times the standard normal distribution function. */
export function gelu(x: number): number {
  return x * normalCdf(x);
}

/** The derivative of GELU. */
export function geluGradient(x: number): number {
  return normalCdf(x) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI);
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

type Scalar = (x: number) => number;

/** Each activation function and its derivative, by name. */
export const ACTIVATIONS: Record<
  'gelu' | 'relu' | 'tanh' | 'sigmoid' | 'softplus' | 'log1p',
  readonly [Scalar, Scalar]
> = {
  gelu: [gelu, geluGradient],
  relu: [(x) => Math.max(x, 0), (x) => (x > 0 ? 1 : 0)],
  tanh: [Math.tanh, (x) => 1 - Math.tanh(x) ** 2],
  sigmoid: [sigmoid, (x) => sigmoid(x) * sigmoid(-x)],
  softplus: [(x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), sigmoid],
  log1p: [(x) => Math.log1p(Math.max(x, 0)), (x) => (x >= 0 ? 1 / (1 + x) : 0)],
};
