/**
 * Spike history: a sum over the spikes before a position, each weighted by how long ago it was.
 * Attention takes a mean over spikes, whose weights are softmax probabilities; a neuron takes a
 * sum.
 *
 *   pairs   logit_i += h_i,  h_i = sum over spikes k, kernels r of kappa_r(lag_k) W_r[i, neuron_k]
 *   own     p(i) ~ exp(logit_i) + sum over spikes k of neuron i of kappa(lag_k)
 *
 * `pairs` learns what every neuron does to every other one, with its sign: for tens to a few
 * hundred neurons. `own` copies recent spikes with one kernel for all neurons: for hundreds to
 * thousands. Lags are counted from the time of the position, over the past window and the part of
 * the current one that is known there.
 */

import { type Initializer, zeros } from '../nn/init.js';
import { Linear } from '../nn/layers.js';
import type { Parameter, ParameterScope } from '../nn/parameters.js';
import { activate, add } from '../tensor/elementwise.js';
import { mixWeights } from '../tensor/mixture.js';
import {
  type SpikeHistoryOptions,
  type SpikeTokens,
  spikeHistory,
} from '../tensor/spike-history.js';
import type { Tensor } from '../tensor/tensor.js';

/** Settings of SpikeHistory. */
export interface SpikeHistorySettings {
  /** From every neuron to every other one, or from each to itself. */
  readonly kind: 'pairs' | 'own';
  /** Number of kernels; `own` has one. */
  readonly kernels: number;
  /** Whether h_i is tanh of the sum, so that it stays within -1 and 1. */
  readonly bounded: boolean;
  /** Number of neurons. */
  readonly neurons: number;
  /** Neuron tokens, the special ones included. */
  readonly ids: number;
  /** Length of the past window, in time steps. */
  readonly pastSteps: number;
  /** Length of the current window, in time steps. */
  readonly currentSteps: number;
}

/** The head that reads the spikes before a position. */
export class SpikeHistory {
  /** kappa: [kernels, lags] */
  readonly kernels: Parameter;
  /**
   * W: [ids, kernels * ids], in which columns of tokens that are no neurons have no effect. `pairs`
   * only.
   */
  readonly pairs: Linear | undefined;
  readonly #settings: SpikeHistorySettings;

  constructor(scope: ParameterScope, settings: SpikeHistorySettings) {
    this.#settings = settings;
    const { kind, kernels, ids, pastSteps, currentSteps } = settings;
    const lags = pastSteps + currentSteps;
    const isPairs = kind === 'pairs';
    this.kernels = scope.parameter('kernels', [isPairs ? kernels : 1, lags], {
      init: isPairs ? (values) => values.set(exponentials(kernels, lags)) : ONE_BY_SOFTPLUS,
    });
    // The weights start at 0: before training, no neuron has an effect.
    if (isPairs)
      this.pairs = new Linear(scope.scope('pairs'), kernels * ids, ids, {
        bias: false,
        init: zeros,
      });
  }

  /**
   * The logits of the next neuron with the effect of the spikes before each position.
   *
   * @param logits [B, positions, ids]
   * @param positions of the current window. Default: all.
   */
  call(logits: Tensor, tokens: SpikeTokens, positions?: SpikeHistoryOptions['positions']): Tensor {
    const { kind, kernels, bounded, neurons, ids, pastSteps } = this.#settings;
    const options = { neurons, columns: ids, pastSteps, ...(positions && { positions }) };
    const read = (kernel: Tensor) => spikeHistory(tokens, kernel, options);
    const [B, count] = logits.shape as [number, number, number];
    if (kind === 'own') {
      const weights = read(activate(this.kernels.tensor, 'softplus'));
      return mixWeights(logits, weights.reshape([B, count, ids]));
    }
    const spikes = read(this.kernels.tensor).reshape([B, count, kernels * ids]);
    if (!bounded) return this.pairs!.call(spikes, { residual: logits });
    return add(logits, activate(this.pairs!.call(spikes), 'tanh'));
  }
}

/**
 * kappa_r(lag) = exp(-lag / tau_r), with tau from 1.5 steps to all of the lags, equally spaced in
 * log: [kernels, lags].
 */
export function exponentials(kernels: number, lags: number): Float32Array {
  const values = new Float32Array(kernels * lags);
  for (let r = 0; r < kernels; r++) {
    const tau = 1.5 * (lags / 1.5) ** (r / Math.max(1, kernels - 1));
    for (let lag = 0; lag < lags; lag++) values[r * lags + lag] = Math.exp(-lag / tau);
  }
  return values;
}

/** Values whose softplus is 1: a spike of any age counts as one. */
const ONE_BY_SOFTPLUS: Initializer = (values) => {
  values.fill(Math.log(Math.E - 1));
};
