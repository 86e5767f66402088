/** The functions that are written in WGSL themselves, against float64: over all exponents, and at the edges. */

import { describe, expect, it } from 'vitest';
import { MAX_VALUES, preludeKernel } from '../helpers/prelude-kernel.js';
import { bitsToFloat, floatBits } from '../helpers/words.js';

const SMALLEST_NORMAL = 2 ** -126;
const LARGEST = 3.4028234663852886e38;
/** Values that are spread over all bit patterns. */
const SPREAD = 1 << 20;

const EDGES = [
  ...[0, 1, 0.5, 2, Math.SQRT1_2, Math.SQRT2, Math.E, Math.LN2, Math.PI, 100, LARGEST],
  ...[2 ** -149, 2 ** -130, SMALLEST_NORMAL, Infinity],
  // Where exp, exp2 and tanh become 0, infinite, or 1.
  ...[88.72283, 88.722839, 88.73, 87.33654, 87.3365, 103.97, 126, 127, 128, 149, 150, 9.01, 0.1],
].flatMap((x) => [x, -x].flatMap((y) => [-1, 0, 1].map((step) => neighbor(y, step))));

/** The float that lies `step` bit patterns further from 0. */
function neighbor(x: number, step: number): number {
  const y = bitsToFloat(floatBits(x) + step);
  return Number.isNaN(y) ? x : y;
}

/** 2^20 floats in the order of their bits, whose low bits vary. */
function spread(): Float32Array {
  const bits = Uint32Array.from({ length: SPREAD }, (_, n) => 4096 * n + ((n * 2654435761) >>> 20));
  return new Float32Array(bits.buffer);
}

type Name = Parameters<typeof preludeKernel>[0];

/** The function's results for all of `x`. */
function results(name: Name, x: Float32Array, y?: Float32Array): Float32Array {
  const kernel = preludeKernel(name);
  const all = new Float32Array(x.length);
  for (let from = 0; from < x.length; from += MAX_VALUES) {
    const some = x.subarray(from, from + MAX_VALUES);
    kernel.x.set(some);
    if (y) kernel.y.set(y.subarray(from, from + MAX_VALUES));
    kernel.run(4 * Math.ceil(some.length / 4));
    all.set(kernel.result.subarray(0, some.length), from);
  }
  return all;
}

/** The distance between neighboring f32 at a number that is not 0. */
function ulp(x: number): number {
  return 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(x)))) - 23);
}

/** How many ulp a result is from the exact one; what is below the smallest normal number counts as 0. */
function error(result: number, exact: number): number {
  if (Number.isNaN(exact)) return Number.isNaN(result) ? 0 : Infinity;
  if (Math.abs(Math.fround(exact)) === Infinity)
    return result === Math.fround(exact) ? 0 : Infinity;
  if (Math.abs(exact) < SMALLEST_NORMAL && result === 0) return 0;
  return Math.abs(result - exact) / (exact === 0 ? 2 ** -149 : ulp(exact));
}

/** What is furthest from the exact value, in shares of what is allowed there. */
function worst(
  name: Name,
  x: Float32Array,
  exact: (x: number) => number,
  allowed: (x: number, exact: number) => number,
): { share: number; x: number } {
  const found = { share: 0, x: 0 };
  const got = results(name, x);
  for (let n = 0; n < x.length; n++) {
    const wanted = exact(x[n]!);
    const share = error(got[n]!, wanted) / allowed(x[n]!, wanted);
    if (!(share <= found.share)) Object.assign(found, { share, x: x[n]! });
  }
  return found;
}

/** A number below the smallest normal one counts as 0. */
const flushed = (x: number) => (Math.abs(x) < SMALLEST_NORMAL ? 0 : x);
const within = (f: (x: number) => number) => (x: number) => f(flushed(x));

describe.each([
  ['2^20 floats over all exponents', spread()],
  ['the edges', Float32Array.from([...EDGES, Number.NaN])],
])('over %s', (_, x) => {
  it('exp is within 1 ulp', () => {
    expect(worst('exp', x, Math.exp, () => 1).share).toBeLessThanOrEqual(1);
  });

  it('log is within 1 ulp', () => {
    expect(worst('log', x, within(Math.log), () => 1).share).toBeLessThanOrEqual(1);
  });

  it('exp2 is within 1 ulp, where WGSL asks for 3 + 2 |x|', () => {
    expect(
      worst(
        'exp2',
        x,
        (v) => 2 ** v,
        () => 1,
      ).share,
    ).toBeLessThanOrEqual(1);
  });

  it('log2 is within 3 ulp, and 2^-21 around 1', () => {
    const allowed = (v: number, exact: number) =>
      v >= 0.5 && v <= 2 && exact !== 0 ? Math.min(3, 2 ** -21 / ulp(exact)) : 3;
    expect(worst('log2', x, within(Math.log2), allowed).share).toBeLessThanOrEqual(1);
  });

  it('tanh is within 5 ulp, where WGSL asks for 1e-5', () => {
    expect(worst('tanh', x, Math.tanh, () => 5).share).toBeLessThanOrEqual(1);
  });
});

describe('sin and cos', () => {
  const most = floatBits(Math.PI);
  const upward = Uint32Array.from({ length: SPREAD / 2 }, (_, n) =>
    Math.floor((n * most) / (SPREAD / 2)),
  );
  const positive = new Float32Array(upward.buffer);
  const angles = Float32Array.from([...positive, ...positive.map((x) => -x)]);

  it.each([
    ['sin', Math.sin],
    ['cos', Math.cos],
  ] as const)('%s is within 2^-22 from -pi to pi, where WGSL asks for 2^-11', (name, exact) => {
    const far = results(name, angles).map((result, n) => Math.abs(result - exact(angles[n]!)));
    expect(far.reduce((p, q) => Math.max(p, q), 0)).toBeLessThanOrEqual(2 ** -22);
  });

  it.each([
    ['sin', Math.sin],
    ['cos', Math.cos],
  ] as const)('%s keeps to 2^-18 up to 1000', (name, exact) => {
    const x = Float32Array.from({ length: 1 << 16 }, (_, n) => (n - (1 << 15)) / 32.77);
    const far = results(name, x).map((result, n) => Math.abs(result - exact(x[n]!)));
    expect(far.reduce((p, q) => Math.max(p, q), 0)).toBeLessThanOrEqual(2 ** -18);
  });
});

describe('pow', () => {
  it('is as exact as exp2(y * log2(x)) with what WGSL allows each', () => {
    const values = Array.from({ length: 512 }, (_, n) => 2 ** ((n - 256) / 4) * (1 + (n % 7) / 8));
    const powers = Array.from({ length: 256 }, (_, n) => (n - 128) / 5.3);
    const pairs = values.flatMap((v) =>
      powers.map((p) => [Math.fround(v), Math.fround(p)] as const),
    );
    const x = Float32Array.from(pairs, ([v]) => v);
    const y = Float32Array.from(pairs, ([, p]) => p);
    const got = results('pow', x, y);
    const tooFar = pairs.filter(([v, p], n) => {
      const exact = v ** p;
      if (exact < SMALLEST_NORMAL || exact > LARGEST) return false;
      const logarithm = Math.log2(v);
      const inLog = v >= 0.5 && v <= 2 ? 2 ** -21 : 3 * ulp(logarithm);
      const exponent = Math.abs(p * logarithm);
      const inProduct = Math.abs(p) * inLog + ulp(Math.max(exponent, SMALLEST_NORMAL)) / 2;
      const allowed = exact * (2 ** inProduct - 1) + (3 + 2 * exponent) * ulp(exact);
      return !(Math.abs(got[n]! - exact) <= allowed);
    });
    expect(tooFar).toEqual([]);
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
  ])('%f to the power of %f', (x, y, exact) => {
    const [result] = results('pow', Float32Array.of(x), Float32Array.of(y));
    expect(result).toBe(flushed(exact));
  });
});
