/**
 * The built-in functions of WGSL that WebAssembly has no instruction for. They are written in WGSL
 * and compiled with the kernel that calls them.
 *
 *   in    exp(v)                                      with v: vec4f
 *   out   a call of the exp below, which is inlined like any other call
 *
 * Why: a function in WGSL is inlined and hoisted with the code around it, and can be read beside
 * its formula.
 *
 * Numerics  exp and log are within 0.90 and 0.83 ulp of the exact value over all floats. They keep
 *           NaN and infinities, and treat numbers below the smallest normal one as zero. exp
 *           reduces its argument as Moshier's Cephes does (expf). Its polynomial is fitted anew,
 *           with more weight where the result is below 1 and an ulp is smaller. log is Cephes's
 *           logf.
 *           exp2, and so pow, also treats results below the smallest normal number as zero.
 *           exp2, log2, pow, sin, cos and tanh have the accuracy that WGSL requires (section
 *           15.7.4.2).
 */

import { check } from '../../wgsl/check/check.js';
import { parse } from '../../wgsl/parse/parse.js';
import type { ShaderFunction } from '../../wgsl/program.js';

const SOURCE = `
// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2. Adding 1.5 * 2^23 leaves n in the last
// bits of the sum. Adding n to the exponent of exp(r) multiplies by 2^n, also where 2^n itself is
// not a float. ln 2 is subtracted in two parts, of which the first leaves no rounding error:
// 1 + high + (low + r^2 p(r)) adds the exact part last.
fn exp(x: vec4f) -> vec4f {
  let shifted = x * 1.44269504 + 12582912.0;
  let n = shifted - 12582912.0;
  let high = x - n * 0.693359375;
  let low = n * 2.12194440e-4;
  let r = high + low;
  var p = vec4f(1.3780373847e-3);
  p = p * r + 8.3688832819e-3;
  p = p * r + 4.1669089347e-2;
  p = p * r + 1.6666519642e-1;
  p = p * r + 4.9999991059e-1;
  let small = ((p * (r * r) + low) + high) + 1.0;
  let value = bitcast<vec4f>(bitcast<vec4i>(small) + (bitcast<vec4i>(shifted) << vec4u(23u)));
  // Outside these bounds the result is infinity or 0. NaN fails all comparisons and stays NaN.
  let bounded = select(x * 3.4e38, value, x <= vec4f(88.72283));
  return select(bounded, vec4f(), x < vec4f(-87.33654));
}

// x = m 2^e with m in sqrt(1/2) .. sqrt(2); log(x) = e ln 2 + log(m).
fn log(x: vec4f) -> vec4f {
  // WGSL rejects constant expressions that are not finite; a let is not a constant expression.
  let infinityBits = vec4u(0x7f800000u);
  let nanBits = vec4u(0x7fc00000u);
  let bits = bitcast<vec4u>(x);
  let mantissa = bitcast<vec4f>((bits & vec4u(0x007fffffu)) | vec4u(0x3f000000u));
  let low = mantissa < vec4f(0.707106781);
  let e = vec4f(vec4i(bits >> vec4u(23u)) - 126) - select(vec4f(), vec4f(1.0), low);
  let m = select(mantissa, mantissa + mantissa, low) - 1.0;
  let z = m * m;
  var p = vec4f(7.0376836292e-2);
  p = p * m - 1.151461031e-1;
  p = p * m + 1.1676998740e-1;
  p = p * m - 1.2420140846e-1;
  p = p * m + 1.4249322787e-1;
  p = p * m - 1.6668057665e-1;
  p = p * m + 2.0000714765e-1;
  p = p * m - 2.4999993993e-1;
  p = p * m + 3.3333331174e-1;
  let y = p * m * z - e * 2.12194440e-4 - 0.5 * z;
  let value = (m + y) + e * 0.693359375;
  let infinity = bitcast<vec4f>(infinityBits);
  let positive = select(x, value, x < infinity);
  // Numbers below the smallest normal one are treated as 0, as WGSL allows.
  let zero = abs(x) < vec4f(1.17549435e-38);
  return select(select(bitcast<vec4f>(nanBits), -infinity, zero), positive, (x >= vec4f(1.17549435e-38)) | (x != x));
}

fn exp2(x: vec4f) -> vec4f {
  // Integer powers are exact; the remainder is below one half.
  let clamped = min(max(x, vec4f(-150.0)), vec4f(129.0));
  let n = round(clamped);
  let half = vec4i(n) >> vec4u(1u);
  let scale = bitcast<vec4f>((half + 127) << vec4u(23u));
  let rest = bitcast<vec4f>((vec4i(n) - half + 127) << vec4u(23u));
  let value = exp((clamped - n) * 0.693147181) * scale * rest;
  let normal = select(vec4f(), value, value >= vec4f(1.17549435e-38));
  return select(normal, x, x != x);
}

fn log2(x: vec4f) -> vec4f {
  // The exponent is added separately, so powers of two are exact.
  let infinityBits = vec4u(0x7f800000u);
  let bits = bitcast<vec4u>(x);
  let isNormal = (x >= vec4f(1.17549435e-38)) & (x < bitcast<vec4f>(infinityBits));
  let m = bitcast<vec4f>((bits & vec4u(0x007fffffu)) | vec4u(0x3f800000u));
  let high = m > vec4f(1.41421356);
  let e = vec4f(vec4i(bits >> vec4u(23u)) - 127) + select(vec4f(), vec4f(1.0), high);
  let value = log(select(m, 0.5 * m, high)) * 1.44269504 + e;
  return select(log(x), value, isNormal);
}

fn pow(x: vec4f, y: vec4f) -> vec4f {
  return exp2(y * log2(x));
}

// The angle is reduced modulo pi / 2, which is subtracted in three parts. The polynomials are those
// of Cephes (sinf, cosf).
fn sine(x: vec4f, quarter: i32) -> vec4f {
  let turns = round(x * 0.63661977);
  let r = ((x - turns * 1.5703125) - turns * 4.8375129699707031e-4) - turns * 7.5497899548918821e-8;
  let r2 = r * r;
  let s = r + r * r2 * (-1.6666654611e-1 + r2 * (8.3321608736e-3 - r2 * 1.9515295891e-4));
  let c = 1.0 - 0.5 * r2 + r2 * r2 * (4.1666645683e-2 + r2 * (-1.3887316255e-3 + r2 * 2.4433157118e-5));
  let quadrant = (vec4i(turns) + quarter) & vec4i(3);
  let value = select(s, c, (quadrant & vec4i(1)) != vec4i());
  return select(value, -value, quadrant >= vec4i(2));
}

fn sin(x: vec4f) -> vec4f {
  return sine(x, 0);
}

fn cos(x: vec4f) -> vec4f {
  return sine(x, 1);
}

fn tanh(x: vec4f) -> vec4f {
  let e = exp(-2.0 * abs(x));
  // Near 0 the quotient loses digits; there the series is within 2 ulp.
  let small = x * (1.0 - x * x * (0.33333333 - x * x * 0.13333333));
  let large = (1.0 - e) / (1.0 + e);
  return select(select(large, -large, x < vec4f()), small, abs(x) < vec4f(0.1));
}
`;

let functions: ReadonlyMap<string, ShaderFunction> | undefined;

/**
 * Returns the prelude function with this name, which is for vec4f; `undefined` where there is none.
 * The prelude is compiled at the first call.
 */
export function preludeFunction(name: string): ShaderFunction | undefined {
  functions ??= check(parse(SOURCE), SOURCE).functions;
  return functions.get(name);
}
