/** Initial values of parameters, drawn on the host from a seed. */

import type { HostRandom } from '../math/random.js';

/** Writes a parameter's initial values. */
export type Initializer = (values: Float32Array, random: HostRandom) => void;

export const zeros: Initializer = (values) => {
  values.fill(0);
};

export const ones: Initializer = (values) => {
  values.fill(1);
};

/** Normal with mean 0. */
export function normal(std: number): Initializer {
  return (values, random) => {
    for (let n = 0; n < values.length; n++) values[n] = std * random.normal();
  };
}

/** Uniform from -bound to bound. */
export function uniform(bound: number): Initializer {
  return (values, random) => {
    for (let n = 0; n < values.length; n++) values[n] = bound * (2 * random.uniform() - 1);
  };
}
