import { describe, expect, it } from 'vitest';
import type { FeatureMatrix } from '../../src/analyze/feature-matrix.js';
import { SlowFeatures } from '../../src/analyze/slow-features.js';
import { HostRandom } from '../../src/math/random.js';
import { correlation } from '../../src/math/statistics.js';

const LAG = 10;
const ROWS = 4000;
/** Correlation of hidden series from a row to the next; the last has no memory. */
const MEMORIES = [0.99, 0.9, 0];

/** Hidden series of variance 1 that remember for different times: [series][rows]. */
function hiddenSeries(seed: number): number[][] {
  const random = new HostRandom(seed);
  return MEMORIES.map((memory) => {
    let value = random.normal();
    return Array.from({ length: ROWS }, () => {
      value = memory * value + Math.sqrt(1 - memory ** 2) * random.normal();
      return value;
    });
  });
}

/** Mixtures of the series; the series without memory is loudest. A last column is constant. */
function mixtures(series: readonly (readonly number[])[]): FeatureMatrix {
  const weights = [
    [0.3, 0.5, 4],
    [-0.2, 0.9, -3],
    [0.4, -0.3, 2],
    [0, 0, 0],
  ];
  const columns = weights.length;
  const values = Float64Array.from({ length: ROWS * columns }, (_, n) => {
    const mixed = weights[n % columns]!.map((w, k) => w * series[k]![Math.floor(n / columns)]!);
    return 7 + mixed.reduce((a, b) => a + b);
  });
  return { rows: ROWS, columns, values };
}

const pairs = Array.from({ length: ROWS - LAG }, (_, n): [number, number] => [n, n + LAG]);
const column = ({ rows, columns, values }: FeatureMatrix, k: number) =>
  Array.from({ length: rows }, (_, row) => values[row * columns + k]!);

describe('slow features', () => {
  const series = hiddenSeries(1);
  const fitted = new SlowFeatures(mixtures(series), pairs, 8);

  it('are the hidden series, from the slowest on, in other recordings too', () => {
    const others = hiddenSeries(2);
    const features = fitted.project(mixtures(others));
    expect(features.columns).toBe(3);
    for (const [k, truth] of others.entries())
      expect(Math.abs(correlation(column(features, k), truth))).toBeGreaterThan(0.99);
  });

  it('have spread 1, and persist as long as the series do', () => {
    const features = fitted.project(mixtures(series));
    for (const [k, memory] of MEMORIES.entries()) {
      const values = column(features, k);
      const power = values.reduce((sum, value) => sum + value ** 2, 0) / ROWS;
      expect(power).toBeCloseTo(1, 6);
      expect(Math.abs(fitted.persistence[k]! - memory ** LAG)).toBeLessThan(0.1);
      const later = correlation(values.slice(0, -LAG), values.slice(LAG));
      expect(fitted.persistence[k]).toBeCloseTo(later, 2);
    }
  });

  it('are those of fewer principal components where fewer are asked for', () => {
    const few = new SlowFeatures(mixtures(series), pairs, 1);
    expect(few.persistence.length).toBe(1);
    // The first component is mostly the loud series, which has no memory.
    expect(few.persistence[0]!).toBeLessThan(0.1);
  });

  it('are none where nothing varies', () => {
    const constant = { rows: 5, columns: 2, values: new Float64Array(10).fill(3) };
    const { persistence } = new SlowFeatures(constant, [[0, 1]], 2);
    expect(persistence.length).toBe(0);
  });
});
