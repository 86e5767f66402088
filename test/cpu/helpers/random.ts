/** Pseudo-random choices that are reproducible from a seed. */

/** A pseudo-random number generator. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** 32 random bits: the mixed bits of a counter. */
  bits(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return (x ^ (x >>> 15)) >>> 0;
  }

  /** An integer from 0 to n - 1. */
  below(n: number): number {
    return Math.floor((this.bits() / 2 ** 32) * n);
  }

  /** An integer from `low` to `high`, inclusive. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** Whether an event of a probability happens. */
  chance(probability: number): boolean {
    return this.bits() < probability * 2 ** 32;
  }

  /**
   * An item of a list.
   *
   * @throws Error where the list is empty.
   */
  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new Error('Cannot pick from an empty list.');
    return from[this.below(from.length)]!;
  }

  /** A copy of the list in random order. */
  shuffled<T>(list: readonly T[]): T[] {
    const rest = [...list];
    return list.map(() => rest.splice(this.below(rest.length), 1)[0]!);
  }
}
