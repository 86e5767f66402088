import { describe, expect, it } from 'vitest';
import { Scale } from '../../src/recording/scales.js';

describe('a scale', () => {
  it('brings samples to a mean of 0 and a deviation of 1, and back', () => {
    const scale = Scale.of([2, 4, 6, 8]);
    expect(scale.encode(5)).toEqual([0]);
    expect(scale.encode(5 + Math.sqrt(5))[0]).toBeCloseTo(1, 12);
    for (const value of [-3, 0, 7.25]) expect(scale.decode(scale.encode(value))).toBeCloseTo(value);
  });

  it('of what never changes leaves its size', () => {
    expect(Scale.of([3, 3]).encode(4)).toEqual([1]);
  });

  it.each([2 * Math.PI, 360])('of an angle, a turn being %d, knows no edge', (period) => {
    const scale = Scale.of(
      [0.1, 0.3, 0.9].map((turn) => turn * period),
      period,
    );
    expect(scale.encode(0)).toHaveLength(2);
    for (const turn of [0, 0.2, 0.5, 0.999])
      expect(scale.decode(scale.encode(turn * period))).toBeCloseTo(turn * period, 6);
    // A full turn and a little is the little.
    expect(scale.decode(scale.encode(1.25 * period))).toBeCloseTo(0.25 * period, 6);
    const [near, far] = [scale.encode(0.001 * period), scale.encode(0.999 * period)];
    expect(Math.hypot(near[0]! - far[0]!, near[1]! - far[1]!)).toBeLessThan(0.05);
  });

  it('is stored and comes back the same', () => {
    const scale = Scale.of([1, 2, 5], 7);
    const again = new Scale(JSON.parse(JSON.stringify(scale)));
    expect(again.encode(3)).toEqual(scale.encode(3));
    expect(again.period).toBe(7);
  });

  it('that does nothing gives numbers as they are', () => {
    expect(Scale.identity().encode(4.5)).toEqual([4.5]);
    expect(Scale.identity(4).encode(1)[1]).toBeCloseTo(1);
  });
});
