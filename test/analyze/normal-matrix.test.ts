import { describe, expect, it } from 'vitest';
import { solveLasso } from '../../src/analyze/lasso.js';
import { fitRidge } from '../../src/analyze/regression.js';
import { solveRidge } from '../../src/analyze/ridge.js';
import { denseRows, type SparseRows } from '../../src/analyze/sparse-rows.js';
import { Standardized } from '../../src/analyze/standardized.js';
import { HostRandom } from '../../src/math/random.js';
import { mean } from '../../src/math/statistics.js';
import { dot } from '../../src/math/vectors.js';
import { Turns } from '../../src/ports/turns.js';

/** Random rows, a share of them not 0. */
function matrix(rows: number, columns: number, share = 1): SparseRows {
  const random = new HostRandom(rows + columns);
  const table = Array.from({ length: rows }, () =>
    Array.from({ length: columns }, () => (random.uniform() < share ? random.normal() : 0)),
  );
  const starts = new Int32Array(rows + 1);
  const kept = table.map((row) => row.flatMap((value, c) => (value === 0 ? [] : [{ value, c }])));
  for (const [n, row] of kept.entries()) starts[n + 1] = starts[n]! + row.length;
  return {
    rows,
    columns,
    starts,
    indices: Int32Array.from(kept.flat(), ({ c }) => c),
    values: Float64Array.from(kept.flat(), ({ value }) => value),
  };
}

/** Turns that are asked to stop at once. */
class StoppingTurns extends Turns {
  override async give(): Promise<void> {
    throw new Error('stopped');
  }
}

/** Z'Z of a matrix where it is formed, and what it is by products with X. */
async function formed(matrix: SparseRows) {
  const z = new Standardized(matrix);
  return { z, normal: await z.normalMatrix(100, new Turns()) };
}

/** Standardized columns of a matrix: [columns][rows]. */
function standardize({ rows, columns, starts, indices, values }: SparseRows): Float64Array[] {
  const table = Array.from({ length: columns }, () => new Float64Array(rows));
  for (let row = 0; row < rows; row++)
    for (let entry = starts[row]!; entry < starts[row + 1]!; entry++)
      table[indices[entry]!]![row] = values[entry]!;
  return table.map((column) => {
    const center = mean(column);
    const spread = Math.sqrt(mean(column.map((value) => (value - center) ** 2)));
    return column.map((value) => (value - center) / spread);
  });
}

describe("Z'Z", () => {
  it.each([
    [40, 3, 1],
    [41, 10, 1],
    [90, 13, 0.5],
  ])('of %d rows and %d columns is that of standardized columns', async (rows, columns, share) => {
    const sparse = matrix(rows, columns, share);
    const { normal } = await formed(sparse);
    const z = standardize(sparse);
    for (const [i, a] of z.entries())
      for (const [j, b] of z.entries()) expect(normal!.row(i)[j]).toBeCloseTo(dot(a, b), 10);
    const random = new HostRandom(1);
    const vectors = Array.from({ length: 6 }, () =>
      Float64Array.from({ length: columns }, () => random.normal()),
    );
    const products = await normal!.times(vectors, new Turns());
    for (const [n, vector] of vectors.entries())
      for (const [i, a] of z.entries())
        expect(products[n]![i]).toBeCloseTo(
          z.reduce((sum, b, j) => sum + dot(a, b) * vector[j]!, 0),
          10,
        );
    // The product of one does not depend on the others.
    expect((await normal!.times([vectors[5]!], new Turns()))[0]).toEqual(products[5]);
  });

  it('is not formed where it would be larger than what it is made of', async () => {
    expect((await formed(matrix(10, 200, 0.05))).normal).toBeUndefined();
  });

  it('is not formed of columns whose means are much larger than their spread', async () => {
    const random = new HostRandom(4);
    const rows = Array.from({ length: 50 }, () => [1e6 + random.normal(), random.normal()]);
    const target = rows.map(([a, b]) => 2 * (a! - 1e6) - b!);
    const design = denseRows(rows);
    expect((await formed(design)).normal).toBeUndefined();
    const [predicted] = (await fitRidge(design, [target], 1e-6)).predict(design);
    for (const [row, value] of predicted!.entries()) expect(value).toBeCloseTo(target[row]!, 5);
  });

  it('is formed once for all decoders of a matrix, and again after a stop', async () => {
    const sparse = matrix(60, 5);
    const z = new Standardized(sparse);
    await expect(z.normalMatrix(100, new StoppingTurns())).rejects.toThrow('stopped');
    const normal = await z.normalMatrix(100, new Turns());
    expect(await new Standardized(sparse).normalMatrix(0, new Turns())).toBe(normal);
  });

  it.each([
    ['lasso', solveLasso],
    ['ridge', solveRidge],
  ] as const)('gives the %s the weights that it finds by rows', async (_, solve) => {
    const sparse = matrix(80, 12);
    const { z } = await formed(sparse);
    const random = new HostRandom(6);
    const fitted = z.times(Float64Array.from([1, -2, 0, 0, 0.5, 0, 0, 0, 0, 0, 0, 0]));
    const target = fitted.map((value) => value + random.normal());
    const center = mean(target);
    const problem = {
      target: target.map((value) => value - center),
      penalty: 0.1,
      start: new Float64Array(12),
    };
    const [weights] = await solve(z, [problem], new Turns());
    const byRows = new Standardized(sparse);
    byRows.normalMatrix = async () => undefined;
    const [expected] = await solve(byRows, [problem], new Turns());
    expect(weights!.filter((weight) => weight !== 0).length).toBeGreaterThan(2);
    for (const [c, weight] of weights!.entries()) expect(weight).toBeCloseTo(expected![c]!, 5);
  });
});
