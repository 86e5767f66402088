import { describe, expect, it } from 'vitest';
import {
  angleFromCosineSine,
  cosineAndSine,
  meanDirection,
  modulo,
  wrapped,
} from '../../src/math/angles.js';
import { regular } from '../../src/recording/sampling.js';

describe('angles', () => {
  it('come back from cosine and sine, whatever the length, within one turn', () => {
    for (const angle of [0, 1e-20, 45, 180, 270, 359.999]) {
      const [x, y] = cosineAndSine(angle, 360);
      expect(angleFromCosineSine(3 * x, 3 * y, 360)).toBeCloseTo(angle, 9);
    }
    const full = 2 * Math.PI;
    expect(angleFromCosineSine(1, -1e-20, full)).toBeLessThan(full);
    expect(angleFromCosineSine(...cosineAndSine(-90, 360), 360)).toBeCloseTo(270, 9);
  });

  it('have one name within a turn, or within half a turn of 0', () => {
    expect([-370, -1e-20, 0, 360, 725].map((angle) => modulo(angle, 360))).toEqual([
      350, 0, 0, 0, 5,
    ]);
    expect([190, 180, -190].map((angle) => wrapped(angle, 360))).toEqual([-170, -180, 170]);
  });

  it('have a mean direction unless they cancel', () => {
    expect(meanDirection([350, 20], 360)).toBeCloseTo(5, 9);
    expect(meanDirection([350, 20], 360, [1, 0])).toBeCloseTo(350, 9);
    expect(meanDirection([0, 120, 240], 360)).toBeNaN();
    expect(meanDirection([], 360)).toBeNaN();
  });

  it('that cancel within a step are stood for by the first of them', () => {
    const series = { values: [90, 270, 10, 30], dt: 0.1, period: 360 };
    const { values } = regular(series, 0.2, 0.4);
    expect(values[0]).toBe(90);
    expect(values[1]).toBeCloseTo(20, 9);
  });
});
