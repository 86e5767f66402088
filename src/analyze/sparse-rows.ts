/** Sparse matrices by rows, such as the spike counts before the ends of windows. */

import { denseDesign } from './feature-matrix.js';

/**
 * A sparse matrix [rows x columns] by rows: row r has the entries starts[r] up to starts[r + 1],
 * each with a column and a value. A column is, for example, the count of one neuron in the bin at
 * one lag.
 */
export interface SparseRows {
  readonly rows: number;
  readonly columns: number;
  /** [rows + 1], beginning with 0. */
  readonly starts: Int32Array;
  /** The column of each entry. A row has at most one entry per column. */
  readonly indices: Int32Array;
  /** The value of each entry. */
  readonly values: Float64Array;
}

/** Rows `from` up to `to` of a matrix. The entries are shared with the matrix, not copied. */
export function rowsBetween(matrix: SparseRows, from: number, to: number): SparseRows {
  const [first, end] = [matrix.starts[from]!, matrix.starts[to]!];
  return {
    rows: to - from,
    columns: matrix.columns,
    starts: matrix.starts.slice(from, to + 1).map((start) => start - first),
    indices: matrix.indices.subarray(first, end),
    values: matrix.values.subarray(first, end),
  };
}

/** A matrix from dense rows of the same length. */
export function denseRows(rows: readonly (readonly number[])[]): SparseRows {
  const columns = rows[0]?.length ?? 0;
  const values = new Float64Array(rows.length * columns);
  for (const [n, row] of rows.entries()) values.set(row, n * columns);
  return denseDesign({ rows: rows.length, columns, values });
}

/** Some rows of a matrix, copied in this order. */
export function selectRows(matrix: SparseRows, rows: readonly number[]): SparseRows {
  const starts = new Int32Array(rows.length + 1);
  for (const [n, row] of rows.entries())
    starts[n + 1] = starts[n]! + matrix.starts[row + 1]! - matrix.starts[row]!;
  const indices = new Int32Array(starts.at(-1)!);
  const values = new Float64Array(starts.at(-1)!);
  for (const [n, row] of rows.entries()) {
    indices.set(matrix.indices.subarray(matrix.starts[row]!, matrix.starts[row + 1]!), starts[n]!);
    values.set(matrix.values.subarray(matrix.starts[row]!, matrix.starts[row + 1]!), starts[n]!);
  }
  return { rows: rows.length, columns: matrix.columns, starts, indices, values };
}

/** The matrix transposed: [columns x rows]. */
export function transpose({ rows, columns, starts, indices, values }: SparseRows): SparseRows {
  const columnStarts = new Int32Array(columns + 1);
  for (const column of indices) columnStarts[column + 1]! += 1;
  for (let c = 0; c < columns; c++) columnStarts[c + 1]! += columnStarts[c]!;
  const next = columnStarts.slice();
  const rowIndices = new Int32Array(indices.length);
  const sortedValues = new Float64Array(indices.length);
  for (let row = 0; row < rows; row++) {
    for (let entry = starts[row]!; entry < starts[row + 1]!; entry++) {
      const slot = next[indices[entry]!]!++;
      rowIndices[slot] = row;
      sortedValues[slot] = values[entry]!;
    }
  }
  return {
    rows: columns,
    columns: rows,
    starts: columnStarts,
    indices: rowIndices,
    values: sortedValues,
  };
}

/** The matrix times a vector, plus a constant: [rows]. */
export function product(matrix: SparseRows, vector: Float64Array, constant: number): Float64Array {
  const { rows, starts, indices, values } = matrix;
  const result = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let sum = constant;
    for (let entry = starts[row]!; entry < starts[row + 1]!; entry++)
      sum += values[entry]! * vector[indices[entry]!]!;
    result[row] = sum;
  }
  return result;
}
