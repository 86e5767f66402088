import { expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import { mean } from '../../src/math/statistics.js';

const draws = (draw: (random: HostRandom) => number) => {
  const random = new HostRandom(7);
  return Float64Array.from({ length: 20_000 }, () => draw(random));
};

it('numbers between two bounds are evenly spread, from the lower bound up', () => {
  const values = draws((random) => random.between(-2, 4));
  expect(Math.min(...values)).toBeGreaterThanOrEqual(-2);
  expect(Math.max(...values)).toBeLessThan(4);
  for (const quarter of [-0.5, 1, 2.5]) {
    const share = values.filter((value) => value < quarter).length / values.length;
    expect(share).toBeCloseTo((quarter + 2) / 6, 1);
  }
});

it('exponential numbers have their mean, and fall below its half as often as they should', () => {
  const values = draws((random) => random.exponential(3));
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  expect(Math.abs(mean(values) - 3)).toBeLessThan(0.1);
  const share = values.filter((value) => value < 1.5).length / values.length;
  expect(share).toBeCloseTo(1 - Math.exp(-0.5), 1);
});

it.each([0.05, 2, 40, 600])('Poisson numbers of mean %d have its mean and variance', (expected) => {
  const values = draws((random) => random.poisson(expected));
  const center = mean(values);
  const variance = mean(values.map((k) => (k - center) ** 2));
  // Four standard errors of the mean and, for these means, of the variance.
  expect(Math.abs(center - expected)).toBeLessThan(4 * Math.sqrt(expected / values.length));
  const spread = Math.sqrt((expected + 2 * expected ** 2) / values.length);
  expect(Math.abs(variance - expected)).toBeLessThan(4 * spread);
});

it('Poisson numbers are 0 for a mean of 0', () => {
  expect(new Set(draws((random) => random.poisson(0)))).toEqual(new Set([0]));
});
