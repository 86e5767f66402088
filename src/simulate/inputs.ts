/**
 * Simulates neurons that are each driven by one of as many periodic inputs, through a hidden
 * one-to-one map. It follows the second simulation of the paper, whose constants were not published
 * either; these are our own.
 *
 *   input k at time t: s_k(t) = (1 + cos(2 pi t / P_k + phi_k)) / 2, P_k from 0.5 to 2 s, phi_k
 *   from 0 to 2 pi neuron i spikes in a millisecond with probability 1 ms * (BASE_RATE + PEAK_RATE
 *   s_map(i)(t)^4)
 */

import { HostRandom } from '../math/random.js';
import { RecordingError } from '../recording/errors.js';

/** How many neurons to simulate, and for how long. */
export interface InputSettings {
  /** How many neurons there are, and as many inputs. Default 1000. */
  readonly neurons?: number;
  /** Length of the simulation. Default 60. */
  readonly seconds?: number;
  /** Seed of the inputs, the map and the spikes. Default 1. */
  readonly seed?: number;
}

/** Hz, without input. */
const BASE_RATE = 0.5;
/** Hz that an input at its peak adds. */
const PEAK_RATE = 20;

/** Seconds between two samples of the inputs: as long as the windows of models for them. */
export const INPUT_STEP = 0.02;
/** Mean and deviation of an input over whole periods. */
export const INPUT_MEAN = 0.5;
export const INPUT_DEVIATION = 1 / Math.sqrt(8);

/** Simulated neurons: their spikes, their inputs, and the hidden map between them. */
export interface DrivenNeurons {
  /** How many neurons there are, and as many inputs. */
  readonly neurons: number;
  /** Length of the simulation. */
  readonly seconds: number;
  /** Seed of the inputs, the map and the spikes. */
  readonly seed: number;
  /** Spike times of each neuron, in seconds, ascending. */
  readonly spikes: readonly Float64Array[];
  /** [samples x inputs], one sample every INPUT_STEP seconds; from 0 to 1. */
  readonly inputs: Float32Array;
  /** Index of the input that drives each neuron. */
  readonly map: Int32Array;
}

/**
 * Simulates driven neurons. The same settings give the same inputs and spikes.
 *
 * @param progress called after every neuron with the neurons so far, the neurons in all, and the
 *   unit
 * @throws RecordingError where there are fewer than 2 neurons or the length is not above 0
 */
export function simulateInputs(
  settings: InputSettings = {},
  progress: (done: number, total: number, unit: string) => void = () => {},
): DrivenNeurons {
  const { neurons = 1000, seconds = 60, seed = 1 } = settings;
  if (!Number.isInteger(neurons) || neurons < 2)
    throw new RecordingError(
      `The number of driven neurons should be 2 or more, but is ${neurons}.`,
    );
  if (!(seconds > 0))
    throw new RecordingError(
      `The length of a simulation should be above 0 seconds, but is ${seconds}.`,
    );
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
  const milliseconds = Math.round(1000 * seconds);
  const spikes = Array.from({ length: neurons }, (_, n) => {
    const times: number[] = [];
    for (let t = 0; t < milliseconds; t++) {
      const rate = BASE_RATE + PEAK_RATE * input(map[n]!, t / 1000) ** 4;
      if (random.uniform() < rate / 1000) times.push(t / 1000);
    }
    progress(n + 1, neurons, 'neurons');
    return Float64Array.from(times);
  });
  return { neurons, seconds, seed, spikes, inputs, map };
}
