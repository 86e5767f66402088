/** Initial values of parameters, drawn on the host from a seed. */

/** Writes a parameter's initial values. */
export type Initializer = (values: Float32Array, random: HostRandom) => void;

export const zeros: Initializer = (values) => {
  values.fill(0);
};

export const ones: Initializer = (values) => {
  values.fill(1);
};

/** Normal with mean 0. */
export function normal(std: number): Initializer {
  return (values, random) => {
    for (let n = 0; n < values.length; n++) values[n] = std * random.normal();
  };
}

/** Uniform from -bound to bound. */
export function uniform(bound: number): Initializer {
  return (values, random) => {
    for (let n = 0; n < values.length; n++) values[n] = bound * (2 * random.uniform() - 1);
  };
}

/** Seeded random numbers on the host: sfc32 of C. Doty-Humphrey's PractRand, a 128-bit chaotic generator. */
export class HostRandom {
  readonly #words: Uint32Array;
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

  /** From 0 up to but not including 1, of 53 bits. */
  uniform(): number {
    return ((this.word() >>> 5) * 2 ** 26 + (this.word() >>> 6)) / 2 ** 53;
  }

  /** An integer from 0 to n - 1. */
  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Standard normal, by the method of Box and Muller. */
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
}
