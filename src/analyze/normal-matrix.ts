/** Z'Z of standardized columns, formed once: for solvers that take many products with it. */

import type { Turns } from '../ports/turns.js';
import type { RowBlocks } from './row-blocks.js';
import type { SparseRows } from './sparse-rows.js';

/** How columns are standardized: z = (x - mean) x scale. */
export interface Standardization {
  /** [columns] */
  readonly means: Float64Array;
  /** [columns] */
  readonly scales: Float64Array;
}

/** More columns have a Z'Z of more than 134 MB. */
const MAX_COLUMNS = 4096;
/** Standard deviations: of columns with larger means, X'X less the means has lost digits. */
const MAX_MEAN = 10;
/** Rows of Z'Z between two turns of the event loop. */
const ROWS_AT_ONCE = 64;

/** Z'Z: [columns, columns]. */
export class NormalMatrix {
  /** @param values row-major */
  constructor(
    private readonly values: Float64Array,
    readonly columns: number,
  ) {}

  /** A row, which is a column as well: [columns]. */
  row(index: number): Float64Array {
    return this.values.subarray(index * this.columns, (index + 1) * this.columns);
  }

  /** Z'Z w for several w, [columns] each. The result of one does not depend on the others. */
  async times(vectors: readonly Float64Array[], turns: Turns): Promise<Float64Array[]> {
    const products = vectors.map(() => new Float64Array(this.columns));
    for (let from = 0; from < this.columns; from += ROWS_AT_ONCE) {
      const to = Math.min(this.columns, from + ROWS_AT_ONCE);
      // These rows are in the cache for all vectors but the first.
      for (const [n, vector] of vectors.entries())
        this.#multiplyRows(vector, products[n]!, from, to);
      await turns.give();
    }
    return products;
  }

  #multiplyRows(vector: Float64Array, product: Float64Array, from: number, to: number): void {
    const [columns, values] = [this.columns, this.values];
    for (let row = from; row < to; row++) {
      const offset = row * columns;
      // Four sums, because each addition to one would wait for the last.
      let [a, b, c, d] = [0, 0, 0, 0];
      let column = 0;
      for (; column + 3 < columns; column += 4) {
        a += values[offset + column]! * vector[column]!;
        b += values[offset + column + 1]! * vector[column + 1]!;
        c += values[offset + column + 2]! * vector[column + 2]!;
        d += values[offset + column + 3]! * vector[column + 3]!;
      }
      for (; column < columns; column++) a += values[offset + column]! * vector[column]!;
      product[row] = a + b + (c + d);
    }
  }
}

/** The Z'Z of matrices on which several decoders are fitted. */
const formed = new WeakMap<SparseRows, Promise<NormalMatrix>>();

/**
 * Z'Z. Undefined where it is too large, takes longer than as many products with X as are expected,
 * or would lose digits because a mean is much larger than the spread.
 *
 * @param blocks the matrix by blocks of rows
 */
export async function normalMatrix(
  matrix: SparseRows,
  standardization: Standardization,
  blocks: RowBlocks,
  expectedProducts: number,
  turns: Turns,
): Promise<NormalMatrix | undefined> {
  const known = formed.get(matrix);
  if (known) return await known;
  const { columns } = matrix;
  const gain = blocks.productCost - columns ** 2;
  if (columns > MAX_COLUMNS || blocks.matrixCost > expectedProducts * gain) return undefined;
  const { means, scales } = standardization;
  if (means.some((mean, c) => Math.abs(mean) * scales[c]! > MAX_MEAN)) return undefined;
  const forming = form(matrix, standardization, blocks, turns);
  formed.set(matrix, forming);
  // What was stopped can be tried again.
  forming.catch(() => formed.delete(matrix));
  return await forming;
}

async function form(
  { rows, columns }: SparseRows,
  { means, scales }: Standardization,
  blocks: RowBlocks,
  turns: Turns,
): Promise<NormalMatrix> {
  const values = await blocks.normalMatrix(turns);
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < columns; j++) {
      const raw = values[i * columns + j]!;
      values[i * columns + j] = (raw - rows * means[i]! * means[j]!) * scales[i]! * scales[j]!;
    }
    await turns.give();
  }
  return new NormalMatrix(values, columns);
}
