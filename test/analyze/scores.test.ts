import { describe, expect, it } from 'vitest';
import { scoreCircular, scoreClasses, scoreRegression } from '../../src/analyze/scores.js';
import { HostRandom } from '../../src/math/random.js';

describe('scores of a number', () => {
  it('are as computed by hand', () => {
    const scores = scoreRegression([1, 2, 3, 4], [1, 3, 3, 5]);
    expect(scores.r).toBeCloseTo(6 / Math.sqrt(5 * 8), 12);
    expect(scores.r2).toBeCloseTo(1 - 2 / 5, 12);
    expect(scores.rmse).toBeCloseTo(Math.sqrt(0.5), 12);
    expect(scores.median).toBe(0.5);
    // One bad moment does not move it.
    expect(scoreRegression([1, 2, 3], [1.5, 102, 2.5]).median).toBe(0.5);
  });

  it('ignore a wrong scale in r only', () => {
    const scores = scoreRegression([1, 2, 3], [11, 21, 31]);
    expect(scores.r).toBeCloseTo(1, 12);
    expect(scores.r2).toBeLessThan(-100);
  });

  it('do not exist where the truth rests, for all that noise says', () => {
    const truth = [0, 1e-9, 0, -1e-9];
    const predicted = [1, 2, 1, 2];
    expect(scoreRegression(truth, predicted).r2).toBeLessThan(-1e17);
    const { r, r2, rmse } = scoreRegression(truth, predicted, 1e-3);
    expect([r, r2]).toEqual([Number.NaN, Number.NaN]);
    expect(rmse).toBeCloseTo(Math.sqrt(2.5));
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
      median: Number.NaN,
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
