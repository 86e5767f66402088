/**
 * Slow features: the directions of features that keep their values for longest. What changes more
 * slowly than the features themselves, as behavior often does, is likely to be among them, and no
 * label is needed to find them (Wiskott and Sejnowski, Neural Computation 14, 2002; with a lag as
 * long as a window instead of a derivative: Molgedey and Schuster, Physical Review Letters 72,
 * 1994).
 */

import { symmetricEigen } from '../math/eigen.js';
import { denseDesign, type FeatureMatrix } from './feature-matrix.js';
import { PrincipalComponents } from './principal-components.js';
import { Standardized } from './standardized.js';

/** Components of at most this share of the first's variance are rounding, and left out. */
const LEAST_VARIANCE = 1e-6;

/** The slowest features, fitted to rows without labels. */
export class SlowFeatures {
  /**
   * How alike each feature is in the two rows of a pair, the correlation, from the slowest on:
   * [count].
   */
  readonly persistence: Float64Array;
  /** Mean and spread of each column. */
  readonly #scaling: Pick<Standardized, 'means' | 'scales'>;
  readonly #components: PrincipalComponents;
  /** From components to features, [count, count]. */
  readonly #directions: Float64Array;

  /**
   * @param features rows to fit to
   * @param pairs indices of rows that are some time apart, at least one
   * @param count how many leading principal components of the columns, of equal spread, to search
   */
  constructor(
    features: FeatureMatrix,
    pairs: readonly (readonly [number, number])[],
    count: number,
  ) {
    const { means, scales } = new Standardized(denseDesign(features));
    this.#scaling = { means, scales };
    const standardized = this.#standardize(features);
    this.#components = new PrincipalComponents(standardized, count, LEAST_VARIANCE);
    const covariance = laggedCovariance(this.#whiten(standardized), pairs);
    const { values: persistence, vectors } = symmetricEigen(covariance, this.#components.count);
    this.persistence = persistence;
    this.#directions = vectors;
  }

  /** The features of other rows with the same columns, from the slowest on: [rows, count]. */
  project(features: FeatureMatrix): FeatureMatrix {
    const white = this.#whiten(this.#standardize(features));
    const { rows, columns } = white;
    const values = new Float64Array(rows * columns);
    for (let row = 0; row < rows; row++)
      for (let k = 0; k < columns; k++)
        for (let c = 0; c < columns; c++)
          values[row * columns + k]! +=
            this.#directions[k * columns + c]! * white.values[row * columns + c]!;
    return { rows, columns, values };
  }

  /** Columns of mean 0 and spread 1; a column that is constant becomes 0. */
  #standardize({ rows, columns, values }: FeatureMatrix): FeatureMatrix {
    const { means, scales } = this.#scaling;
    const standardized = Float64Array.from(
      values,
      (value, n) => (value - means[n % columns]!) * scales[n % columns]!,
    );
    return { rows, columns, values: standardized };
  }

  /** Principal components of variance 1. */
  #whiten(standardized: FeatureMatrix): FeatureMatrix {
    const { rows, columns, values } = this.#components.project(standardized);
    const scales = Float64Array.from(
      this.#components.variances,
      (variance) => 1 / Math.sqrt(variance),
    );
    return { rows, columns, values: values.map((value, n) => value * scales[n % columns]!) };
  }
}

/** Covariances of columns between the two rows of pairs, in both orders: [columns, columns]. */
function laggedCovariance(
  { columns, values }: FeatureMatrix,
  pairs: readonly (readonly [number, number])[],
): Float64Array {
  const matrix = new Float64Array(columns * columns);
  for (const [earlier, later] of pairs)
    for (let i = 0; i < columns; i++)
      for (let j = 0; j < columns; j++)
        matrix[i * columns + j]! +=
          (values[earlier * columns + i]! * values[later * columns + j]! +
            values[later * columns + i]! * values[earlier * columns + j]!) /
          (2 * pairs.length);
  return matrix;
}
