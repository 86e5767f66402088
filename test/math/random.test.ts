import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';

describe('Poisson numbers', () => {
  it.each([0.05, 2, 40, 600])('of mean %d have its mean and variance', (expected) => {
    const random = new HostRandom(3);
    const draws = Array.from({ length: 20_000 }, () => random.poisson(expected));
    const mean = draws.reduce((sum, k) => sum + k, 0) / draws.length;
    const variance = draws.reduce((sum, k) => sum + (k - mean) ** 2, 0) / draws.length;
    // Four standard errors of the mean and, for these means, of the variance.
    expect(Math.abs(mean - expected)).toBeLessThan(4 * Math.sqrt(expected / draws.length));
    const spread = Math.sqrt((expected + 2 * expected ** 2) / draws.length);
    expect(Math.abs(variance - expected)).toBeLessThan(4 * spread);
  });

  it('are 0 for a mean of 0', () => {
    const random = new HostRandom(1);
    expect(Array.from({ length: 100 }, () => random.poisson(0))).toEqual(Array(100).fill(0));
  });
});
