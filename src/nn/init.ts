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
