/**
 * Neurons that are each driven by one of as many periodic inputs, through a hidden one-to-one map: after the paper's
 * second simulation, whose constants were not published either. These are ours.
 *
 *   input k at time t:  s_k(t) = (1 + cos(2 pi t / P_k + phi_k)) / 2,     P_k from 0.5 to 2 s, phi_k anything
 *   neuron i spikes in a millisecond with probability  1 ms * (BASE + PEAK s_map(i)(t)^4)
 */

import { HostRandom } from '../math/random.js';
import { RecordingError } from '../recording/errors.js';

export interface InputSettings {
  /** Neurons, and inputs. Default 1000. */
  readonly neurons?: number;
  /** Default 60. */
  readonly seconds?: number;
  readonly seed?: number;
}

/** Hz: without input, and at its peak. */
const BASE_RATE = 0.5;
const PEAK_RATE = 20;
/** Seconds between two samples of the inputs. */
export const INPUT_STEP = 0.05;

export interface DrivenNeurons {
  readonly neurons: number;
  readonly seconds: number;
  readonly seed: number;
  /** Seconds, rising, per neuron. */
  readonly spikes: readonly Float64Array[];
  /** [samples x inputs], every INPUT_STEP seconds. */
  readonly inputs: Float32Array;
  /** Which input drives each neuron. */
  readonly map: Int32Array;
}

/** Simulates the neurons. */
export function simulateInputs(
  settings: InputSettings = {},
  progress: (share: number) => void = () => {},
): DrivenNeurons {
  const { neurons = 1000, seconds = 60, seed = 1 } = settings;
  if (!Number.isInteger(neurons) || neurons < 2)
    throw new RecordingError(`Driven neurons should be 2 or more, but are ${neurons}.`);
  if (!(seconds > 0))
    throw new RecordingError(`Neurons should be simulated for some seconds, not ${seconds}.`);
  const random = new HostRandom(seed);
  const periods = Float64Array.from({ length: neurons }, () => 0.5 + 1.5 * random.uniform());
  const phases = Float64Array.from({ length: neurons }, () => 2 * Math.PI * random.uniform());
  const map = Int32Array.from(random.permutation(neurons));
  const input = (k: number, t: number) =>
    (1 + Math.cos((2 * Math.PI * t) / periods[k]! + phases[k]!)) / 2;
  const samples = Math.floor(seconds / INPUT_STEP + 1e-9);
  const inputs = new Float32Array(samples * neurons);
  for (let n = 0; n < samples; n++)
    for (let k = 0; k < neurons; k++) inputs[n * neurons + k] = input(k, n * INPUT_STEP);
  const steps = Math.round(1000 * seconds);
  const spikes = Array.from({ length: neurons }, (_, n) => {
    const times: number[] = [];
    for (let t = 0; t < steps; t++) {
      const rate = BASE_RATE + PEAK_RATE * input(map[n]!, t / 1000) ** 4;
      if (random.uniform() < rate / 1000) times.push(t / 1000);
    }
    progress((n + 1) / neurons);
    return Float64Array.from(times);
  });
  return { neurons, seconds, seed, spikes, inputs, map };
}
