import { describe, expect, it } from 'vitest';
import {
  auroc,
  correlation,
  largestBy,
  logSumExp,
  mean,
  median,
  ranks,
} from '../../src/math/statistics.js';

describe('statistics', () => {
  it('find the first item with the largest value, and none of none', () => {
    const items = [{ v: 1 }, { v: 3 }, { v: 3 }, { v: 2 }];
    expect(largestBy(items, ({ v }) => v)).toBe(items[1]);
    expect(largestBy([], () => 1)).toBeUndefined();
  });

  it('have the mean of the middle two as the median of an even count', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1])).toBe(2.5);
    expect(median([])).toBeNaN();
    expect(mean([4, 1])).toBe(2.5);
  });

  it('give equal values the mean of their ranks', () => {
    expect([...ranks([3, 1, 3, 2])]).toEqual([3.5, 1, 3.5, 2]);
    expect(auroc([0.1, 0.4, 0.4, 0.9], [0, 0, 1, 1])).toBe(0.875);
    expect(auroc([1, 2], [0, 0])).toBeNaN();
  });

  it('have a logarithm of a sum of exponentials that do not fit into a number', () => {
    expect(logSumExp([Math.log(2), Math.log(3)])).toBeCloseTo(Math.log(5), 12);
    expect(logSumExp([1000, 1000])).toBeCloseTo(1000 + Math.log(2), 9);
    expect(logSumExp([-2000])).toBe(-2000);
  });

  it('have no correlation with a constant', () => {
    expect(correlation([1, 2, 3], [2, 4, 6])).toBeCloseTo(1, 12);
    expect(correlation([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 12);
    expect(correlation([1, 2, 3], [5, 5, 5])).toBeNaN();
  });
});
