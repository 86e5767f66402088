/**
 * Rounding bounds: real numbers that carry the largest error of their f32 computation.
 *
 * Every function computes the exact result for the values of its arguments in f64. To their errors
 * it adds the error that WGSL allows the operation: half a unit in the last place (ulp) for +, -
 * and * (both devices round to nearest), 2.5 ulp for a quotient, 2 for inverseSqrt, 3 + 2 |x| for
 * exp, and 3 for log (2^-21 near 1). The bound of a sum holds for any order of its terms, and also
 * where a kernel fuses a product into an addition. WGSL does not specify exp(0) exactly; it is
 * taken to be 1.
 */

import { erfc } from '../../src/math/distributions.js';

/** A real number and the largest error that its f32 computation may have. */
export interface Bounded {
  readonly value: number;
  readonly error: number;
}

/**
 * A unit in the last place, relative to the number. The extra thousandth covers products of errors,
 * which the formulas below leave out.
 */
const ULP = 1.001 * 2 ** -23;
const HALF_ULP = ULP / 2;
/** The smallest normal f32: smaller results may be flushed to zero. */
const MIN_NORMAL = 2 ** -126;
/** The largest finite f32: WGSL does not say what a larger result becomes. */
const MAX_F32 = 3.4028235e38;

/** An f32 that has no error, such as a word of a buffer. */
export function exact(value: number): Bounded {
  return { value, error: 0 };
}

/** A decimal constant in a shader, which is rounded to f32. */
function constant(value: number): Bounded {
  return { value, error: HALF_ULP * Math.abs(value) };
}

const ZERO = exact(0);
const ONE = exact(1);

function rounded(value: number, error: number, relative: number): Bounded {
  return { value, error: error + relative * (Math.abs(value) + error) + MIN_NORMAL };
}

/** a + b; adding an exact zero adds no error. */
export function add(a: Bounded, b: Bounded): Bounded {
  if (isZero(a)) return b;
  if (isZero(b)) return a;
  return rounded(a.value + b.value, a.error + b.error, HALF_ULP);
}

/** a - b. */
export function subtract(a: Bounded, b: Bounded): Bounded {
  return add(a, negate(b));
}

/** -a, which f32 computes exactly. */
export function negate({ value, error }: Bounded): Bounded {
  return { value: -value, error };
}

/** a b; a product with an exact 0 or 1 adds no error. */
export function multiply(a: Bounded, b: Bounded): Bounded {
  if (isZero(a) || isZero(b)) return ZERO;
  if (isOne(a)) return b;
  if (isOne(b)) return a;
  const error = Math.abs(a.value) * b.error + Math.abs(b.value) * a.error + a.error * b.error;
  return rounded(a.value * b.value, error, HALF_ULP);
}

/** a / b; the error is infinite where b may be zero. */
export function divide(a: Bounded, b: Bounded): Bounded {
  if (isZero(a)) return ZERO;
  const value = a.value / b.value;
  // A divisor that overflows f32 makes the quotient zero or nearly so.
  if (b.value > MAX_F32) return { value, error: Math.abs(value) + MIN_NORMAL };
  const error = (a.error + Math.abs(value) * b.error) / (Math.abs(b.value) - b.error);
  return rounded(value, Math.abs(b.value) > b.error ? error : Number.POSITIVE_INFINITY, 2.5 * ULP);
}

/** 1 / sqrt(a). */
export function inverseSqrt(a: Bounded): Bounded {
  const value = 1 / Math.sqrt(a.value);
  return rounded(value, 1 / Math.sqrt(a.value - a.error) - value, 2 * ULP);
}

/** sqrt(a), which WGSL lets a device compute as 1 / inverseSqrt(a). */
export function squareRoot(a: Bounded): Bounded {
  const value = Math.sqrt(a.value);
  if (a.value === 0 && a.error === 0) return ZERO;
  const error = a.error / (value + Math.sqrt(Math.max(0, a.value - a.error)));
  return rounded(value, error, 4.5 * ULP);
}

/** exp(a). */
export function exponential(a: Bounded): Bounded {
  if (a.value === 0 && a.error === 0) return ONE;
  const value = Math.exp(a.value);
  return rounded(value, value * Math.expm1(a.error), (3 + 2 * Math.abs(a.value)) * ULP);
}

/** log(a). */
export function logarithm(a: Bounded): Bounded {
  const value = Math.log(a.value);
  const logError = a.value >= 0.5 && a.value <= 2 ? 2 ** -21 : 3 * ULP * Math.abs(value);
  return { value, error: a.error / (a.value - a.error) + logError };
}

/** |a|. */
export function absolute({ value, error }: Bounded): Bounded {
  return { value: Math.abs(value), error };
}

/** max(a, b): where the two are closer than their errors, f32 may take either. */
export function maximum(a: Bounded, b: Bounded): Bounded {
  const value = Math.max(a.value, b.value);
  return { value, error: Math.max(a.error, b.error) };
}

/** 1 / (1 + exp(-v)). */
export function sigmoid(v: Bounded): Bounded {
  return divide(ONE, add(ONE, exponential(negate(v))));
}

/**
 * tanh(v) as the kernels compute it: from exp(-2 |v|), or below 0.1 from a series of three terms.
 * The first term left out is 17/315 v^7.
 */
export function hyperbolicTangent(v: Bounded): Bounded {
  const value = Math.tanh(v.value);
  const magnitude = absolute(v);
  const e = exponential(multiply(exact(-2), magnitude));
  const quotientError = divide(subtract(ONE, e), add(ONE, e)).error;
  const square = multiply(v, v);
  const inner = subtract(constant(1 / 3), multiply(square, constant(2 / 15)));
  const series = multiply(v, subtract(ONE, multiply(square, inner)));
  const seriesError = series.error + (17 / 315) * magnitude.value ** 7;
  if (magnitude.value + v.error < 0.1) return { value, error: seriesError };
  if (magnitude.value - v.error >= 0.1) return { value, error: quotientError };
  return { value, error: Math.max(seriesError, quotientError) };
}

/** The Chebyshev fit of erfc that the kernels use; its relative error is below 1.2e-7. */
const ERFC_FIT = [
  0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196,
  1.00002368, -1.26551223,
].map(constant);
const ERFC_FIT_ERROR = 1.2e-7;

/** The normal CDF: its value comes from erfc, its error from the steps of the kernels' fit. */
export function normalCdf(x: Bounded): Bounded {
  const z = multiply(absolute(x), constant(Math.SQRT1_2));
  const t = divide(ONE, add(ONE, multiply(exact(0.5), z)));
  const polynomial = ERFC_FIT.reduce((sum, c) => add(c, multiply(t, sum)));
  const power = exponential(subtract(polynomial, multiply(z, z)));
  const tail = multiply(multiply(exact(0.5), t), power);
  const fitError = ERFC_FIT_ERROR * tail.value;
  // For positive x, 1 - tail rounds once more.
  const error = tail.error + fitError + (x.value + x.error > 0 ? HALF_ULP : 0);
  return { value: 0.5 * erfc(-x.value / Math.SQRT2), error };
}

/** The derivative of GELU: normalCdf(x) + x density(x). */
export function geluGradient(x: Bounded): Bounded {
  const power = exponential(multiply(multiply(exact(-0.5), x), x));
  const density = multiply(constant(1 / Math.sqrt(2 * Math.PI)), power);
  return add(normalCdf(x), multiply(x, density));
}

/** A sum of many terms, whose bound holds for every order of additions. */
export class Sum {
  #value = 0;
  #error = 0;
  #magnitude = 0;
  #terms = 0;

  /** Adds a term. */
  add({ value, error }: Bounded): this {
    this.#value += value;
    this.#error += error;
    this.#magnitude += Math.abs(value) + error;
    this.#terms += 1;
    return this;
  }

  /** Adds the product of two f32 that have no error. */
  addProduct(a: number, b: number): this {
    const product = a * b;
    this.#value += product;
    this.#magnitude += Math.abs(product);
    this.#error += HALF_ULP * Math.abs(product) + MIN_NORMAL;
    this.#terms += 1;
    return this;
  }

  /**
   * The sum of the terms.
   *
   * @param roundings how often every term is rounded in addition to the additions.
   */
  total(roundings = 0): Bounded {
    if (this.#terms === 0) return ZERO;
    const steps = this.#terms - 1 + roundings;
    return { value: this.#value, error: this.#error + steps * HALF_ULP * this.#magnitude };
  }
}

/** The sum of all terms, whose bound holds for every order of additions. */
export function sumBounded(terms: Iterable<Bounded>): Bounded {
  const sum = new Sum();
  for (const term of terms) sum.add(term);
  return sum.total();
}

/** A number with a relative error of `units` ulp added to its error. */
export function loosen({ value, error }: Bounded, units: number): Bounded {
  return { value, error: error + units * ULP * (Math.abs(value) + error) };
}

function isZero({ value, error }: Bounded): boolean {
  return value === 0 && error === 0;
}

function isOne({ value, error }: Bounded): boolean {
  return value === 1 && error === 0;
}
