/** The order in which training comes by its windows: by seed, without end, and from any step on. */

import { HostRandom } from '../random.js';

/**
 * Batches of window numbers: every epoch is a new permutation of all of them, and a batch may reach over from one
 * epoch into the next. Batch `step` is a function of (count, size, seed, step) alone, so that a run resumes anywhere.
 */
export class BatchOrder {
  #epoch = -1;
  #permutation: Uint32Array = new Uint32Array();

  /** @param seed a non-negative integer below 2^32. */
  constructor(
    readonly count: number,
    readonly size: number,
    readonly seed: number,
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
      this.#permutation = new HostRandom(this.seed + (epoch + 1) * 2 ** 32).permutation(this.count);
    }
    return this.#permutation[place % this.count]!;
  }
}
