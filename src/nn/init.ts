/** Initializers of parameters. They run on the host. */

import type { HostRandom } from '../math/random.js';

/** Writes a parameter's initial values, drawing from `random` where they are random. */
export type Initializer = (values: Float32Array, random: HostRandom) => void;

/** All zeros. */
export const zeros: Initializer = (values) => {
  values.fill(0);
};

/** All ones. */
export const ones: Initializer = (values) => {
  values.fill(1);
};

/** Normally distributed with mean 0 and standard deviation `std`. */
export function normal(std: number): Initializer {
  return (values, random) => {
    for (let n = 0; n < values.length; n++) values[n] = std * random.normal();
  };
}

/** Uniformly distributed between -bound and bound. */
export function uniform(bound: number): Initializer {
  return (values, random) => {
    for (let n = 0; n < values.length; n++) values[n] = bound * (2 * random.uniform() - 1);
  };
}

/** The initial weights of layers that are not given their own. */
export interface InitialWeights {
  /** Of a linear layer with this many inputs. */
  linear(inner: number): Initializer;
  /** Of a table of vectors. */
  readonly table: Initializer;
}

/**
 * Weights and tables with a standard deviation of 0.02, as in GPT (Radford et al. 2018) and the
 * original Neuroformer. It suits wide layers.
 */
export const GPT_WEIGHTS: InitialWeights = { linear: () => normal(0.02), table: normal(0.02) };

/**
 * Weights with a standard deviation of 1 / sqrt(inputs), which keeps the variance of a layer's
 * output that of its input at any width (LeCun et al. 1998), and tables with 0.3.
 */
export const FAN_IN_WEIGHTS: InitialWeights = {
  linear: (inner) => normal(1 / Math.sqrt(inner)),
  table: normal(0.3),
};
