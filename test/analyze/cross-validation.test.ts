import { describe, expect, it } from 'vitest';
import { crossValidatedRidge } from '../../src/analyze/cross-validation.js';
import { fitLeastSquares, fitRidge } from '../../src/analyze/regression.js';
import { denseRows } from '../../src/analyze/sparse-rows.js';
import { HostRandom } from '../../src/math/random.js';

/** Rows of noise, and a target that is twice the first column, with noise. */
function noisy(rows: number, columns: number, noise: number) {
  const random = new HostRandom(3);
  const values = Array.from({ length: rows }, () =>
    Array.from({ length: columns }, () => random.normal()),
  );
  const target = Float64Array.from(values, ([first]) => 2 * first! + noise * random.normal());
  return { design: denseRows(values), target };
}

const groupsOf = (rows: number, size: number) =>
  Array.from({ length: rows }, (_, row) => Math.floor(row / size));

describe('cross-validated ridge', () => {
  it('chooses a larger penalty the less there is to learn, for each target by itself', async () => {
    const { design, target } = noisy(60, 20, 0.1);
    const random = new HostRandom(5);
    const chance = Float64Array.from(target, () => random.normal());
    const { penalties, model } = await crossValidatedRidge(
      design,
      [target, chance],
      groupsOf(60, 6),
    );
    expect(penalties[0]).toBeLessThan(10);
    expect(penalties[1]).toBeGreaterThan(100);
    expect(model.predict(design)).toHaveLength(2);
  });

  it('fits all rows with the chosen penalty, as ridge does', async () => {
    const { design, target } = noisy(40, 5, 0.5);
    const { penalties, model } = await crossValidatedRidge(design, [target], groupsOf(40, 4));
    const [expected] = (await fitRidge(design, [target], penalties[0]!)).predict(design);
    for (const [row, value] of model.predict(design)[0]!.entries())
      expect(value).toBeCloseTo(expected![row]!, 6);
  });

  it('gives the same for many columns, where it does not form their products', async () => {
    const { design, target } = noisy(30, 600, 0.1);
    const { penalties, model } = await crossValidatedRidge(design, [target], groupsOf(30, 3));
    const [expected] = (await fitRidge(design, [target], penalties[0]!)).predict(design);
    for (const [row, value] of model.predict(design)[0]!.entries())
      expect(value).toBeCloseTo(expected![row]!, 4);
  });

  it('holds out fifths of a single group, and refuses a single row', async () => {
    const { design, target } = noisy(20, 3, 0.1);
    const { penalties } = await crossValidatedRidge(design, [target], new Array(20).fill(0));
    expect(penalties[0]).toBeLessThan(100);
    const one = denseRows([[1, 2, 3]]);
    await expect(crossValidatedRidge(one, [[1]], [0])).rejects.toThrow(
      'there are fewer than two windows, so none can be held out',
    );
  });
});

describe('least squares', () => {
  it('finds the weights that made a target, and refuses more columns than rows', async () => {
    const { design, target } = noisy(50, 4, 0);
    const [predicted] = (await fitLeastSquares(design, [target])).predict(design);
    for (const [row, value] of predicted!.entries()) expect(value).toBeCloseTo(target[row]!, 4);
    const wide = noisy(5, 5, 0);
    await expect(fitLeastSquares(wide.design, [wide.target])).rejects.toThrow(
      '5 counts have as many weights, which 5 windows do not determine',
    );
  });
});
