/**
 * Products of a matrix with overlapping rows. Eight multiplications share each access to the
 * result or to the other matrix, which makes these loops several times as fast as with one.
 */

import type { OverlappingRows } from './film-columns.js';

/**
 * Rows times weights: [rows, width].
 *
 * @param weights [columns, width]
 */
export function timesRows(
  { columns, values, starts }: OverlappingRows,
  weights: Float64Array,
  width: number,
): Float64Array {
  const rows = starts.length;
  const result = new Float64Array(rows * width);
  const [pairs, quads] = [rows - (rows % 2), columns - (columns % 4)];
  for (let row = 0; row < pairs; row += 2) {
    const [a, b, out] = [starts[row]!, starts[row + 1]!, row * width];
    for (let c = 0; c < quads; c += 4) {
      const a0 = values[a + c]!;
      const a1 = values[a + c + 1]!;
      const a2 = values[a + c + 2]!;
      const a3 = values[a + c + 3]!;
      const b0 = values[b + c]!;
      const b1 = values[b + c + 1]!;
      const b2 = values[b + c + 2]!;
      const b3 = values[b + c + 3]!;
      const w = c * width;
      for (let i = 0; i < width; i++) {
        const w0 = weights[w + i]!;
        const w1 = weights[w + width + i]!;
        const w2 = weights[w + 2 * width + i]!;
        const w3 = weights[w + 3 * width + i]!;
        result[out + i]! += a0 * w0 + a1 * w1 + a2 * w2 + a3 * w3;
        result[out + width + i]! += b0 * w0 + b1 * w1 + b2 * w2 + b3 * w3;
      }
    }
  }
  /** What pairs of rows and groups of four columns leave. */
  const addRest = (row: number, from: number) => {
    for (let c = from; c < columns; c++) {
      const value = values[starts[row]! + c]!;
      for (let i = 0; i < width; i++) result[row * width + i]! += value * weights[c * width + i]!;
    }
  };
  for (let row = 0; row < rows; row++) addRest(row, row < pairs ? quads : 0);
  return result;
}

/**
 * The transposed matrix times values: [columns, width], added to `result`.
 *
 * @param right [rows, width]
 */
export function addTransposedTimes(
  { columns, values, starts }: OverlappingRows,
  right: Float64Array,
  width: number,
  result: Float64Array,
): void {
  const rows = starts.length;
  const [quads, pairs] = [rows - (rows % 4), columns - (columns % 2)];
  for (let row = 0; row < quads; row += 4) {
    const [a, b] = [starts[row]!, starts[row + 1]!];
    const [c, d] = [starts[row + 2]!, starts[row + 3]!];
    const w = row * width;
    for (let column = 0; column < pairs; column += 2) {
      const a0 = values[a + column]!;
      const b0 = values[b + column]!;
      const c0 = values[c + column]!;
      const d0 = values[d + column]!;
      const a1 = values[a + column + 1]!;
      const b1 = values[b + column + 1]!;
      const c1 = values[c + column + 1]!;
      const d1 = values[d + column + 1]!;
      const out = column * width;
      for (let i = 0; i < width; i++) {
        const r0 = right[w + i]!;
        const r1 = right[w + width + i]!;
        const r2 = right[w + 2 * width + i]!;
        const r3 = right[w + 3 * width + i]!;
        result[out + i]! += a0 * r0 + b0 * r1 + c0 * r2 + d0 * r3;
        result[out + width + i]! += a1 * r0 + b1 * r1 + c1 * r2 + d1 * r3;
      }
    }
  }
  /** What groups of four rows and pairs of columns leave. */
  const addRest = (row: number, from: number) => {
    for (let column = from; column < columns; column++) {
      const value = values[starts[row]! + column]!;
      for (let i = 0; i < width; i++)
        result[column * width + i]! += value * right[row * width + i]!;
    }
  };
  for (let row = 0; row < rows; row++) addRest(row, row < quads ? pairs : 0);
}
