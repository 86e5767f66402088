/**
 * How spikes relate to a film, without a model: spike-triggered averages of what was shown before a
 * neuron fired (Chichilnisky 2001), how its squares changed, which also finds the fields of complex
 * cells (the diagonal of the spike-triggered covariance; Schwartz et al. 2006), and correlations.
 *
 *   average[n, p]     = sum over frames f of (mean of I_fp over spikes of n - mean of I_fp)^2
 *   square[n, p]      = sum over frames f of |mean of J_fp over spikes of n - mean of J_fp|,
 *                       J = (I - mean of I)^2
 *   correlation[n, p] = largest over frames f of the correlation over windows of the spikes of n
 *                       and I_fp
 */

import { mean } from '../math/statistics.js';
import type { WindowRef, Windows } from '../recording/windows.js';

/** What spikes tell of a film: one value per neuron and pixel. */
export interface SpikeTriggered {
  /** Energy of the spike-triggered average, [neurons, pixels]. */
  readonly average: Float64Array;
  /** Change of the squared film, [neurons, pixels]. */
  readonly square: Float64Array;
  /** Largest correlation over the frames of a window, [neurons, pixels]. */
  readonly correlation: Float64Array;
  /** Spikes of each neuron, [neurons]. */
  readonly spikes: Float64Array;
  /** The mean of the film over windows, frames and pixels. */
  readonly brightness: number;
}

/** Sums over windows of what they show, alone and weighted by the spikes of each neuron. */
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

  /** Adds a window. @param counts spikes of each neuron that fired */
  add(values: ArrayLike<number>, counts: ReadonlyMap<number, number>): void {
    const length = this.#length;
    this.#windows += 1;
    for (let p = 0; p < length; p++) this.#all[p]! += values[p]!;
    for (const [neuron, count] of counts)
      for (let p = 0; p < length; p++) this.#bySpikes[neuron * length + p]! += count * values[p]!;
  }

  /** The mean over all windows, [length]. */
  mean(): Float64Array {
    return this.#all.map((sum) => sum / this.#windows);
  }

  /**
   * The mean at one index over a neuron's spikes, less the mean over all windows; 0 without spikes.
   */
  difference(neuron: number, index: number, spikes: number): number {
    const sum = this.#bySpikes[neuron * this.#length + index]!;
    return spikes === 0 ? 0 : sum / spikes - this.#all[index]! / this.#windows;
  }
}

/**
 * Relates spikes to a film. The frames of a window count once for every spike in its current part.
 *
 * @param refs windows with video, at least one
 * @param pixels of a frame
 * @param progress called now and then with how many windows are done and how many there are
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
  const squaredCounts = new Float64Array(neurons);
  const visit = (
    pass: 0 | 1,
    use: (frames: Float32Array, counts: ReadonlyMap<number, number>) => void,
  ) => {
    for (const [n, ref] of refs.entries()) {
      const { frames, current } = windows.at(ref);
      const counts = new Map<number, number>();
      for (const id of current.ids) if (id < neurons) counts.set(id, (counts.get(id) ?? 0) + 1);
      use(frames!, counts);
      // Two passes, of which each is half of the work.
      if (n % 500 === 0) progress(Math.floor((pass * refs.length + n) / 2), refs.length);
    }
  };
  visit(0, (frames, counts) => {
    plain.add(frames, counts);
    for (const [neuron, count] of counts) {
      spikes[neuron]! += count;
      squaredCounts[neuron]! += count ** 2;
    }
  });
  const film = plain.mean();
  const squares = new Float64Array(length);
  visit(1, (frames, counts) => {
    for (let p = 0; p < length; p++) squares[p] = (frames[p]! - film[p]!) ** 2;
    squared.add(squares, counts);
  });
  const variances = squared.mean();
  /** Reduces the frames of every pixel, from `initial` on: [neurons, pixels]. */
  const overFrames = (
    initial: number,
    reduce: (reduced: number, neuron: number, index: number) => number,
  ) =>
    Float64Array.from({ length: neurons * pixels }, (_, n) => {
      let reduced = initial;
      for (let index = n % pixels; index < length; index += pixels)
        reduced = reduce(reduced, Math.floor(n / pixels), index);
      return reduced;
    });
  const correlationAt = (neuron: number, index: number) => {
    const rate = spikes[neuron]! / refs.length;
    const variance = squaredCounts[neuron]! / refs.length - rate ** 2;
    const spread = Math.sqrt(variance * variances[index]!);
    return spread > 0 ? (rate * plain.difference(neuron, index, spikes[neuron]!)) / spread : 0;
  };
  return {
    average: overFrames(
      0,
      (sum, neuron, index) => sum + plain.difference(neuron, index, spikes[neuron]!) ** 2,
    ),
    square: overFrames(
      0,
      (sum, neuron, index) => sum + Math.abs(squared.difference(neuron, index, spikes[neuron]!)),
    ),
    correlation: overFrames(Number.NEGATIVE_INFINITY, (largest, neuron, index) =>
      Math.max(largest, correlationAt(neuron, index)),
    ),
    spikes,
    brightness: mean(film),
  };
}
