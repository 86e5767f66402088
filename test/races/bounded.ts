/**
 * Rounding bounds: real numbers that carry how far an f32 computation of them may be off.
 *
 * Every function returns the exact result of its arguments' values, computed in f64, and adds to
 * their errors what WGSL lets the operation add: half a unit in the last place for +, - and * (both
 * devices round to nearest), 2.5 units for a quotient, 2 for inverseSqrt, 3 + 2 |x| for exp, 3
 * (2^-21 near 1) for log. Sums are bounded in any order, so a kernel may add its terms as it likes,
 * and fuse a product into an addition. WGSL leaves exp(0) open; it is taken to be 1.
 */

import { erfc } from '../../src/reference/activations.js';

/** A real number and the most an f32 computation of it may be off. */
export interface Bounded {
  readonly value: number;
  readonly error: number;
}

/**
 * The last place, relative. A thousandth more covers the products of errors, which no formula below
 * holds.
 */
const ULP = 1.001 * 2 ** -23;
const HALF = ULP / 2;
/** Smaller results may be flushed to zero. */
const SMALLEST = 2 ** -126;
/** The largest finite f32: what is past it may become anything. */
const LARGEST = 3.4028235e38;

/** An f32 as it stands in a buffer. */
export function exact(value: number): Bounded {
  return { value, error: 0 };
}

/** A decimal constant of a shader, rounded to f32. */
function constant(value: number): Bounded {
  return { value, error: HALF * Math.abs(value) };
}

const ZERO = exact(0);
const ONE = exact(1);

function rounded(value: number, error: number, relative: number): Bounded {
  return { value, error: error + relative * (Math.abs(value) + error) + SMALLEST };
}

export function add(a: Bounded, b: Bounded): Bounded {
  if (isZero(a)) return b;
  if (isZero(b)) return a;
  return rounded(a.value + b.value, a.error + b.error, HALF);
}

export function subtract(a: Bounded, b: Bounded): Bounded {
  return add(a, negate(b));
}

export function negate({ value, error }: Bounded): Bounded {
  return { value: -value, error };
}

/** A product; with 0 or 1 as they are written, without an error of its own. */
export function multiply(a: Bounded, b: Bounded): Bounded {
  if (isZero(a) || isZero(b)) return ZERO;
  if (isOne(a)) return b;
  if (isOne(b)) return a;
  const error = Math.abs(a.value) * b.error + Math.abs(b.value) * a.error + a.error * b.error;
  return rounded(a.value * b.value, error, HALF);
}

export function divide(a: Bounded, b: Bounded): Bounded {
  if (isZero(a)) return ZERO;
  const value = a.value / b.value;
  // A divisor that may be zero bounds nothing, unless it is so large that the quotient is next to
  // nothing.
  if (b.value > LARGEST) return { value, error: Math.abs(value) + SMALLEST };
  const error = (a.error + Math.abs(value) * b.error) / (Math.abs(b.value) - b.error);
  return rounded(value, Math.abs(b.value) > b.error ? error : Number.POSITIVE_INFINITY, 2.5 * ULP);
}

export function inverseSqrt(a: Bounded): Bounded {
  const value = 1 / Math.sqrt(a.value);
  return rounded(value, 1 / Math.sqrt(a.value - a.error) - value, 2 * ULP);
}

/** WGSL makes it of inverseSqrt and a quotient. */
export function squareRoot(a: Bounded): Bounded {
  const value = Math.sqrt(a.value);
  if (a.value === 0 && a.error === 0) return ZERO;
  const error = a.error / (value + Math.sqrt(Math.max(0, a.value - a.error)));
  return rounded(value, error, 4.5 * ULP);
}

export function exponential(a: Bounded): Bounded {
  if (a.value === 0 && a.error === 0) return ONE;
  const value = Math.exp(a.value);
  return rounded(value, value * Math.expm1(a.error), (3 + 2 * Math.abs(a.value)) * ULP);
}

export function logarithm(a: Bounded): Bounded {
  const value = Math.log(a.value);
  const own = a.value >= 0.5 && a.value <= 2 ? 2 ** -21 : 3 * ULP * Math.abs(value);
  return { value, error: a.error / (a.value - a.error) + own };
}

export function absolute({ value, error }: Bounded): Bounded {
  return { value: Math.abs(value), error };
}

/** The larger of two: both may be the larger one where they are closer than their errors. */
export function larger(a: Bounded, b: Bounded): Bounded {
  const value = Math.max(a.value, b.value);
  return { value, error: Math.max(a.error, b.error) };
}

export function sigmoid(v: Bounded): Bounded {
  return divide(ONE, add(ONE, exponential(negate(v))));
}

/** By exp(-2 |v|), or below 0.1 by a series of three terms, whose next one is 17/315 v^7. */
export function hyperbolicTangent(v: Bounded): Bounded {
  const value = Math.tanh(v.value);
  const magnitude = absolute(v);
  const e = exponential(multiply(exact(-2), magnitude));
  const byQuotient = divide(subtract(ONE, e), add(ONE, e)).error;
  const square = multiply(v, v);
  const inner = subtract(constant(1 / 3), multiply(square, constant(2 / 15)));
  const series = multiply(v, subtract(ONE, multiply(square, inner)));
  const bySeries = series.error + (17 / 315) * magnitude.value ** 7;
  if (magnitude.value + v.error < 0.1) return { value, error: bySeries };
  if (magnitude.value - v.error >= 0.1) return { value, error: byQuotient };
  return { value, error: Math.max(bySeries, byQuotient) };
}

/** The Chebyshev fit that the kernels take for erfc; its relative error is below 1.2e-7. */
const FIT = [
  0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196,
  1.00002368, -1.26551223,
].map(constant);
const FIT_ERROR = 1.2e-7;

/** The cumulative normal: its value from erfc, its error from the steps of the kernels' fit. */
export function normalCdf(x: Bounded): Bounded {
  const z = multiply(absolute(x), constant(Math.SQRT1_2));
  const t = divide(ONE, add(ONE, multiply(exact(0.5), z)));
  const polynomial = FIT.reduce((sum, c) => add(c, multiply(t, sum)));
  const power = exponential(subtract(polynomial, multiply(z, z)));
  const tail = multiply(multiply(exact(0.5), t), power);
  const fit = FIT_ERROR * tail.value;
  // 1 - tail rounds once more.
  const error = tail.error + fit + (x.value + x.error > 0 ? HALF : 0);
  return { value: 0.5 * erfc(-x.value / Math.SQRT2), error };
}

export function geluGradient(x: Bounded): Bounded {
  const power = exponential(multiply(multiply(exact(-0.5), x), x));
  const density = multiply(constant(1 / Math.sqrt(2 * Math.PI)), power);
  return add(normalCdf(x), multiply(x, density));
}

/** A sum of many terms, bounded in whatever order they are added. */
export class Sum {
  #value = 0;
  #error = 0;
  #magnitude = 0;
  #terms = 0;

  add({ value, error }: Bounded): this {
    this.#value += value;
    this.#error += error;
    this.#magnitude += Math.abs(value) + error;
    this.#terms += 1;
    return this;
  }

  /** Adds the product of two f32 as they stand in buffers. */
  addProduct(a: number, b: number): this {
    const product = a * b;
    this.#value += product;
    this.#magnitude += Math.abs(product);
    this.#error += HALF * Math.abs(product) + SMALLEST;
    this.#terms += 1;
    return this;
  }

  get terms(): number {
    return this.#terms;
  }

  /** @param roundings of every term, beside those of the additions. */
  total(roundings = 0): Bounded {
    if (this.#terms === 0) return ZERO;
    const steps = this.#terms - 1 + roundings;
    return { value: this.#value, error: this.#error + steps * HALF * this.#magnitude };
  }
}

export function sumBounded(terms: Iterable<Bounded>): Bounded {
  const sum = new Sum();
  for (const term of terms) sum.add(term);
  return sum.total();
}

/** With a relative error on top, in units of the last place. */
export function loosened({ value, error }: Bounded, units: number): Bounded {
  return { value, error: error + units * ULP * (Math.abs(value) + error) };
}

function isZero({ value, error }: Bounded): boolean {
  return value === 0 && error === 0;
}

function isOne({ value, error }: Bounded): boolean {
  return value === 1 && error === 0;
}
