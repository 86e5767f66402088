/** Dense features of windows, such as the state of a model. */

import type { SparseRows } from './sparse-rows.js';

/** One row of numbers per window. */
export interface FeatureMatrix {
  /** Windows. */
  readonly rows: number;
  /** Numbers of each window. */
  readonly columns: number;
  /** [rows, columns], row-major. */
  readonly values: Float32Array | Float64Array;
}

/** Some rows, in this order. @param count how many leading columns of them. Default: all */
export function selectFeatures(
  { columns, values }: FeatureMatrix,
  rows: readonly number[],
  count = columns,
): FeatureMatrix {
  const used = Math.min(count, columns);
  const selected = new Float64Array(rows.length * used);
  for (const [n, row] of rows.entries())
    selected.set(values.subarray(row * columns, row * columns + used), n * used);
  return { rows: rows.length, columns: used, values: selected };
}

/** Features as a regression reads them: every element is an entry. */
export function denseDesign({ rows, columns, values }: FeatureMatrix): SparseRows {
  return {
    rows,
    columns,
    starts: Int32Array.from({ length: rows + 1 }, (_, row) => row * columns),
    indices: Int32Array.from(values, (_, n) => n % columns),
    values: Float64Array.from(values),
  };
}

/** A sparse design as features, with its zeros. */
export function denseFeatures({
  rows,
  columns,
  starts,
  indices,
  values,
}: SparseRows): FeatureMatrix {
  const dense = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let entry = starts[row]!; entry < starts[row + 1]!; entry++)
      dense[row * columns + indices[entry]!] = values[entry]!;
  return { rows, columns, values: dense };
}
