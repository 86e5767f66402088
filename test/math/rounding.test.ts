import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import { roundDecimals } from '../../src/math/rounding.js';

describe('roundDecimals', () => {
  it('equals toFixed, also next to halves and for numbers of any size', () => {
    const random = new HostRandom(3);
    for (let n = 0; n < 20_000; n++) {
      const size = 10 ** (random.integer(20) - 8);
      const half = (random.integer(2000) + 0.5) / 1e6;
      for (const value of [size * random.normal(), half, half * (1 + 2 ** -52), n * 0.01, n / 3])
        expect(Object.is(roundDecimals(value, 6), Number(value.toFixed(6))), `${value}`).toBe(true);
    }
  });

  it('returns NaN and infinities unchanged', () => {
    expect([Number.NaN, Infinity, -Infinity, -0].map((x) => roundDecimals(x, 6))).toEqual([
      Number.NaN,
      Infinity,
      -Infinity,
      0,
    ]);
  });
});
