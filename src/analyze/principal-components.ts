/** Principal components: the directions in which features vary most. */

import { symmetricEigen } from '../math/eigen.js';
import type { FeatureMatrix } from './feature-matrix.js';

/** The leading principal components of features, fitted to some rows. */
export class PrincipalComponents {
  /** Mean of each column, [columns]. */
  readonly #means: Float64Array;
  /** [count, columns] */
  readonly #directions: Float64Array;
  /** How many there are: at most as many as the features have columns. */
  readonly count: number;
  /** The variance of each in the rows, in descending order: [count]. */
  readonly variances: Float64Array;

  /**
   * @param features rows to fit to, at least one
   * @param leastShare leaves out components whose variance is at most this share of the first's
   */
  constructor(features: FeatureMatrix, count: number, leastShare = -1) {
    const { columns } = features;
    this.#means = columnMeans(features);
    const { values, vectors } = symmetricEigen(covariance(features, this.#means), columns);
    this.variances = values.subarray(0, count).filter((value) => value > leastShare * values[0]!);
    this.count = this.variances.length;
    this.#directions = vectors.slice(0, this.count * columns);
  }

  /** The components of other rows with the same columns: [rows, count]. */
  project({ rows, columns, values }: FeatureMatrix): FeatureMatrix {
    const projected = new Float64Array(rows * this.count);
    for (let row = 0; row < rows; row++) {
      for (let k = 0; k < this.count; k++) {
        let sum = 0;
        for (let c = 0; c < columns; c++) {
          const centered = values[row * columns + c]! - this.#means[c]!;
          sum += centered * this.#directions[k * columns + c]!;
        }
        projected[row * this.count + k] = sum;
      }
    }
    return { rows, columns: this.count, values: projected };
  }
}

function columnMeans({ rows, columns, values }: FeatureMatrix): Float64Array {
  const means = new Float64Array(columns);
  for (const [n, value] of values.entries()) means[n % columns]! += value / rows;
  return means;
}

/** The covariances of all pairs of columns, [columns, columns]. */
function covariance({ rows, columns, values }: FeatureMatrix, means: Float64Array): Float64Array {
  const matrix = new Float64Array(columns * columns);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < columns; i++) {
      const left = (values[row * columns + i]! - means[i]!) / rows;
      for (let j = 0; j <= i; j++)
        matrix[i * columns + j]! += left * (values[row * columns + j]! - means[j]!);
    }
  }
  for (let i = 0; i < columns; i++)
    for (let j = 0; j < i; j++) matrix[j * columns + i] = matrix[i * columns + j]!;
  return matrix;
}
