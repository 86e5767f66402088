import { describe, expect, it } from 'vitest';
import { invertMatrix } from '../../src/analyze/correlation.js';
import { solveLasso } from '../../src/analyze/lasso.js';
import { choosePenalty } from '../../src/analyze/penalties.js';
import {
  fitEach,
  fitRidge,
  type LinearModel,
  type Penalty,
  type Targets,
} from '../../src/analyze/regression.js';
import { ridgePath } from '../../src/analyze/ridge.js';
import { rowsBetween, type SparseRows } from '../../src/analyze/sparse-rows.js';
import { Standardized } from '../../src/analyze/standardized.js';
import { HostRandom } from '../../src/math/random.js';
import { correlation } from '../../src/math/statistics.js';
import { Turns } from '../../src/ports/turns.js';

function sparse(table: readonly (readonly number[])[], columns = table[0]!.length): SparseRows {
  const entries = table.map((row) => [...row.entries()].filter(([, value]) => value !== 0));
  const starts = new Int32Array(table.length + 1);
  for (const [row, list] of entries.entries()) starts[row + 1] = starts[row]! + list.length;
  const flat = entries.flat();
  return {
    rows: table.length,
    columns,
    starts,
    indices: Int32Array.from(flat, ([column]) => column),
    values: Float64Array.from(flat, ([, value]) => value),
  };
}

/**
 * Counts that resemble spikes: mostly 0. Column 3 mostly equals column 0, and column 4 is constant.
 */
function counts(rows: number, columns: number, seed = 1): number[][] {
  const random = new HostRandom(seed);
  return Array.from({ length: rows }, () => {
    const row = Array.from({ length: columns }, () =>
      random.uniform() < 0.25 ? 1 + random.integer(2) : 0,
    );
    if (random.uniform() < 0.8) row[3] = row[0]!;
    row[4] = 0.1;
    return row;
  });
}

/** A target that depends on three of the columns, plus noise. */
function makeTarget(table: readonly (readonly number[])[], seed = 2): Float64Array {
  const random = new HostRandom(seed);
  return Float64Array.from(
    table,
    (row) => 5 + 3 * row[0]! - 2 * row[1]! + row[2]! + random.normal(),
  );
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let n = 0; n < values.length; n++) sum += values[n]!;
  return sum / values.length;
}

function centered(values: ArrayLike<number>): Float64Array {
  return Float64Array.from(values, (v) => v - mean(values));
}

/** Columns with mean 0 and standard deviation 1, [columns][rows]; zeros for a constant column. */
function standardize(table: readonly (readonly number[])[]): number[][] {
  return table[0]!.map((_, c) => {
    const column = centered(table.map((row) => row[c]!));
    const spread = Math.sqrt(mean(column.map((v) => v * v)));
    return Array.from(column, (v) => (spread > 1e-9 ? v / spread : 0));
  });
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let n = 0; n < a.length; n++) sum += a[n]! * b[n]!;
  return sum;
}

/** Slopes of the squared error at the fitted weights, (z . residual) / rows, [columns]. */
function slopesAt(model: LinearModel, table: number[][], target: Float64Array): number[] {
  const [predicted] = model.predict(sparse(table));
  const residual = target.map((v, row) => v - predicted![row]!);
  return standardize(table).map((column) => dot(column, residual) / table.length);
}

describe('ridge', () => {
  const table = counts(120, 8);
  const design = sparse(table);
  const target = makeTarget(table);

  it.each([0.01, 10, 1000])('with penalty %d equals the direct solution', async (penalty) => {
    const z = standardize(table);
    const normal = z.flatMap((a, i) => z.map((b, j) => dot(a, b) + (i === j ? penalty : 0)));
    const inverse = invertMatrix(Float64Array.from(normal), 8);
    const right = z.map((column) => dot(column, centered(target)));
    const direct = z.map((_, i) => dot(inverse.subarray(i * 8, i * 8 + 8), right));
    const model = await fitRidge(design, [target], penalty);
    for (const [c, weight] of direct.entries()) expect(model.weights[0]![c]).toBeCloseTo(weight, 9);
    const [predicted] = model.predict(design);
    for (let row = 0; row < 120; row++) {
      const sum = direct.reduce((total, weight, c) => total + weight * z[c]![row]!, mean(target));
      expect(predicted![row]).toBeCloseTo(sum, 9);
    }
  });

  it('along a path of penalties equals a fit with each, for every target', async () => {
    const targets = [target, makeTarget(counts(120, 8, 9), 3)].map(centered);
    const penalties = [
      [1e4, 100, 1],
      [30, 0.1],
    ];
    const paths = await ridgePath(new Standardized(design), targets, penalties, new Turns());
    for (const [n, path] of paths.entries()) {
      expect(path).toHaveLength(penalties[n]!.length);
      for (const [index, weights] of path.entries()) {
        const [fitted] = (await fitRidge(design, [targets[n]!], penalties[n]![index]!)).weights;
        const largest = Math.max(...fitted!.map(Math.abs));
        for (const [c, weight] of weights.entries())
          expect(Math.abs(weight - fitted![c]!) / largest).toBeLessThan(1e-7);
      }
    }
  });

  it('reproduces an exactly linear target if the penalty is tiny', async () => {
    const exact = Float64Array.from(table, (row) => 2 * row[1]! - 3 * row[5]! + 7);
    const [predicted] = (await fitRidge(design, [exact], 1e-9)).predict(design);
    expect(Math.max(...predicted!.map((v, n) => Math.abs(v - exact[n]!)))).toBeLessThan(1e-7);
  });

  it('shrinks to the mean of the target as the penalty grows', async () => {
    const norm = async (penalty: number) => {
      const [weights] = (await fitRidge(design, [target], penalty)).weights;
      return dot(weights!, weights!);
    };
    expect(await norm(1)).toBeGreaterThan(await norm(100));
    expect(await norm(1e12)).toBeLessThan(1e-12);
    const [flat] = (await fitRidge(design, [target], 1e12)).predict(design);
    expect(flat![3]).toBeCloseTo(mean(target), 6);
  });

  it('fits several targets like each target alone', async () => {
    const other = makeTarget(counts(120, 8, 9), 3);
    const both = (await fitRidge(design, [target, other], [10, 50])).predict(design);
    expect(both).toEqual([
      ...(await fitRidge(design, [target], 10)).predict(design),
      ...(await fitRidge(design, [other], 50)).predict(design),
    ]);
  });

  it('works with more columns than rows', async () => {
    const wide = counts(20, 60, 4);
    const target = makeTarget(wide);
    const [predicted] = (await fitRidge(sparse(wide), [target], 0.1)).predict(sparse(wide));
    expect(correlation(target, predicted!)).toBeGreaterThan(0.99);
  });
});

const fitLasso = (design: SparseRows, targets: Targets, penalty: Penalty) =>
  fitEach(solveLasso, design, targets, penalty);

describe('lasso', () => {
  const table = counts(150, 10, 7);
  const design = sparse(table);
  const target = makeTarget(table);

  it.each([0.02, 0.2, 0.8])('with penalty %d meets its optimality conditions', async (penalty) => {
    const model = await fitLasso(design, [target], penalty);
    const slopes = slopesAt(model, table, target);
    for (const [c, slope] of slopes.entries()) {
      const weight = model.weights[0]![c]!;
      if (weight === 0) expect(Math.abs(slope)).toBeLessThan(penalty + 1e-6);
      else expect(slope).toBeCloseTo(Math.sign(weight) * penalty, 5);
    }
  });

  it('selects the columns that matter', async () => {
    const [weights] = (await fitLasso(design, [target], 0.3)).weights;
    const selected = [...weights!.keys()].filter((c) => weights![c] !== 0);
    expect(selected).toEqual(expect.arrayContaining([0, 1]));
    expect(selected.length).toBeLessThan(6);
  });

  it('has only zeros just above the steepest slope, but not just below it', async () => {
    const z = standardize(table);
    const steepest = Math.max(...z.map((c) => Math.abs(dot(c, centered(target))) / 150));
    const countNonzero = async (penalty: number) =>
      (await fitLasso(design, [target], penalty)).weights[0]!.filter((w) => w !== 0).length;
    expect(await countNonzero(steepest * 1.001)).toBe(0);
    expect(await countNonzero(steepest * 0.999)).toBe(1);
  });
});

describe('standardization', () => {
  const table = counts(60, 6, 3);
  const target = makeTarget(table);

  it('uses the statistics of the fitted rows, whatever is predicted', async () => {
    const model = await fitRidge(sparse(table), [target], 5);
    const others = table.slice(0, 4).map((row) => row.map((v) => 100 * v + 7));
    const alone = model.predict(sparse([others[2]!]))[0]![0];
    expect(model.predict(sparse(others))[0]![2]).toBeCloseTo(alone!, 10);
    // The scale of a column does not matter.
    const doubled = table.map((row) => row.map((v, c) => (c === 1 ? 2 * v : v)));
    const [weights] = (await fitRidge(sparse(doubled), [target], 5)).weights;
    for (const [c, w] of weights!.entries()) expect(w).toBeCloseTo(model.weights[0]![c]!, 10);
  });

  it('gives no weight to a constant column', async () => {
    for (const model of [
      await fitRidge(sparse(table), [target], 1e-3),
      await fitLasso(sparse(table), [target], 1e-3),
    ]) {
      expect(model.weights[0]![4]).toBe(0);
      const changed = table.map((row) => row.map((v, c) => (c === 4 ? 50 : v)));
      expect(model.predict(sparse(changed))).toEqual(model.predict(sparse(table)));
    }
  });
});

describe('the choice of a penalty', () => {
  const table = counts(300, 30, 5);
  const design = sparse(table);
  const target = makeTarget(table);

  it.each(['ridge', 'lasso'] as const)(
    'is the %s penalty with the least error on held-out rows',
    async (method) => {
      const grid = [0.003, 0.03, 0.3, 3, 30, 300, 3000];
      const { penalties, searches, model } = await choosePenalty(method, design, [target], {
        grid,
      });
      const [search] = searches;
      const fitModel = method === 'ridge' ? fitRidge : fitLasso;
      const errors: number[] = [];
      for (const penalty of search!.penalties) {
        const fitted = await fitModel(rowsBetween(design, 0, 240), [target.slice(0, 240)], penalty);
        const [predicted] = fitted.predict(rowsBetween(design, 240, 300));
        errors.push(mean(predicted!.map((v, n) => (v - target[240 + n]!) ** 2)));
      }
      for (const [n, error] of errors.entries()) expect(search!.errors[n]).toBeCloseTo(error, 5);
      expect(penalties[0]).toBe(search!.penalties[errors.indexOf(Math.min(...errors))]);
      const [expected] = (await fitModel(design, [target], penalties)).predict(design);
      const [predicted] = model.predict(design);
      expect(predicted![17]).toBeCloseTo(expected![17]!, 4);
    },
  );

  it('does not depend on the rows of the gap', async () => {
    const changed = target.map((v, row) => (row >= 200 && row < 240 ? 1e6 : v));
    const options = { gap: 40, grid: [1, 100] };
    const { searches } = await choosePenalty('ridge', design, [target], options);
    expect((await choosePenalty('ridge', design, [changed], options)).searches).toEqual(searches);
  });

  it('is made for each target with its own grid, whatever its unit', async () => {
    const thousandfold = target.map((v) => 1000 * v);
    const { penalties } = await choosePenalty('lasso', design, [target, thousandfold]);
    expect(penalties[1]! / penalties[0]!).toBeCloseTo(1000, 6);
  });

  it('needs rows to fit on', async () => {
    await expect(choosePenalty('ridge', design, [target], { gap: 290 })).rejects.toThrow(
      'of 300 windows, none are left to fit on after holding out a share of 0.2 and a gap of 290 windows',
    );
  });
});

describe('a regression with degenerate input', () => {
  const empty = sparse([[], [], []], 2);

  it('predicts the mean if there is nothing to learn from', async () => {
    for (const fitModel of [fitRidge, fitLasso]) {
      expect([...(await fitModel(empty, [[1, 2, 6]], 1)).predict(empty)[0]!]).toEqual([3, 3, 3]);
      const design = sparse([
        [1, 0],
        [0, 2],
        [3, 0],
      ]);
      expect([...(await fitModel(design, [[4, 4, 4]], 1)).predict(design)[0]!]).toEqual([4, 4, 4]);
    }
    expect((await choosePenalty('lasso', empty, [[1, 1, 1]])).model.intercepts).toEqual([1]);
  });

  it('says what is wrong with it', async () => {
    await expect(fitRidge(empty, [[1, 2]], 1)).rejects.toThrow(
      'A target has 2 values, but the design has 3 rows',
    );
    await expect(fitRidge(empty, [[1, Number.NaN, 2]], 1)).rejects.toThrow(
      'A target is NaN at row 1',
    );
    await expect(fitLasso(empty, [[1, 2, 3]], 0)).rejects.toThrow(
      'The penalty of target 0 should be above 0, but is 0.',
    );
    const model = await fitRidge(empty, [[1, 2, 3]], 1);
    expect(() => model.predict(sparse([[1, 2, 3]]))).toThrow(
      'The design has 3 columns, but the model was fitted on 2.',
    );
  });
});
