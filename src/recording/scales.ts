/**
 * Scales of variables: numbers are standardized, and angles become a cosine and a sine, before a
 * model reads them.
 */

import { angleFromCosineSine, cosineAndSine } from '../math/angles.js';
import { mean } from '../math/statistics.js';

/**
 * A scale as it is stored with a model's weights. Both lists have one entry, or two (cosine, sine)
 * for an angle.
 */
export interface ScaleJson {
  /** Means of the training samples. */
  readonly means: readonly number[];
  /** Standard deviations of the training samples; 1 where they are constant. */
  readonly deviations: readonly number[];
  /** For angles: a full turn, in their unit. */
  readonly period?: number;
}

/** The scale of spike counts as it is stored with a model's weights, one entry per count. */
export interface CountScaleJson {
  /** Means over training windows. */
  readonly means: readonly number[];
  /** Standard deviations over training windows, at least MIN_COUNT_DEVIATION. */
  readonly deviations: readonly number[];
}

/**
 * The smallest deviation of the square root of a count to divide by. Below it, a neuron fires in
 * one bin of a hundred, and a single spike would count as ten deviations.
 */
export const MIN_COUNT_DEVIATION = 0.1;

/** The scale that gives these counts mean 0 and, unless they are rare, deviation 1. */
export function countScale(windows: Iterable<ArrayLike<number>>): CountScaleJson {
  let sums = new Float64Array();
  let squares = new Float64Array();
  let rows = 0;
  for (const counts of windows) {
    if (rows === 0)
      [sums, squares] = [new Float64Array(counts.length), new Float64Array(counts.length)];
    for (let n = 0; n < counts.length; n++) {
      sums[n]! += counts[n]!;
      squares[n]! += counts[n]! ** 2;
    }
    rows += 1;
  }
  const means = Array.from(sums, (sum) => sum / rows);
  const deviations = means.map((center, n) =>
    Math.max(MIN_COUNT_DEVIATION, Math.sqrt(Math.max(0, squares[n]! / rows - center ** 2))),
  );
  return { means, deviations };
}

/** Converts the values of one variable to the numbers a model works with, and back. */
export class Scale {
  readonly #json: ScaleJson;

  /** @param json as `toJSON` returns it */
  constructor(json: ScaleJson) {
    this.#json = json;
  }

  /**
   * The scale that gives these samples mean 0 and standard deviation 1. Use training data only:
   * with test samples among them, test scores would be optimistic.
   *
   * @param period for angles: a full turn, in the unit of the samples
   */
  static of(samples: readonly number[], period?: number): Scale {
    const encoded = samples.map((sample) => components(sample, period));
    const columns = (period === undefined ? [0] : [0, 1]).map((n) =>
      encoded.map((parts) => parts[n]!),
    );
    const means = columns.map((column) => mean(column));
    const deviations = columns.map((column, n) => {
      const deviation = Math.sqrt(mean(column.map((value) => (value - means[n]!) ** 2)));
      // A variable that is constant in training has no spread to divide by.
      return deviation > 0 ? deviation : 1;
    });
    return new Scale({ means, deviations, ...(period !== undefined && { period }) });
  }

  /** The scale that leaves numbers unchanged, and angles as their plain cosine and sine. */
  static identity(period?: number): Scale {
    const [means, deviations] =
      period === undefined
        ? [[0], [1]]
        : [
            [0, 0],
            [1, 1],
          ];
    return new Scale({ means, deviations, ...(period !== undefined && { period }) });
  }

  /** For angles: a full turn, in their unit; undefined for other numbers. */
  get period(): number | undefined {
    return this.#json.period;
  }

  /** The scaled value: one number, or scaled cosine and sine of an angle. */
  encode(value: number): number[] {
    const { means, deviations, period } = this.#json;
    return components(value, period).map((part, n) => (part - means[n]!) / deviations[n]!);
  }

  /** The inverse of `encode`. Angles are from 0 up to a full turn. */
  decode(encoded: ArrayLike<number>): number {
    const { means, deviations, period } = this.#json;
    const [a, b] = means.map((m, n) => encoded[n]! * deviations[n]! + m);
    return period === undefined ? a! : angleFromCosineSine(a!, b!, period);
  }

  /** The scale as plain data, for `JSON.stringify` and the constructor. */
  toJSON(): ScaleJson {
    return this.#json;
  }
}

function components(value: number, period: number | undefined): number[] {
  return period === undefined ? [value] : cosineAndSine(value, period);
}
