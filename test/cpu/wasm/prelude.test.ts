/** The functions of the WGSL prelude against float64: over all exponents, and at edge cases. */

import { describe, expect, it } from 'vitest';
import { MAX_VALUES, preludeKernel } from '../helpers/prelude-kernel.js';
import { bitsToFloat, floatBits } from '../helpers/words.js';

const SMALLEST_NORMAL = 2 ** -126;
const LARGEST = 3.4028234663852886e38;
/** The number of floats that are spread over all bit patterns. */
const SPREAD_COUNT = 1 << 20;

const EDGES = [
  ...[0, 1, 0.5, 2, Math.SQRT1_2, Math.SQRT2, Math.E, Math.LN2, Math.PI, 100, LARGEST],
  ...[2 ** -149, 2 ** -130, SMALLEST_NORMAL, Infinity],
  // Where exp, exp2 and tanh become 0, infinity or 1.
  ...[88.72283, 88.722839, 88.73, 87.33654, 87.3365, 103.97, 126, 127, 128, 149, 150, 9.01, 0.1],
].flatMap((x) => [x, -x].flatMap((y) => [-1, 0, 1].map((step) => neighbor(y, step))));

/** The float whose bit pattern is `step` larger, further from 0. */
function neighbor(x: number, step: number): number {
  const y = bitsToFloat(floatBits(x) + step);
  return Number.isNaN(y) ? x : y;
}

/** 2^20 floats at even distances of their bit patterns, with varying low bits. */
function spreadFloats(): Float32Array {
  const bits = Uint32Array.from(
    { length: SPREAD_COUNT },
    (_, n) => 4096 * n + ((n * 2654435761) >>> 20),
  );
  return new Float32Array(bits.buffer);
}

type Name = Parameters<typeof preludeKernel>[0];

/** The results of a function for each x, or for each x and y. */
function compute(name: Name, x: Float32Array, y?: Float32Array): Float32Array {
  const kernel = preludeKernel(name);
  const results = new Float32Array(x.length);
  for (let start = 0; start < x.length; start += MAX_VALUES) {
    const chunk = x.subarray(start, start + MAX_VALUES);
    kernel.x.set(chunk);
    if (y) kernel.y.set(y.subarray(start, start + MAX_VALUES));
    kernel.run(4 * Math.ceil(chunk.length / 4));
    results.set(kernel.result.subarray(0, chunk.length), start);
  }
  return results;
}

/** The distance between adjacent f32 at a number that is not 0. */
function ulp(x: number): number {
  return 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(x)))) - 23);
}

/**
 * The error of a result in ulp; 0 is right if the exact result is below the smallest normal f32.
 */
function error(result: number, exact: number): number {
  if (Number.isNaN(exact)) return Number.isNaN(result) ? 0 : Infinity;
  if (Math.abs(Math.fround(exact)) === Infinity)
    return result === Math.fround(exact) ? 0 : Infinity;
  if (Math.abs(exact) < SMALLEST_NORMAL && result === 0) return 0;
  return Math.abs(result - exact) / (exact === 0 ? 2 ** -149 : ulp(exact));
}

/** The largest error of a function, as a share of the allowed number of ulp. */
function worstShare(
  name: Name,
  x: Float32Array,
  exact: (x: number) => number,
  allowed: (x: number, exact: number) => number,
): number {
  let worst = 0;
  const results = compute(name, x);
  for (let n = 0; n < x.length; n++) {
    const expected = exact(x[n]!);
    const share = error(results[n]!, expected) / allowed(x[n]!, expected);
    // NaN counts as worse.
    if (!(share <= worst)) worst = share;
  }
  return worst;
}

/** Replaces a number below the smallest normal f32 by 0. */
const flushed = (x: number) => (Math.abs(x) < SMALLEST_NORMAL ? 0 : x);
const onFlushed = (f: (x: number) => number) => (x: number) => f(flushed(x));

describe.each([
  ['2^20 floats of all exponents', spreadFloats()],
  ['edge cases', Float32Array.from([...EDGES, Number.NaN])],
])('for %s', (_, x) => {
  it('exp is within 1 ulp', () => {
    expect(worstShare('exp', x, Math.exp, () => 1)).toBeLessThanOrEqual(1);
  });

  it('log is within 1 ulp', () => {
    expect(worstShare('log', x, onFlushed(Math.log), () => 1)).toBeLessThanOrEqual(1);
  });

  it('exp2 is within 1 ulp, where WGSL allows 3 + 2 |x|', () => {
    const exp2 = (v: number) => 2 ** v;
    expect(worstShare('exp2', x, exp2, () => 1)).toBeLessThanOrEqual(1);
  });

  it('log2 is within 3 ulp, or 2^-21 around 1', () => {
    const allowed = (v: number, exact: number) =>
      v >= 0.5 && v <= 2 && exact !== 0 ? Math.min(3, 2 ** -21 / ulp(exact)) : 3;
    expect(worstShare('log2', x, onFlushed(Math.log2), allowed)).toBeLessThanOrEqual(1);
  });

  it('tanh is within 5 ulp, where WGSL allows 1e-5', () => {
    expect(worstShare('tanh', x, Math.tanh, () => 5)).toBeLessThanOrEqual(1);
  });
});

describe('sin and cos', () => {
  const bitsOfPi = floatBits(Math.PI);
  const bits = Uint32Array.from({ length: SPREAD_COUNT / 2 }, (_, n) =>
    Math.floor((n * bitsOfPi) / (SPREAD_COUNT / 2)),
  );
  const positive = new Float32Array(bits.buffer);
  const angles = Float32Array.from([...positive, ...positive.map((x) => -x)]);

  it.each([
    ['sin', Math.sin],
    ['cos', Math.cos],
  ] as const)('%s is within 2^-22 from -pi to pi, where WGSL allows 2^-11', (name, exact) => {
    const errors = compute(name, angles).map((result, n) => Math.abs(result - exact(angles[n]!)));
    expect(errors.reduce((p, q) => Math.max(p, q), 0)).toBeLessThanOrEqual(2 ** -22);
  });

  it.each([
    ['sin', Math.sin],
    ['cos', Math.cos],
  ] as const)('%s is within 2^-18 up to 1000', (name, exact) => {
    const x = Float32Array.from({ length: 1 << 16 }, (_, n) => (n - (1 << 15)) / 32.77);
    const errors = compute(name, x).map((result, n) => Math.abs(result - exact(x[n]!)));
    expect(errors.reduce((p, q) => Math.max(p, q), 0)).toBeLessThanOrEqual(2 ** -18);
  });
});

describe('pow', () => {
  it('is as exact as exp2(y * log2(x)) with the errors that WGSL allows for each', () => {
    const values = Array.from({ length: 512 }, (_, n) => 2 ** ((n - 256) / 4) * (1 + (n % 7) / 8));
    const powers = Array.from({ length: 256 }, (_, n) => (n - 128) / 5.3);
    const pairs = values.flatMap((v) =>
      powers.map((p) => [Math.fround(v), Math.fround(p)] as const),
    );
    const x = Float32Array.from(pairs, ([v]) => v);
    const y = Float32Array.from(pairs, ([, p]) => p);
    const results = compute('pow', x, y);
    const inexact = pairs.filter(([v, p], n) => {
      const exact = v ** p;
      if (exact < SMALLEST_NORMAL || exact > LARGEST) return false;
      const logarithm = Math.log2(v);
      const logError = v >= 0.5 && v <= 2 ? 2 ** -21 : 3 * ulp(logarithm);
      const exponent = Math.abs(p * logarithm);
      const exponentError = Math.abs(p) * logError + ulp(Math.max(exponent, SMALLEST_NORMAL)) / 2;
      const allowed = exact * (2 ** exponentError - 1) + (3 + 2 * exponent) * ulp(exact);
      return !(Math.abs(results[n]! - exact) <= allowed);
    });
    expect(inexact).toEqual([]);
  });

  it.each([
    [2, 10, 1024],
    [2, -3, 0.125],
    [1, 1e30, 1],
    [123, 0, 1],
    [0, 2.5, 0],
    [2, 128, Infinity],
    [2, -150, 0],
    [0.5, 127, 2 ** -127],
    [Infinity, 1, Infinity],
    [Infinity, -1, 0],
  ])('of %f and %f is %f', (x, y, exact) => {
    const [result] = compute('pow', Float32Array.of(x), Float32Array.of(y));
    expect(result).toBe(flushed(exact));
  });
});
