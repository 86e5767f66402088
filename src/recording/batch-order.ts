/**
 * The order in which training visits its windows: determined by a seed, endless, and resumable at
 * any step.
 */

import { HostRandom } from '../math/random.js';

/**
 * Batches of window indices.
 *
 * Each epoch is a new permutation of all windows, and a batch may extend from one epoch into the
 * next. With weights, a window occurs in an epoch in proportion to its weight, rounded up or down
 * at random. Batch `step` depends on the arguments and on `step` alone, so a run can resume
 * anywhere.
 */
export class BatchOrder {
  #epoch = -1;
  #windows: Uint32Array = new Uint32Array();

  /**
   * @param count how many windows there are
   * @param size windows per batch
   * @param seed a non-negative integer below 2^32
   * @param weights relative frequency of each window; default: equal
   * @throws Error where there are no windows, or the size or the seed is out of range
   */
  constructor(
    readonly count: number,
    readonly size: number,
    readonly seed: number,
    readonly weights?: Float64Array,
  ) {
    if (count < 1) throw new Error('There are no windows to make batches of.');
    if (!Number.isInteger(size) || size < 1)
      throw new Error(`A batch should have 1 or more windows, but has ${size}.`);
    if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
      throw new Error(`The seed should be a whole number from 0 to 4294967295, but is ${seed}.`);
  }

  /** Indices of the windows in batch `step`, each from 0 to count - 1. */
  batch(step: number): number[] {
    return Array.from({ length: this.size }, (_, n) => this.#windowAt(step * this.size + n));
  }

  /** @param position in the endless sequence of epochs */
  #windowAt(position: number): number {
    const epoch = Math.floor(position / this.count);
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#windows = this.#drawEpoch(new HostRandom(this.seed + (epoch + 1) * 2 ** 32));
    }
    return this.#windows[position % this.count]!;
  }

  /** The windows of one epoch, in order. */
  #drawEpoch(random: HostRandom): Uint32Array {
    const order = random.permutation(this.count);
    const { weights } = this;
    if (!weights) return order;
    // Systematic sampling: equally spaced points on the cumulative weights, from a random offset
    // on, select each window as often as its weight demands.
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const offset = random.uniform();
    let window = 0;
    let cumulative = weights[0]!;
    const drawn = Uint32Array.from({ length: this.count }, (_, n) => {
      const point = ((n + offset) / this.count) * total;
      while (cumulative <= point && window < this.count - 1) cumulative += weights[++window]!;
      return window;
    });
    return order.map((index) => drawn[index]!);
  }
}
