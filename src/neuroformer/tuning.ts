/**
 * Decoding by tuning curves, as a layer: the posterior of a variable's values given the spike
 * counts before it, if spikes are Poisson and neurons independent (Zhang et al. 1998). Each lag has
 * tuning curves of its own, since what a neuron says about a value changes with the time before it.
 *
 *   log P(value | counts) = log prior + sum over lags and neurons of count x log rate
 *                           - sum over lags of seconds x total rate, up to a constant
 *
 * It is linear in counts and seconds. Its weights start from the tuning curves of training windows
 * and are trained with the rest of the model.
 */

import type { Initializer } from '../nn/init.js';
import { zeros } from '../nn/init.js';
import type { Parameter, ParameterScope } from '../nn/parameters.js';
import { TuningCounts, ValueBins } from '../recording/tuning-curves.js';
import type { WindowRef, Windows } from '../recording/windows.js';
import { linear } from '../tensor/linear.js';
import { softmax } from '../tensor/softmax.js';
import type { Tensor } from '../tensor/tensor.js';
import type { BatchLayout } from './batch.js';
import type { ModelConfig } from './config.js';
import { type ConfiguredVariable, decodedPeriod, isClassified } from './variables.js';

/** The weights that tuning curves give the layer of one variable. */
export interface TuningWeights {
  /**
   * Logarithms of rates by lag and neuron, each less its mean over the values, then the negative
   * total rate by lag: [values, lags * (neurons + 1)].
   */
  readonly rates: Float32Array;
  /** Logarithms of the prior, [values]. */
  readonly prior: Float32Array;
  /** What each value is in the units of a prediction, [outputs, values]; empty for classes. */
  readonly outputs: Float32Array;
}

/** What a variable is decoded to. */
export interface TunedVariable {
  /** Values that are told apart: bins, or the classes. */
  readonly values: number;
  /** Numbers of a prediction, 1 or 2; undefined for a class, whose prediction is its logits. */
  readonly outputs: number | undefined;
  /** Default: zeros, for weights that will be loaded. */
  readonly initial?: TuningWeights | undefined;
}

/** A logarithm of the prior that leaves a value out, as one that training windows never had. */
const NEVER = -1e6;

/** The lowest rate, Hz: a spike where a neuron had none is unlikely, but possible. */
const LOWEST_RATE = 0.01;

/** The layer of one variable. */
export class TunedDecoder {
  readonly #rates: Parameter;
  readonly #prior: Parameter;
  readonly #outputs: Parameter | undefined;

  /** @param inputs counts and seconds of a window, lags * (neurons + 1) */
  constructor(scope: ParameterScope, inputs: number, variable: TunedVariable) {
    const { values, outputs, initial } = variable;
    const from = (numbers: Float32Array | undefined): Initializer =>
      numbers ? (target) => target.set(numbers) : zeros;
    // Decay leads to neurons that say nothing.
    const options = { init: from(initial?.rates), decay: true };
    this.#rates = scope.parameter('rates', [values, inputs], options);
    this.#prior = scope.parameter('prior', [values], { init: from(initial?.prior) });
    if (outputs !== undefined)
      this.#outputs = scope.parameter('outputs', [outputs, values], {
        init: from(initial?.outputs),
      });
  }

  /**
   * The mean of the posterior, [B, outputs], for an angle that of its cosine and sine; for a class
   * logits, [B, values].
   *
   * @param evidence counts and seconds, [B, inputs]
   */
  call(evidence: Tensor): Tensor {
    const logits = linear(evidence, this.#rates.tensor, { bias: this.#prior.tensor });
    return this.#outputs ? linear(softmax(logits), this.#outputs.tensor) : logits;
  }
}

/** Whether a variable is decoded by tuning curves. */
export function isTuned({ readout }: Pick<ModelConfig, 'readout'>, variable: ConfiguredVariable) {
  const names = readout?.tuning?.variables;
  return Boolean(
    readout?.tuning && variable.setting.predict && (names?.includes(variable.name) ?? true),
  );
}

/** How many lags have tuning curves; 0 for none. */
export function tunedLags({ readout }: Pick<ModelConfig, 'readout'>): number {
  return readout?.tuning ? (readout.tuning.lags ?? readout.bins) : 0;
}

/**
 * The weights that the tuning curves of windows give each variable that is decoded by them, by
 * name, as far as the recording contains it.
 *
 * @param refs training windows
 */
export function tuningWeights(
  layout: BatchLayout,
  windows: Windows,
  refs: readonly WindowRef[],
): Record<string, TuningWeights> {
  const tuned = layout.variables.filter((variable) => isTuned(layout.config, variable));
  return Object.fromEntries(
    tuned.map((variable) => [variable.name, weightsOf(variable, layout, windows, refs)]),
  );
}

function weightsOf(
  variable: ConfiguredVariable,
  layout: BatchLayout,
  windows: Windows,
  refs: readonly WindowRef[],
): TuningWeights {
  const { name, setting } = variable;
  const { values, smoothing } = layout.config.readout!.tuning!;
  const period = decodedPeriod(setting);
  const targets = refs.map((ref) => windows.samplesAt(ref)[name]!.values.at(-1)!);
  if (isClassified(setting)) {
    const classes = layout.tokenizer.classes[name]!.values.length;
    const counts = countByLag(layout, windows, refs, targets, classes);
    return { ...logRates(counts, 0, false), outputs: new Float32Array() };
  }
  const bins = new ValueBins(targets, values, period);
  const counts = countByLag(layout, windows, refs, targets.map(bins.at, bins), values);
  const scale = layout.variableScale(variable);
  const encoded = Array.from(bins.centers, (center) => scale.encode(center));
  const outputs = encoded[0]!.flatMap((_, n) => encoded.map((parts) => parts[n]!));
  return {
    ...logRates(counts, smoothing, period !== undefined),
    outputs: Float32Array.from(outputs),
  };
}

/** The spikes and the time at each value, by lag, the latest first. */
function countByLag(
  layout: BatchLayout,
  windows: Windows,
  refs: readonly WindowRef[],
  targets: readonly number[],
  values: number,
): TuningCounts[] {
  const { neurons } = layout.tokenizer.ids;
  const lags = tunedLags(layout.config);
  const counts = Array.from({ length: lags }, () => new TuningCounts(neurons, values));
  for (const [row, ref] of refs.entries()) {
    const value = targets[row]!;
    const seconds = windows.countSecondsAt(ref)!;
    const spikes = windows.countsAt(ref)!;
    for (const [lag, tuned] of counts.entries()) {
      tuned.addRow(value, seconds[lag]!);
      for (let neuron = 0; neuron < neurons; neuron++)
        tuned.addSpikes(value, neuron, spikes[lag * neurons + neuron]!);
    }
  }
  return counts;
}

/** Logarithms of the rates and of the prior, as the layer reads them. */
function logRates(
  counts: readonly TuningCounts[],
  smoothing: number,
  isCircular: boolean,
): Pick<TuningWeights, 'rates' | 'prior'> {
  const { neurons, bins: values } = counts[0]!;
  const setting = { smoothing, floor: LOWEST_RATE, isCircular };
  const inputs = counts.length * (neurons + 1);
  const weights = new Float32Array(values * inputs);
  for (const [lag, tuned] of counts.entries()) {
    const rates = tuned.rates(setting);
    for (let neuron = 0; neuron < neurons; neuron++) {
      const curve = rates.subarray(neuron * values, (neuron + 1) * values).map(Math.log);
      // What all values have in common says nothing, and would only cost precision.
      const center = curve.reduce((sum, log) => sum + log, 0) / values;
      for (let v = 0; v < values; v++)
        weights[v * inputs + lag * neurons + neuron] = curve[v]! - center;
    }
    for (let v = 0; v < values; v++) {
      let total = 0;
      for (let neuron = 0; neuron < neurons; neuron++) total += rates[neuron * values + v]!;
      weights[v * inputs + counts.length * neurons + lag] = -total;
    }
  }
  const visits = counts[0]!.occupancy(setting);
  const sum = visits.reduce((total, share) => total + share, 0);
  const prior = visits.map((share) => (share > 0 ? Math.log(share / sum) : NEVER));
  return { rates: weights, prior: Float32Array.from(prior) };
}
