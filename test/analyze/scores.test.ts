import { describe, expect, it } from 'vitest';
import {
  blockBootstrap,
  scoreCircular,
  scoreClasses,
  scoreRegression,
} from '../../src/analyze/scores.js';
import { HostRandom } from '../../src/math/random.js';

describe('scores of a number', () => {
  it('are as computed by hand', () => {
    const scores = scoreRegression([1, 2, 3, 4], [1, 3, 3, 5]);
    expect(scores.r).toBeCloseTo(6 / Math.sqrt(5 * 8), 12);
    expect(scores.r2).toBeCloseTo(1 - 2 / 5, 12);
    expect(scores.rmse).toBeCloseTo(Math.sqrt(0.5), 12);
  });

  it('ignore a wrong scale in r only', () => {
    const scores = scoreRegression([1, 2, 3], [11, 21, 31]);
    expect(scores.r).toBeCloseTo(1, 12);
    expect(scores.r2).toBeLessThan(-100);
  });

  it('are NaN where they do not exist', () => {
    expect(scoreRegression([0.1, 0.1, 0.1], [1, 2, 3])).toMatchObject({
      r: Number.NaN,
      r2: Number.NaN,
    });
    expect(scoreRegression([1, 2, 3], [0.1, 0.1, 0.1]).r).toBeNaN();
    expect(scoreRegression([1, 2, 3], [2, 2, 2])).toMatchObject({ r2: 0 });
    expect(scoreRegression([], [])).toEqual({
      r: Number.NaN,
      r2: Number.NaN,
      rmse: Number.NaN,
    });
    expect(() => scoreRegression([1], [])).toThrow(
      'There are 1 true values but 0 predicted ones; there should be as many of each.',
    );
  });
});

describe('scores of an angle', () => {
  it('use the shorter way around the circle', () => {
    const scores = scoreCircular([350, 10, 180], [10, 350, 170], 360);
    expect(scores).toMatchObject({ median: 20, mean: expect.closeTo(50 / 3, 10) });
  });

  it('separate a common rotation from the errors around it', () => {
    const random = new HostRandom(3);
    const truth = Array.from({ length: 501 }, () => 360 * random.uniform());
    const noise = truth.map(() => 8 * random.normal());
    const rotated = scoreCircular(
      truth,
      truth.map((v, n) => v + 170 + noise[n]!),
      360,
    );
    const unrotated = scoreCircular(
      truth,
      truth.map((v, n) => v + noise[n]!),
      360,
    );
    // Errors around 170 degrees are on both sides of 180, where an ordinary median would be far
    // off.
    expect(rotated.signed).toBeCloseTo(170 + unrotated.signed, 8);
    expect(rotated.aligned).toBeCloseTo(unrotated.aligned, 8);
    expect(rotated.median).toBeGreaterThan(160);
  });

  it('have the sign of predicted minus true', () => {
    expect(scoreCircular([0, 1, 2], [0.3, 1.3, 2.3], 2 * Math.PI).signed).toBeCloseTo(0.3, 12);
  });

  it('are NaN where they do not exist', () => {
    const uniform = scoreCircular([0, 0, 0, 0], [0, 90, 180, 270], 360);
    expect(uniform).toMatchObject({ median: 90, signed: Number.NaN, aligned: Number.NaN });
    expect(scoreCircular([], [], 360).median).toBeNaN();
  });
});

describe('scores of a class', () => {
  it('weigh each class equally in F1, however rare it is', () => {
    const scores = scoreClasses(['a', 'a', 'a', 'b'], ['a', 'a', 'a', 'a']);
    expect(scores).toEqual({ accuracy: 0.75, f1: (6 / 7 + 0) / 2 });
    expect(scoreClasses([1, 2, 3], [1, 2, 3])).toEqual({ accuracy: 1, f1: 1 });
  });

  it('include classes that were only predicted, and are NaN without rows', () => {
    expect(scoreClasses([1, 1], [1, 7])).toEqual({ accuracy: 0.5, f1: (2 / 3 + 0) / 2 });
    expect(scoreClasses([], [])).toEqual({ accuracy: Number.NaN, f1: Number.NaN });
  });
});

describe('block bootstrap', () => {
  const mean = (values: ArrayLike<number>) => (rows: readonly number[]) => [
    rows.reduce((sum, row) => sum + values[row]!, 0) / rows.length,
  ];

  it('is the same for the same seed and differs for another seed', () => {
    const values = Array.from({ length: 50 }, (_, n) => (n * n) % 17);
    const run = (seed: number) =>
      blockBootstrap({ segments: [50], block: 5, repeats: 100, seed }, mean(values));
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it('covers the true mean of correlated rows nearly as often as it should', () => {
    const random = new HostRandom(11);
    const covered = { blocks: 0, single: 0 };
    for (let run = 0; run < 150; run++) {
      // An autoregressive process whose correlation lasts about five rows.
      let state = 0;
      const values = Float64Array.from({ length: 300 }, () => {
        state = 0.7 * state + random.normal();
        return state;
      });
      for (const [name, block] of [['blocks', 25] as const, ['single', 1] as const]) {
        const [interval] = blockBootstrap(
          { segments: [300], block, repeats: 100, seed: run },
          mean(values),
        );
        if (interval!.low < 0 && interval!.high > 0) covered[name] += 1;
      }
    }
    expect(covered.blocks / 150).toBeGreaterThan(0.82);
    expect(covered.blocks / 150).toBeLessThanOrEqual(0.99);
    expect(covered.single / 150, 'if rows are taken for independent').toBeLessThan(0.75);
  });

  it('draws consecutive rows of one segment, and each segment by its share of rows', () => {
    const segments = [40, 0, 3, 57];
    const segmentAt = (row: number) => (row < 40 ? 0 : row < 43 ? 2 : 3);
    const drawn = [0, 0, 0, 0];
    const intervals = blockBootstrap({ segments, block: 10, repeats: 400, seed: 4 }, (rows) => {
      let broken = rows.length - 100;
      for (let n = 0; n < 100; ) {
        const segment = segmentAt(rows[n]!);
        const end = Math.min(100, n + (segment === 2 ? 3 : 10));
        drawn[segment]! += end - n;
        while (++n < end)
          broken += Number(rows[n] !== rows[n - 1]! + 1 || segmentAt(rows[n]!) !== segment);
      }
      return [broken];
    });
    expect(intervals).toEqual([{ low: 0, high: 0 }]);
    for (const [n, length] of segments.entries())
      expect(Math.abs(drawn[n]! / 400 - length)).toBeLessThanOrEqual(2);
  });

  it('gives an interval for each of several scores, and NaN for one that never exists', () => {
    const intervals = blockBootstrap({ segments: [9], block: 3, repeats: 20, seed: 1 }, (rows) => [
      rows.length,
      Number.NaN,
    ]);
    expect(intervals).toEqual([
      { low: 9, high: 9 },
      { low: Number.NaN, high: Number.NaN },
    ]);
    const noRows = { segments: [0], block: 3, repeats: 2, seed: 1 };
    expect(blockBootstrap(noRows, mean([]))).toEqual([{ low: Number.NaN, high: Number.NaN }]);
    expect(() => blockBootstrap({ ...noRows, block: 0 }, mean([]))).toThrow(
      'A bootstrap needs whole numbers above 0, but has 2 repeats of blocks of 0 rows.',
    );
  });
});
