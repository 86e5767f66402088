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

  it('forgive a wrong scale in r only', () => {
    const scores = scoreRegression([1, 2, 3], [11, 21, 31]);
    expect(scores.r).toBeCloseTo(1, 12);
    expect(scores.r2).toBeLessThan(-100);
  });

  it('are NaN where they do not exist', () => {
    const unknown = Number.NaN;
    expect(scoreRegression([0.1, 0.1, 0.1], [1, 2, 3])).toMatchObject({ r: unknown, r2: unknown });
    expect(scoreRegression([1, 2, 3], [0.1, 0.1, 0.1]).r).toBeNaN();
    expect(scoreRegression([1, 2, 3], [2, 2, 2])).toMatchObject({ r2: 0 });
    expect(scoreRegression([], [])).toEqual({ r: unknown, r2: unknown, rmse: unknown });
    expect(() => scoreRegression([1], [])).toThrow('1 true values and 0 predicted');
  });
});

describe('scores of an angle', () => {
  it('go the short way round', () => {
    const scores = scoreCircular([350, 10, 180], [10, 350, 170], 360);
    expect(scores).toMatchObject({ median: 20, mean: expect.closeTo(50 / 3, 10) });
  });

  it('tell a turn of everything from errors about it', () => {
    const random = new HostRandom(3);
    const truth = Array.from({ length: 501 }, () => 360 * random.uniform());
    const noise = truth.map(() => 8 * random.normal());
    const turned = scoreCircular(
      truth,
      truth.map((v, n) => v + 170 + noise[n]!),
      360,
    );
    const straight = scoreCircular(
      truth,
      truth.map((v, n) => v + noise[n]!),
      360,
    );
    // Errors about 170 degrees lie on both sides of 180, where a plain median would be far off.
    expect(turned.signed).toBeCloseTo(170 + straight.signed, 8);
    expect(turned.aligned).toBeCloseTo(straight.aligned, 8);
    expect(turned.median).toBeGreaterThan(160);
  });

  it('have the sign of predicted less true', () => {
    expect(scoreCircular([0, 1, 2], [0.3, 1.3, 2.3], 2 * Math.PI).signed).toBeCloseTo(0.3, 12);
  });

  it('are NaN where they do not exist', () => {
    const even = scoreCircular([0, 0, 0, 0], [0, 90, 180, 270], 360);
    expect(even).toMatchObject({ median: 90, signed: Number.NaN, aligned: Number.NaN });
    expect(scoreCircular([], [], 360).median).toBeNaN();
  });
});

describe('scores of a class', () => {
  it('count each class as much in F1, however rare', () => {
    const scores = scoreClasses(['a', 'a', 'a', 'b'], ['a', 'a', 'a', 'a']);
    expect(scores).toEqual({ accuracy: 0.75, f1: (6 / 7 + 0) / 2 });
    expect(scoreClasses([1, 2, 3], [1, 2, 3])).toEqual({ accuracy: 1, f1: 1 });
  });

  it('count a class that was only predicted, and are NaN without rows', () => {
    expect(scoreClasses([1, 1], [1, 7])).toEqual({ accuracy: 0.5, f1: (2 / 3 + 0) / 2 });
    expect(scoreClasses([], [])).toEqual({ accuracy: Number.NaN, f1: Number.NaN });
  });
});

describe('block bootstrap', () => {
  const mean = (values: ArrayLike<number>) => (rows: readonly number[]) => [
    rows.reduce((sum, row) => sum + values[row]!, 0) / rows.length,
  ];

  it('is the same for one seed and another for another', () => {
    const values = Array.from({ length: 50 }, (_, n) => (n * n) % 17);
    const run = (seed: number) =>
      blockBootstrap({ segments: [50], block: 5, repeats: 100, seed }, mean(values));
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  it('covers the true mean of rows that are alike nearly as often as it says', () => {
    const random = new HostRandom(11);
    const covered = { blocks: 0, single: 0 };
    for (let run = 0; run < 150; run++) {
      // An autoregression whose rows forget each other within some five.
      let now = 0;
      const values = Float64Array.from({ length: 300 }, () => {
        now = 0.7 * now + random.normal();
        return now;
      });
      for (const [name, block] of [['blocks', 25] as const, ['single', 1] as const]) {
        const [found] = blockBootstrap(
          { segments: [300], block, repeats: 100, seed: run },
          mean(values),
        );
        if (found!.low < 0 && found!.high > 0) covered[name] += 1;
      }
    }
    expect(covered.blocks / 150).toBeGreaterThan(0.82);
    expect(covered.blocks / 150).toBeLessThanOrEqual(0.99);
    expect(covered.single / 150, 'rows taken for independent').toBeLessThan(0.75);
  });

  it('draws consecutive rows of one stretch, and each stretch by its share', () => {
    const segments = [40, 0, 3, 57];
    const blockAt = (row: number) => (row < 40 ? 0 : row < 43 ? 2 : 3);
    const drawn = [0, 0, 0, 0];
    const found = blockBootstrap({ segments, block: 10, repeats: 400, seed: 4 }, (rows) => {
      let broken = rows.length - 100;
      for (let n = 0; n < 100; ) {
        const own = blockAt(rows[n]!);
        const end = Math.min(100, n + (own === 2 ? 3 : 10));
        drawn[own]! += end - n;
        while (++n < end)
          broken += Number(rows[n] !== rows[n - 1]! + 1 || blockAt(rows[n]!) !== own);
      }
      return [broken];
    });
    expect(found).toEqual([{ low: 0, high: 0 }]);
    for (const [n, length] of segments.entries())
      expect(Math.abs(drawn[n]! / 400 - length)).toBeLessThanOrEqual(2);
  });

  it('gives an interval for each of several scores, NaN for one that never exists', () => {
    const found = blockBootstrap({ segments: [9], block: 3, repeats: 20, seed: 1 }, (rows) => [
      rows.length,
      Number.NaN,
    ]);
    expect(found).toEqual([
      { low: 9, high: 9 },
      { low: Number.NaN, high: Number.NaN },
    ]);
    const none = { segments: [0], block: 3, repeats: 2, seed: 1 };
    expect(blockBootstrap(none, mean([]))).toEqual([{ low: Number.NaN, high: Number.NaN }]);
    expect(() => blockBootstrap({ ...none, block: 0 }, mean([]))).toThrow('blocks of 0 rows');
  });
});
