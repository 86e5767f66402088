/** The columns of a sparse matrix in standard deviations from their means. */

import { dot } from '../math/vectors.js';
import type { Turns } from '../ports/turns.js';
import { type NormalMatrix, normalMatrix } from './normal-matrix.js';
import { RowBlocks } from './row-blocks.js';
import { product, type SparseRows, transpose } from './sparse-rows.js';

/** Products that conjugate gradients take, at least. */
const EXPECTED_PRODUCTS = 100;

/**
 * A matrix Z whose columns have mean 0 and standard deviation 1 over its rows: z = (x - mean) /
 * spread.
 *
 * Z itself has no zeros, so only the sparse X is stored: Z w = X (w / spread) - means . (w /
 * spread), and the transpose likewise.
 */
export class Standardized {
  /** Mean of each column of X. */
  readonly means: Float64Array;
  /** 1 / spread of each column of X, and 0 for a constant column, which gives it no weight. */
  readonly scales: Float64Array;
  #byColumn: SparseRows | undefined;
  #blocks: RowBlocks | undefined;

  /** @param matrix X */
  constructor(readonly matrix: SparseRows) {
    const { rows, columns, indices, values } = matrix;
    const entries = new Int32Array(columns);
    this.means = new Float64Array(columns);
    for (let entry = 0; entry < indices.length; entry++) {
      entries[indices[entry]!]! += 1;
      this.means[indices[entry]!]! += values[entry]!;
    }
    for (let c = 0; c < columns; c++) this.means[c]! /= rows;
    const squares = this.means.map((center, c) => (rows - entries[c]!) * center ** 2);
    for (let entry = 0; entry < indices.length; entry++) {
      const c = indices[entry]!;
      squares[c]! += (values[entry]! - this.means[c]!) ** 2;
    }
    // A constant such as 0.1 differs from its computed mean by rounding, so that its spread is not
    // exactly 0.
    this.scales = squares.map((sum, c) => {
      const spread = Math.sqrt(sum / rows);
      return spread > 1e-12 * Math.abs(this.means[c]!) ? 1 / spread : 0;
    });
  }

  /** X transposed: [columns x rows]. */
  get byColumn(): SparseRows {
    this.#byColumn ??= transpose(this.matrix);
    return this.#byColumn;
  }

  /** Converts weights of Z: Z w = X slopes + constant. */
  unscaled(weights: Float64Array): { slopes: Float64Array; constant: number } {
    const slopes = weights.map((weight, c) => weight * this.scales[c]!);
    return { slopes, constant: -dot(this.means, slopes) };
  }

  /** Z w: [rows]. */
  times(weights: Float64Array): Float64Array {
    const { slopes, constant } = this.unscaled(weights);
    return product(this.matrix, slopes, constant);
  }

  /** Z' r: [columns]. */
  transposedTimes(residual: Float64Array): Float64Array {
    const { rows, columns, starts, indices, values } = this.matrix;
    const total = residual.reduce((sum, value) => sum + value, 0);
    const raw = new Float64Array(columns);
    for (let row = 0; row < rows; row++)
      for (let entry = starts[row]!; entry < starts[row + 1]!; entry++)
        raw[indices[entry]!]! += values[entry]! * residual[row]!;
    return this.#centeredAndScaled(raw, total);
  }

  /** Z'Z, where that pays for as many products as are expected at least. */
  normalMatrix(expectedProducts: number, turns: Turns): Promise<NormalMatrix | undefined> {
    return normalMatrix(this.matrix, this, this.#rowBlocks, expectedProducts, turns);
  }

  /** Z'Z w for several w, [columns] each. The result of one does not depend on the others. */
  async normalTimes(vectors: readonly Float64Array[], turns: Turns): Promise<Float64Array[]> {
    const formed = await this.normalMatrix(EXPECTED_PRODUCTS, turns);
    if (formed) return await formed.times(vectors, turns);
    const factors = vectors.map((vector) => this.unscaled(vector));
    const products = await this.#rowBlocks.products(factors, turns);
    return products.map(({ product: raw, total }) => this.#centeredAndScaled(raw, total));
  }

  get #rowBlocks(): RowBlocks {
    this.#blocks ??= new RowBlocks(this.matrix);
    return this.#blocks;
  }

  /** X'r becomes Z'r. @param total sum of r */
  #centeredAndScaled(raw: Float64Array, total: number): Float64Array {
    return raw.map((value, c) => (value - this.means[c]! * total) * this.scales[c]!);
  }
}
