/**
 * Draws the spikes of neurons that excite and inhibit each other and are refractory, given the
 * rates lambda_i that they would have without. In a step of 5 ms, neuron i spikes with the
 * probability
 *
 *   1 - exp(-5 ms lambda_i exp(clip(sum_j W_ij h_j, -2, 2.2) - r_i)),
 *
 * where h_j jumps by 1 10 ms after a spike of j and decays with 15 ms, and r_i jumps by 3 after a
 * spike of i and decays with 10 ms.
 */

import type { HostRandom } from '../../math/random.js';
import { decay, STEP_SECONDS, STEPS_PER_FRAME } from './clock.js';

/** Inputs of each neuron from other neurons. */
export const INPUTS = 3;
/** Range of the weights that excite; and the weight of those that inhibit, one in four. */
const EXCITATION = [0.8, 1.5] as const;
const INHIBITION = -1.2;
const INHIBITORY_SHARE = 0.25;
/** Bounds of the summed input, as a logarithm of the factor of the rate. */
const INPUT_BOUNDS = [-2, 2.2] as const;
/** Steps from a spike to its effect; what a step leaves of the effect (15 ms). */
const DELAY_STEPS = 2;
const INPUT_DECAY = decay(STEP_SECONDS, 0.015);
/** By how much a spike lowers the logarithm of its neuron's rate; what a step leaves (10 ms). */
const REFRACTORINESS = 3;
const REFRACTORY_DECAY = decay(STEP_SECONDS, 0.01);

/**
 * Draws the connections: three different inputs for each neuron.
 *
 * @returns [target, source]
 */
export function drawWeights(neurons: number, random: HostRandom): Float64Array {
  const weights = new Float64Array(neurons * neurons);
  const rank = random.permutation(INPUTS * neurons);
  const inhibitory = Math.round(INHIBITORY_SHARE * INPUTS * neurons);
  for (let to = 0; to < neurons; to++) {
    const sources = random.permutation(neurons).filter((from) => from !== to);
    for (let k = 0; k < INPUTS; k++) {
      const excitation = random.between(...EXCITATION);
      weights[to * neurons + sources[k]!] =
        rank[to * INPUTS + k]! < inhibitory ? INHIBITION : excitation;
    }
  }
  return weights;
}

/**
 * What the spikes so far do to the rates of the next step: the inputs of each neuron, and its
 * refractoriness. It begins with neurons that were silent.
 */
class SpikeHistory {
  /** Inputs of neuron i: sources and weights from index starts[i] up to starts[i + 1]. */
  readonly #starts: readonly number[];
  readonly #sources: readonly number[];
  readonly #weights: readonly number[];
  /** h, by source. */
  readonly #trace: Float64Array;
  /** r, by neuron. */
  readonly #refractoriness: Float64Array;
  /** Neurons that fired in the latest steps, whose spikes are still on their way. */
  readonly #delayed: Uint8Array[];

  /** @param weights [target, source] */
  constructor(weights: Float64Array) {
    const neurons = Math.sqrt(weights.length);
    const [starts, sources] = [[0], [] as number[]];
    const connected: number[] = [];
    for (let to = 0; to < neurons; to++) {
      for (let from = 0; from < neurons; from++) {
        if (weights[to * neurons + from] === 0) continue;
        sources.push(from);
        connected.push(weights[to * neurons + from]!);
      }
      starts.push(sources.length);
    }
    this.#starts = starts;
    this.#sources = sources;
    this.#weights = connected;
    this.#trace = new Float64Array(neurons);
    this.#refractoriness = new Float64Array(neurons);
    this.#delayed = Array.from({ length: DELAY_STEPS - 1 }, () => new Uint8Array(neurons));
  }

  /** The factor of a neuron's rate in this step. */
  factor(neuron: number): number {
    let input = 0;
    for (let k = this.#starts[neuron]!; k < this.#starts[neuron + 1]!; k++)
      input += this.#weights[k]! * this.#trace[this.#sources[k]!]!;
    const bounded = Math.max(INPUT_BOUNDS[0], Math.min(INPUT_BOUNDS[1], input));
    return Math.exp(bounded - this.#refractoriness[neuron]!);
  }

  /** Goes on to the next step. @param fired 1 for each neuron that fired in this one */
  advance(fired: Uint8Array): void {
    const arriving = this.#delayed.shift()!;
    for (let n = 0; n < fired.length; n++) {
      this.#trace[n] = INPUT_DECAY * this.#trace[n]! + arriving[n]!;
      this.#refractoriness[n] =
        REFRACTORY_DECAY * this.#refractoriness[n]! + REFRACTORINESS * fired[n]!;
    }
    arriving.set(fired);
    this.#delayed.push(arriving);
  }
}

/** Spikes of one trial, and the intensities with which they were drawn. */
export interface DrawnSpikes {
  /** Seconds from the trial's start, ascending, of each neuron. */
  readonly times: readonly Float64Array[];
  /** As `conditionalIntensity` returns it. */
  readonly intensity: Float32Array;
}

/**
 * Draws the spikes of one trial, before which all neurons were silent. In a step a neuron fires
 * once at most, at a random time in it, as the event of a Poisson process would be. On a grid of
 * 5 ms, spikes of different neurons would coincide, and all intervals would be multiples of it.
 *
 * @param expected Hz in each frame without connections and refractoriness, [neurons, frames]
 * @param weights [target, source]
 */
export function drawSpikes(
  expected: Float32Array,
  weights: Float64Array,
  random: HostRandom,
): DrawnSpikes {
  const neurons = Math.sqrt(weights.length);
  const times: number[][] = Array.from({ length: neurons }, () => []);
  const intensity = stepThrough(expected, weights, (neuron, step, probability) => {
    if (random.uniform() >= probability) return false;
    times[neuron]!.push((step + random.uniform()) * STEP_SECONDS);
    return true;
  });
  return { times: times.map((list) => Float64Array.from(list)), intensity };
}

/**
 * The intensity with which the spikes of one trial were drawn: in each step, the probability of a
 * spike given all spikes before it, divided by the length of the step. As the spikes determine it,
 * a recording need not contain it.
 *
 * @param expected Hz in each frame without connections and refractoriness, [neurons, frames]
 * @param weights [target, source]
 * @param times seconds from the trial's start, of each neuron
 * @returns Hz, [neurons, frames x STEPS_PER_FRAME]
 */
export function conditionalIntensity(
  expected: Float32Array,
  weights: Float64Array,
  times: readonly Float64Array[],
): Float32Array {
  const steps = (expected.length / times.length) * STEPS_PER_FRAME;
  const fired = times.map((list) => {
    const row = new Uint8Array(steps);
    for (const time of list) row[Math.floor(time / STEP_SECONDS)] = 1;
    return row;
  });
  return stepThrough(expected, weights, (neuron, step) => fired[neuron]![step] === 1);
}

/**
 * Goes through the steps of a trial, and returns the intensity of each.
 *
 * @param fires whether a neuron fires in a step, given the probability that it does
 */
function stepThrough(
  expected: Float32Array,
  weights: Float64Array,
  fires: (neuron: number, step: number, probability: number) => boolean,
): Float32Array {
  const neurons = Math.sqrt(weights.length);
  const frames = expected.length / neurons;
  const steps = frames * STEPS_PER_FRAME;
  const intensity = new Float32Array(neurons * steps);
  const history = new SpikeHistory(weights);
  const fired = new Uint8Array(neurons);
  for (let step = 0; step < steps; step++) {
    const frame = Math.floor(step / STEPS_PER_FRAME);
    for (let n = 0; n < neurons; n++) {
      const rate = expected[n * frames + frame]! * history.factor(n);
      const probability = 1 - Math.exp(-rate * STEP_SECONDS);
      intensity[n * steps + step] = probability / STEP_SECONDS;
      fired[n] = Number(fires(n, step, probability));
    }
    history.advance(fired);
  }
  return intensity;
}
