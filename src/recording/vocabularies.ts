/**
 * Vocabularies: the tokens of neurons, of times within a window, and of the values of classified
 * variables.
 */

import { arangeLength, roundDecimals, roundHalfEven, roundToStep } from '../math/rounding.js';
import { RecordingError } from './errors.js';

/** How many special tokens a vocabulary has: start of sequence, end of sequence, padding. */
export const SPECIAL_TOKENS = 3;

/** `count` tokens of one kind, then the special tokens. */
abstract class Vocabulary {
  /** How many tokens come before the special ones. */
  protected abstract get count(): number;

  /** The token that starts a window. */
  get SOS(): number {
    return this.count;
  }

  /** The token that ends a window. */
  get EOS(): number {
    return this.count + 1;
  }

  /** The token that fills the rest of the block. */
  get PAD(): number {
    return this.count + 2;
  }

  /** How many tokens there are, special ones included. */
  get size(): number {
    return this.count + SPECIAL_TOKENS;
  }
}

/** Neurons 0 to N - 1, then SOS, EOS, PAD. */
export class NeuronVocabulary extends Vocabulary {
  /** @throws Error where there are no neurons */
  constructor(readonly neurons: number) {
    super();
    if (!Number.isInteger(neurons) || neurons < 1) {
      throw new Error(`A vocabulary of neurons needs at least one, but has ${neurons}.`);
    }
  }

  protected get count(): number {
    return this.neurons;
  }

  /** Whether a token is a neuron, and not a special token. */
  isNeuron(token: number): boolean {
    return token >= 0 && token < this.neurons;
  }
}

/** Times from 0 in steps of dt, then SOS, EOS, PAD. */
export class TimeVocabulary extends Vocabulary {
  /** Seconds per step. */
  readonly dt: number;
  /** How many times there are. */
  readonly steps: number;

  /**
   * Times up to the longer of the two windows, counted as the original counts them: with two
   * half-open ranges of floats, of which the second ends at the last value of the first. Rounding
   * sometimes makes that one or two more than the window holds.
   *
   * @param dt seconds
   * @param current length of the current window, seconds
   * @param past length of the past window, seconds
   */
  constructor(dt: number, current: number, past: number) {
    super();
    if (!(dt > 0)) throw new Error(`resolution.dt should be above 0 seconds, but is ${dt}.`);
    this.dt = dt;
    const count = arangeLength(0, Math.max(current, past) + dt, dt);
    const lastTime = (count - 1) * dt;
    this.steps = arangeLength(0, lastTime + dt, dt);
  }

  protected get count(): number {
    return this.steps;
  }

  /** Seconds of each time token. */
  get values(): number[] {
    return Array.from({ length: this.steps }, (_, n) => roundDecimals(n * this.dt, 6));
  }

  /**
   * The token of a time in seconds: the nearest step, halves rounded to the even one. Times outside
   * the vocabulary get its first or last token.
   */
  encode(seconds: number): number {
    const token = roundHalfEven(roundToStep(seconds, this.dt) / this.dt);
    return Math.min(Math.max(token, 0), this.steps - 1);
  }

  /** The time of a token, in seconds; undefined for SOS, EOS and PAD. */
  decode(token: number): number | undefined {
    return token >= 0 && token < this.steps ? roundDecimals(token * this.dt, 6) : undefined;
  }
}

/** A value of a classified variable: a number or a label. */
export type ClassValue = number | string;

/** The values that a classified variable takes, sorted, then SOS, EOS, PAD. */
export class ClassVocabulary extends Vocabulary {
  /** The value of each class token. */
  readonly values: readonly ClassValue[];
  readonly #tokens: ReadonlyMap<ClassValue, number>;
  readonly #resolution: number | undefined;

  /**
   * @param samples values of the variable, in any order and with repetitions
   * @param resolution for numbers: every multiple of it from the smallest to the largest sample is
   *   a class, and a value belongs to the nearest class. Without it, each distinct value is a
   *   class.
   * @throws Error without samples, or for labels with a resolution; RecordingError where the
   *   resolution makes too many classes
   */
  constructor(samples: readonly ClassValue[], resolution?: number) {
    super();
    if (samples.length === 0) throw new Error('A classified variable needs at least one value.');
    this.#resolution = resolution;
    this.values =
      resolution === undefined ? distinctValues(samples) : multiples(samples, resolution);
    this.#tokens = new Map(this.values.map((value, n) => [value, n]));
  }

  protected get count(): number {
    return this.values.length;
  }

  /** The token of a value; undefined if it belongs to no class. */
  find(value: ClassValue): number | undefined {
    const rounded =
      this.#resolution === undefined || typeof value === 'string'
        ? value
        : roundToStep(value, this.#resolution);
    return this.#tokens.get(rounded);
  }

  /** The token of a value. @throws Error naming a value that belongs to no class */
  encode(value: ClassValue): number {
    const token = this.find(value);
    if (token === undefined) {
      throw new Error(
        `${JSON.stringify(value)} is not one of the classes ${this.values.join(', ')}.`,
      );
    }
    return token;
  }

  /** The value of a token; undefined for SOS, EOS and PAD. */
  decode(token: number): ClassValue | undefined {
    return this.values[token];
  }
}

/** Distinct values in ascending order; text is sorted by code unit. */
function distinctValues(samples: readonly ClassValue[]): ClassValue[] {
  const values = [...new Set(samples)];
  const isNumeric = values.every((value) => typeof value === 'number');
  return isNumeric
    ? (values as number[]).sort((p, q) => p - q)
    : values.sort((p, q) => (String(p) < String(q) ? -1 : 1));
}

/** Classes of a variable. */
const MAX_CLASSES = 10_000;

/** Every multiple of `resolution` from the smallest to the largest sample. */
function multiples(samples: readonly ClassValue[], resolution: number): number[] {
  const numbers = samples.map((value) => {
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw new Error(
      `A classified variable with a resolution needs numbers, but has ${JSON.stringify(value)}.`,
    );
  });
  const min = numbers.reduce((a, b) => Math.min(a, b));
  const max = numbers.reduce((a, b) => Math.max(a, b));
  const [first, last] = [min, max].map((value) => roundHalfEven(value / resolution)) as [
    number,
    number,
  ];
  if (last - first >= MAX_CLASSES)
    throw new RecordingError(
      `A resolution of ${resolution} makes more than ${MAX_CLASSES} classes of values from ${min} to ${max}: choose a coarser one, or objective: regression.`,
    );
  return Array.from({ length: last - first + 1 }, (_, n) =>
    roundToStep((first + n) * resolution, resolution),
  );
}
