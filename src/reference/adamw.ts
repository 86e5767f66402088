/** AdamW in float64, as PyTorch defines it, with clipping by the global norm. */

import type { Ref } from './array.js';

/** The settings of AdamW, as in AdamWOptions of src/nn. */
export interface AdamWSettings {
  /** The decay rates of the two moments. */
  betas: readonly [number, number];
  /** Added to the root of the second moment. */
  eps: number;
  /** The decoupled weight decay. */
  decay: number;
  /** The maximum norm of the gradient; 0 for no clipping. */
  maxNorm: number;
}

/** The state of AdamW. */
export interface AdamWState {
  /** First and second moments by parameter name. */
  moments: Map<string, { m: Float64Array; v: Float64Array }>;
  /** The number of updates so far. */
  steps: number;
}

/** The state before the first update. */
export function newAdamWState(): AdamWState {
  return { moments: new Map(), steps: 0 };
}

/**
 * Makes one update of the parameters, in place. Parameters without a gradient do not change.
 *
 * @param decays whether the parameter with a name is decayed.
 * @param rate the learning rate.
 * @returns the norm of the gradient before clipping.
 */
export function adamw(
  parameters: ReadonlyMap<string, Ref>,
  gradients: ReadonlyMap<string, Ref>,
  decays: (name: string) => boolean,
  state: AdamWState,
  rate: number,
  { betas, eps, decay, maxNorm }: AdamWSettings,
): number {
  let squares = 0;
  for (const { data } of gradients.values()) for (const g of data) squares += g * g;
  const norm = Math.sqrt(squares);
  const clip = maxNorm > 0 && norm > maxNorm ? maxNorm / (norm + 1e-6) : 1;
  state.steps += 1;
  const correction = betas.map((beta) => 1 - beta ** state.steps) as [number, number];
  for (const [name, gradient] of gradients) {
    const { data } = parameters.get(name)!;
    const moments = state.moments.get(name) ?? {
      m: new Float64Array(data.length),
      v: new Float64Array(data.length),
    };
    state.moments.set(name, moments);
    for (let n = 0; n < data.length; n++) {
      const g = gradient.data[n]! * clip;
      moments.m[n] = betas[0] * moments.m[n]! + (1 - betas[0]) * g;
      moments.v[n] = betas[1] * moments.v[n]! + (1 - betas[1]) * g * g;
      const step = moments.m[n]! / correction[0] / (Math.sqrt(moments.v[n]! / correction[1]) + eps);
      data[n] = data[n]! * (decays(name) ? 1 - rate * decay : 1) - rate * step;
    }
  }
  return norm;
}
