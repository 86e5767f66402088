/**
 * Population coupling: how much each neuron follows the recent activity of the whole population, a
 * gain of its rate. Some neurons fire with the others, some do not (Okun et al. 2015).
 *
 *   logit_i += sum over kernels r of W[i, r] (log(1 + c_r) - m_r)
 *   c_r = sum over the spikes k of all neurons of exp(-lag_k / tau_r)
 *
 * so that the rate of neuron i is multiplied by a power of the population's recent count. The end of
 * the window has weights as well: with them the number of spikes follows the population. m_r begins
 * at the value for the mean rate of training.
 */

import { type Initializer, zeros } from '../nn/init.js';
import { Linear } from '../nn/layers.js';
import type { Parameter, ParameterScope } from '../nn/parameters.js';
import { activate } from '../tensor/elementwise.js';
import { repeatRows } from '../tensor/embedding.js';
import { addRow } from '../tensor/sequence.js';
import {
  type SpikeHistoryOptions,
  type SpikeTokens,
  spikeHistory,
} from '../tensor/spike-history.js';
import { Tensor } from '../tensor/tensor.js';
import { exponentials } from './spike-history.js';

/** Settings of PopulationCoupling. */
export interface PopulationCouplingSettings {
  /** Number of time constants. */
  readonly kernels: number;
  /** Number of neurons. */
  readonly neurons: number;
  /** Neuron tokens, the special ones included. */
  readonly ids: number;
  /** Length of the past window, in time steps. */
  readonly pastSteps: number;
  /** Length of the current window, in time steps. */
  readonly currentSteps: number;
  /** Mean number of spikes in a time step of training windows. */
  readonly spikesPerStep: number;
}

/** The head that reads the activity of the population before a position. */
export class PopulationCoupling {
  readonly #settings: PopulationCouplingSettings;
  /** exp(-lag / tau): [kernels, lags] */
  readonly #kernels: Float32Array;
  /** -m: [1, kernels] */
  readonly #centers: Parameter;
  /** W: [ids, kernels] */
  readonly #weights: Linear;

  constructor(scope: ParameterScope, settings: PopulationCouplingSettings) {
    this.#settings = settings;
    const { kernels, ids, pastSteps, currentSteps, spikesPerStep } = settings;
    const lags = pastSteps + currentSteps;
    this.#kernels = exponentials(kernels, lags);
    const centers: Initializer = (values) => {
      for (let r = 0; r < kernels; r++) {
        const row = this.#kernels.subarray(r * lags, (r + 1) * lags);
        const sum = row.reduce((total, value) => total + value, 0);
        values[r] = -Math.log1p(spikesPerStep * sum);
      }
    };
    this.#centers = scope.parameter('centers', [1, kernels], { init: centers });
    // The weights start at 0: before training, the population has no effect.
    this.#weights = new Linear(scope, kernels, ids, { bias: false, init: zeros });
  }

  /**
   * The logits of the next neuron with the effect of the population before each position.
   *
   * @param logits [B, positions, ids]
   * @param positions of the current window. Default: all.
   */
  call(logits: Tensor, tokens: SpikeTokens, positions?: SpikeHistoryOptions['positions']): Tensor {
    const { kernels, neurons, pastSteps } = this.#settings;
    const { engine } = logits;
    const [B, count] = logits.shape as [number, number, number];
    const kernel = Tensor.from(engine, this.#kernels, [kernels, this.#kernels.length / kernels]);
    const options = { neurons, columns: 1, pastSteps, ...(positions && { positions }) };
    const counts = spikeHistory(tokens, kernel, options).reshape([B, count, kernels]);
    const centers = repeatRows(this.#centers.tensor, B).reshape([B, kernels]);
    const levels = addRow(activate(counts, 'log1p'), centers);
    return this.#weights.call(levels, { residual: logits });
  }
}
