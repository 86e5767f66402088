import { describe, expect, it } from 'vitest';
import { RowBlocks } from '../../src/analyze/row-blocks.js';
import type { SparseRows } from '../../src/analyze/sparse-rows.js';
import { HostRandom } from '../../src/math/random.js';
import { Turns } from '../../src/ports/turns.js';

const COLUMNS = 7;

/** A random matrix, a third of it 0, as a table and by rows. Columns of a row are in any order. */
function matrix(rows: number): { table: number[][]; sparse: SparseRows } {
  const random = new HostRandom(rows);
  const table = Array.from({ length: rows }, () =>
    Array.from({ length: COLUMNS }, () => (random.uniform() < 1 / 3 ? 0 : random.normal())),
  );
  const entries = table.map((row) =>
    [...random.permutation(COLUMNS)].filter((column) => row[column] !== 0),
  );
  const starts = new Int32Array(rows + 1);
  for (const [row, list] of entries.entries()) starts[row + 1] = starts[row]! + list.length;
  return {
    table,
    sparse: {
      rows,
      columns: COLUMNS,
      starts,
      indices: Int32Array.from(entries.flat()),
      values: Float64Array.from(entries.flatMap((list, row) => list.map((c) => table[row]![c]!))),
    },
  };
}

function factors(count: number) {
  const random = new HostRandom(count);
  return Array.from({ length: count }, () => ({
    slopes: Float64Array.from({ length: COLUMNS }, () => random.normal()),
    constant: random.normal(),
  }));
}

describe('products with blocks of rows', () => {
  it.each([0, 1, 2, 3, 4, 5, 9])('of %d rows equal sums over a table', async (rows) => {
    const { table, sparse } = matrix(rows);
    const vectors = factors(5);
    const products = await new RowBlocks(sparse).products(vectors, new Turns());
    expect(products).toHaveLength(5);
    for (const [n, { slopes, constant }] of vectors.entries()) {
      const fitted = table.map((row) =>
        row.reduce((sum, value, c) => sum + value * slopes[c]!, constant),
      );
      const { product, total } = products[n]!;
      expect(total).toBeCloseTo(
        fitted.reduce((sum, value) => sum + value, 0),
        12,
      );
      for (const [c, value] of product.entries()) {
        const expected = table.reduce((sum, row, n) => sum + row[c]! * fitted[n]!, 0);
        expect(value).toBeCloseTo(expected, 12);
      }
    }
  });

  it('do not depend on what is multiplied beside them, to the last bit', async () => {
    const blocks = new RowBlocks(matrix(11).sparse);
    const vectors = factors(6);
    const turns = new Turns();
    const alone = await Promise.all(vectors.map((vector) => blocks.products([vector], turns)));
    for (let count = 2; count <= 6; count++)
      expect(await blocks.products(vectors.slice(0, count), turns)).toEqual(
        alone.flat().slice(0, count),
      );
  });
});
