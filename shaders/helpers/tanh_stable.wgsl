// tanh by exp(-2 |v|), which cannot overflow.
fn tanh_stable(v: f32) -> f32 {
  let e = exp(-2.0 * abs(v));
  // Below 0.1 the quotient loses digits; the Taylor series is within 2 ulp there.
  let series = v * (1.0 - v * v * (0.33333333 - v * v * 0.13333333));
  return select(sign(v) * (1.0 - e) / (1.0 + e), series, abs(v) < 0.1);
}
