/** Seeded random numbers on the host: the same seed gives the same numbers on every platform. */

/**
 * The generator sfc32 of C. Doty-Humphrey's PractRand, chaotic with 128 bits of state. Not for
 * cryptography.
 */
export class HostRandom {
  readonly #words: Uint32Array;
  /** The second normal number of a Box-Muller pair, kept for the next call. */
  #spare: number | undefined;

  /** @param seed a non-negative integer below 2^53. */
  constructor(seed: number) {
    this.#words = new Uint32Array([seed % 2 ** 32, Math.floor(seed / 2 ** 32), 0x9e3779b9, 1]);
    for (let n = 0; n < 12; n++) this.word();
  }

  /** 32 random bits. */
  word(): number {
    const w = this.#words;
    const sum = (w[0]! + w[1]! + w[3]!) >>> 0;
    w[3]! += 1;
    w[0] = w[1]! ^ (w[1]! >>> 9);
    w[1] = w[2]! + (w[2]! << 3);
    w[2] = ((w[2]! << 21) | (w[2]! >>> 11)) + sum;
    return sum;
  }

  /** Uniform in [0, 1), with 53 random bits. */
  uniform(): number {
    return ((this.word() >>> 5) * 2 ** 26 + (this.word() >>> 6)) / 2 ** 53;
  }

  /** A uniform integer from 0 to n - 1. */
  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** Exponentially distributed with this mean. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.uniform());
  }

  /** Standard normal, by the Box-Muller method. */
  normal(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /**
   * A Poisson number, by inversion of the distribution function, which suits small means.
   *
   * @param mean not above 700, where exp(-mean) would be 0.
   */
  poisson(mean: number): number {
    let remaining = this.uniform();
    let probability = Math.exp(-mean);
    let k = 0;
    // Beyond the mean, what rounding leaves over of the probabilities is no reason to go on.
    while (remaining >= probability && (k < mean || probability > 1e-18)) {
      remaining -= probability;
      k += 1;
      probability *= mean / k;
    }
    return k;
  }

  /** The numbers 0 to n - 1 in random order, all orders equally likely (Fisher-Yates shuffle). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}
