/** The order in which training comes by its windows: by seed, without end, and from any step on. */

import { HostRandom } from '../math/random.js';

/**
 * Batches of window numbers: every epoch is a new permutation of all of them, and a batch may reach over from one
 * epoch into the next. With weights, each window comes in an epoch as often as its weight says, one time more or less by
 * chance. Batch `step` is a function of the arguments and `step` alone, so that a run resumes anywhere.
 */
export class BatchOrder {
  #epoch = -1;
  #windows: Uint32Array = new Uint32Array();

  /**
   * @param seed a non-negative integer below 2^32.
   * @param weights how often each window comes, in proportion; default: all as often.
   */
  constructor(
    readonly count: number,
    readonly size: number,
    readonly seed: number,
    readonly weights?: Float64Array,
  ) {
    if (count < 1) throw new Error('There is no window to make batches of.');
    if (!Number.isInteger(size) || size < 1)
      throw new Error(`A batch should have 1 or more windows, but has ${size}.`);
    if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
      throw new Error(`The seed should be a whole number from 0 to 4294967295, but is ${seed}.`);
  }

  /** The windows of one batch, as numbers from 0 to count - 1. */
  batch(step: number): number[] {
    return Array.from({ length: this.size }, (_, n) => this.#at(step * this.size + n));
  }

  #at(place: number): number {
    const epoch = Math.floor(place / this.count);
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#windows = this.#draw(new HostRandom(this.seed + (epoch + 1) * 2 ** 32));
    }
    return this.#windows[place % this.count]!;
  }

  /** An epoch's windows in their order. */
  #draw(random: HostRandom): Uint32Array {
    const order = random.permutation(this.count);
    const { weights } = this;
    if (!weights) return order;
    // Points at even distances along all weights, from a random one on, fall on each window as often as it weighs.
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const offset = random.uniform();
    let window = 0;
    let passed = weights[0]!;
    const drawn = Uint32Array.from({ length: this.count }, (_, n) => {
      const point = ((n + offset) / this.count) * total;
      while (passed <= point && window < this.count - 1) passed += weights[++window]!;
      return window;
    });
    return order.map((place) => drawn[place]!);
  }
}
