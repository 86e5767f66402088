import { describe, expect, it } from 'vitest';
import {
  angleFromCosineSine,
  cosineAndSine,
  meanDirection,
  wrapToHalfTurn,
  wrapToTurn,
} from '../../src/math/angles.js';
import { resample } from '../../src/recording/sampling.js';

describe('angles', () => {
  it('are recovered from a cosine and a sine of any common length, within one turn', () => {
    for (const angle of [0, 1e-20, 45, 180, 270, 359.999]) {
      const [x, y] = cosineAndSine(angle, 360);
      expect(angleFromCosineSine(3 * x, 3 * y, 360)).toBeCloseTo(angle, 9);
    }
    const full = 2 * Math.PI;
    expect(angleFromCosineSine(1, -1e-20, full)).toBeLessThan(full);
    expect(angleFromCosineSine(...cosineAndSine(-90, 360), 360)).toBeCloseTo(270, 9);
  });

  it('are wrapped into one turn from 0, or into half a turn around 0', () => {
    expect([-370, -1e-20, 0, 360, 725].map((angle) => wrapToTurn(angle, 360))).toEqual([
      350, 0, 0, 0, 5,
    ]);
    expect([190, 180, -190].map((angle) => wrapToHalfTurn(angle, 360))).toEqual([-170, -180, 170]);
  });

  it('have a mean direction unless they cancel', () => {
    expect(meanDirection([350, 20], 360)).toBeCloseTo(5, 9);
    expect(meanDirection([350, 20], 360, [1, 0])).toBeCloseTo(350, 9);
    expect(meanDirection([0, 120, 240], 360)).toBeNaN();
    expect(meanDirection([], 360)).toBeNaN();
  });

  it('are represented by the first of them where those of one time step cancel', () => {
    const series = { values: [90, 270, 10, 30], dt: 0.1, period: 360 };
    const { values } = resample(series, 0.2, 0.4);
    expect(values[0]).toBe(90);
    expect(values[1]).toBeCloseTo(20, 9);
  });
});
