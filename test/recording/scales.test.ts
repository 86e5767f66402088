import { describe, expect, it } from 'vitest';
import { Scale } from '../../src/recording/scales.js';

describe('a scale', () => {
  it('gives samples mean 0 and standard deviation 1, and inverts that', () => {
    const scale = Scale.of([2, 4, 6, 8]);
    expect(scale.encode(5)).toEqual([0]);
    expect(scale.encode(5 + Math.sqrt(5))[0]).toBeCloseTo(1, 12);
    for (const value of [-3, 0, 7.25]) expect(scale.decode(scale.encode(value))).toBeCloseTo(value);
  });

  it('does not rescale a variable that is constant', () => {
    expect(Scale.of([3, 3]).encode(4)).toEqual([1]);
  });

  it.each([2 * Math.PI, 360])(
    'of an angle with a full turn of %d is continuous across the end of the turn',
    (period) => {
      const scale = Scale.of(
        [0.1, 0.3, 0.9].map((turn) => turn * period),
        period,
      );
      expect(scale.encode(0)).toHaveLength(2);
      for (const turn of [0, 0.2, 0.5, 0.999])
        expect(scale.decode(scale.encode(turn * period))).toBeCloseTo(turn * period, 6);
      // Angles beyond a full turn wrap around.
      expect(scale.decode(scale.encode(1.25 * period))).toBeCloseTo(0.25 * period, 6);
      const [near, far] = [scale.encode(0.001 * period), scale.encode(0.999 * period)];
      expect(Math.hypot(near[0]! - far[0]!, near[1]! - far[1]!)).toBeLessThan(0.05);
    },
  );

  it('survives a round trip through JSON', () => {
    const scale = Scale.of([1, 2, 5], 7);
    const restored = new Scale(JSON.parse(JSON.stringify(scale)));
    expect(restored.encode(3)).toEqual(scale.encode(3));
    expect(restored.period).toBe(7);
  });

  it('leaves numbers unchanged if it is the identity', () => {
    expect(Scale.identity().encode(4.5)).toEqual([4.5]);
    expect(Scale.identity(4).encode(1)[1]).toBeCloseTo(1);
  });
});
