/** How numbers enter a model and come out of it: in standard deviations from their mean, angles as cosine and sine. */

import { angleFromCosineSine, cosineAndSine } from '../math/angles.js';
import { mean } from '../math/statistics.js';

/** As it is stored with a model's weights: one mean and deviation, or those of cosine and sine. */
export interface ScaleJson {
  readonly means: readonly number[];
  readonly deviations: readonly number[];
  /** Of an angle: what a full turn is in its unit. */
  readonly period?: number;
}

export class Scale {
  readonly #json: ScaleJson;

  constructor(json: ScaleJson) {
    this.#json = json;
  }

  /**
   * The scale of samples: of training data only, or scores on other data mean less than they seem to.
   *
   * @param period of an angle, a full turn in the samples' unit.
   */
  static of(samples: readonly number[], period?: number): Scale {
    const parts = samples.map((sample) => valueComponents(sample, period));
    const columns = (period === undefined ? [0] : [0, 1]).map((n) => parts.map((part) => part[n]!));
    const means = columns.map((column) => mean(column));
    const deviations = columns.map((column, n) => {
      const deviation = Math.sqrt(mean(column.map((value) => (value - means[n]!) ** 2)));
      // What never changes in training has no size of its own.
      return deviation > 0 ? deviation : 1;
    });
    return new Scale({ means, deviations, ...(period !== undefined && { period }) });
  }

  /** Numbers that leave as they came. */
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

  /** What a full turn is, of an angle. */
  get period(): number | undefined {
    return this.#json.period;
  }

  encode(value: number): number[] {
    const { means, deviations, period } = this.#json;
    return valueComponents(value, period).map((part, n) => (part - means[n]!) / deviations[n]!);
  }

  /** The value that was encoded; an angle from 0 up to a full turn. */
  decode(encoded: ArrayLike<number>): number {
    const { means, deviations, period } = this.#json;
    const [first, second] = means.map((m, n) => encoded[n]! * deviations[n]! + m);
    return period === undefined ? first! : angleFromCosineSine(first!, second!, period);
  }

  toJSON(): ScaleJson {
    return this.#json;
  }
}

function valueComponents(value: number, period: number | undefined): number[] {
  return period === undefined ? [value] : cosineAndSine(value, period);
}
