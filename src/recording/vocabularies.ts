/** Vocabularies: neurons, times within a window, and the values of classified variables, as token numbers. */

import { arangeLength, roundDecimals, roundHalfEven, roundToStep } from '../math/rounding.js';

/** Tokens of some kind, then the start of a window, its end, and what fills the block behind it. */
abstract class Vocabulary {
  /** Tokens before those three. */
  protected abstract get count(): number;

  get SOS(): number {
    return this.count;
  }

  get EOS(): number {
    return this.count + 1;
  }

  get PAD(): number {
    return this.count + 2;
  }

  get size(): number {
    return this.count + 3;
  }
}

/** Neuron numbers 0 to N - 1, then SOS, EOS, PAD. */
export class NeuronVocabulary extends Vocabulary {
  /** @throws Error where there is no neuron. */
  constructor(readonly neurons: number) {
    super();
    if (!Number.isInteger(neurons) || neurons < 1) {
      throw new Error(`A vocabulary of neurons needs at least one, but has ${neurons}.`);
    }
  }

  protected get count(): number {
    return this.neurons;
  }

  /** Whether a token is a neuron. */
  isNeuron(token: number): boolean {
    return token >= 0 && token < this.neurons;
  }
}

/** Multiples of dt from 0, then SOS, EOS, PAD. */
export class TimeVocabulary extends Vocabulary {
  readonly dt: number;
  /** How many times there are. */
  readonly steps: number;

  /**
   * Times up to the longer of the two windows, counted as the original counts them: two half-open float ranges, the
   * second over the last value of the first, so that there are sometimes one or two more than the window holds.
   *
   * @param dt seconds
   * @param current seconds, the current window
   * @param past seconds, the past window
   */
  constructor(dt: number, current: number, past: number) {
    super();
    if (!(dt > 0)) throw new Error(`resolution.dt should be above 0 seconds, but is ${dt}.`);
    this.dt = dt;
    const first = arangeLength(0, Math.max(current, past) + dt, dt);
    const last = (first - 1) * dt;
    this.steps = arangeLength(0, last + dt, dt);
  }

  protected get count(): number {
    return this.steps;
  }

  /** Seconds of each time token. */
  get values(): number[] {
    return Array.from({ length: this.steps }, (_, n) => roundDecimals(n * this.dt, 6));
  }

  /** The token of a time, rounded to the nearest step, halves to the even one; past the last, the last. */
  encode(seconds: number): number {
    const token = roundHalfEven(roundToStep(seconds, this.dt) / this.dt);
    return Math.min(Math.max(token, 0), this.steps - 1);
  }

  /** Seconds of a time token; undefined for SOS, EOS and PAD. */
  decode(token: number): number | undefined {
    return token >= 0 && token < this.steps ? roundDecimals(token * this.dt, 6) : undefined;
  }
}

export type ClassValue = number | string;

/** The values a classified variable takes, sorted, then SOS, EOS, PAD. */
export class ClassVocabulary extends Vocabulary {
  readonly values: readonly ClassValue[];
  readonly #numbers: ReadonlyMap<ClassValue, number>;
  readonly #resolution: number | undefined;

  /**
   * @param given the values seen.
   * @param resolution for numbers: every multiple of it from the smallest to the largest value is a class, and a value
   *   belongs to the nearest; without it each distinct value is a class.
   */
  constructor(given: readonly ClassValue[], resolution?: number) {
    super();
    if (given.length === 0) throw new Error('A classified variable needs at least one value.');
    this.#resolution = resolution;
    this.values = resolution === undefined ? distinct(given) : steps(given, resolution);
    this.#numbers = new Map(this.values.map((value, n) => [value, n]));
  }

  protected get count(): number {
    return this.values.length;
  }

  /** The token of a value; undefined where it is no class. */
  find(value: ClassValue): number | undefined {
    const known =
      this.#resolution === undefined || typeof value === 'string'
        ? value
        : roundToStep(value, this.#resolution);
    return this.#numbers.get(known);
  }

  /** @throws Error naming a value that is no class. */
  encode(value: ClassValue): number {
    const token = this.find(value);
    if (token === undefined) {
      throw new Error(`${JSON.stringify(value)} is none of the classes ${this.values.join(', ')}.`);
    }
    return token;
  }

  decode(token: number): ClassValue | undefined {
    return this.values[token];
  }
}

function distinct(given: readonly ClassValue[]): ClassValue[] {
  const values = [...new Set(given)];
  const numeric = values.every((value) => typeof value === 'number');
  return numeric
    ? (values as number[]).sort((p, q) => p - q)
    : values.sort((p, q) => (String(p) < String(q) ? -1 : 1));
}

function steps(given: readonly ClassValue[], resolution: number): number[] {
  const numbers = given.map((value) => {
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw new Error(
      `A classified variable with a resolution needs numbers, but has ${JSON.stringify(value)}.`,
    );
  });
  const least = numbers.reduce((a, b) => Math.min(a, b));
  const most = numbers.reduce((a, b) => Math.max(a, b));
  const [first, last] = [least, most].map((value) => roundHalfEven(value / resolution)) as [
    number,
    number,
  ];
  return Array.from({ length: last - first + 1 }, (_, n) =>
    roundToStep((first + n) * resolution, resolution),
  );
}
