/**
 * Spike-triggered averages of a film: what was shown before a neuron fired, on average
 * (Chichilnisky 2001), and how its squares changed, which also finds the fields of complex cells
 * (the diagonal of the spike-triggered covariance; Schwartz et al. 2006).
 *
 *   average[n, p] = sum over frames f of (mean of I_fp over spikes of n - mean of I_fp)^2
 *   square[n, p]  = sum over frames f of |mean of J_fp over spikes of n - mean of J_fp|,
 *                   J = (I - mean of I)^2
 */

import type { WindowRef, Windows } from '../recording/windows.js';

/** Maps of a film, one value per neuron and pixel. */
export interface SpikeTriggered {
  /** Energy of the spike-triggered average, [neurons, pixels]. */
  readonly average: Float64Array;
  /** Change of the squared film, [neurons, pixels]. */
  readonly square: Float64Array;
  /** Spikes of each neuron. */
  readonly spikes: Float64Array;
}

/** Sums of frames, weighted by the spikes of the windows that they end with. */
class FrameSums {
  readonly #length: number;
  readonly #bySpikes: Float64Array;
  readonly #all: Float64Array;
  #windows = 0;

  /** @param length pixels of all frames of a window */
  constructor(neurons: number, length: number) {
    this.#length = length;
    this.#bySpikes = new Float64Array(neurons * length);
    this.#all = new Float64Array(length);
  }

  add(values: ArrayLike<number>, spikes: ReadonlyMap<number, number>): void {
    const length = this.#length;
    this.#windows += 1;
    for (let p = 0; p < length; p++) this.#all[p]! += values[p]!;
    for (const [neuron, count] of spikes)
      for (let p = 0; p < length; p++) this.#bySpikes[neuron * length + p]! += count * values[p]!;
  }

  /** The mean over all windows, [length]. */
  mean(): Float64Array {
    return this.#all.map((sum) => sum / this.#windows);
  }

  /** For each neuron, the mean over its spikes less the mean over all windows; 0 without spikes. */
  differences(totals: Float64Array): Float64Array {
    const mean = this.mean();
    const length = this.#length;
    return this.#bySpikes.map((sum, n) => {
      const total = totals[Math.floor(n / length)]!;
      return total === 0 ? 0 : sum / total - mean[n % length]!;
    });
  }
}

/**
 * Spike-triggered averages over windows with video: the frames of a window count once for every
 * spike in its current part.
 *
 * @param pixels of a frame
 * @param progress called with how many windows are done, of both passes together
 */
export function spikeTriggered(
  windows: Windows,
  refs: readonly WindowRef[],
  pixels: number,
  progress: (done: number, total: number) => void = () => {},
): SpikeTriggered {
  const { neurons } = windows.recording;
  const length = windows.at(refs[0]!).frames!.length;
  const plain = new FrameSums(neurons, length);
  const squared = new FrameSums(neurons, length);
  const spikes = new Float64Array(neurons);
  const visit = (
    use: (frames: Float32Array, counts: Map<number, number>) => void,
    done: number,
  ) => {
    for (const [n, ref] of refs.entries()) {
      const { frames, current } = windows.at(ref);
      const counts = new Map<number, number>();
      for (const id of current.ids) if (id < neurons) counts.set(id, (counts.get(id) ?? 0) + 1);
      use(frames!, counts);
      if (n % 500 === 0) progress(done + n, 2 * refs.length);
    }
  };
  visit((frames, counts) => {
    plain.add(frames, counts);
    for (const [neuron, count] of counts) spikes[neuron]! += count;
  }, 0);
  const mean = plain.mean();
  const squares = new Float64Array(length);
  visit((frames, counts) => {
    for (let p = 0; p < length; p++) squares[p] = (frames[p]! - mean[p]!) ** 2;
    squared.add(squares, counts);
  }, refs.length);
  return {
    average: sumOverFrames(plain.differences(spikes), neurons, pixels, (d) => d * d),
    square: sumOverFrames(squared.differences(spikes), neurons, pixels, Math.abs),
    spikes,
  };
}

/** Sums of f over the frames of [neurons, frames, pixels]: [neurons, pixels]. */
function sumOverFrames(
  values: Float64Array,
  neurons: number,
  pixels: number,
  f: (value: number) => number,
): Float64Array {
  const sums = new Float64Array(neurons * pixels);
  const length = values.length / neurons;
  for (const [n, value] of values.entries())
    sums[Math.floor(n / length) * pixels + (n % pixels)]! += f(value);
  return sums;
}
