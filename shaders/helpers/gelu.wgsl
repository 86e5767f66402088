// The cumulative normal distribution, 0.5 erfc(-v / sqrt(2)). erfc is the Chebyshev fit of Press et
// al., Numerical Recipes, section 6.2, with a relative error below 1.2e-7 everywhere.
fn normal_cdf(v: f32) -> f32 {
  let z = abs(v) * 0.70710678;
  let t = 1.0 / (1.0 + 0.5 * z);
  let p = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806
    + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587
    + t * (-0.82215223 + t * 0.17087277))))))));
  let tail = 0.5 * t * exp(p - z * z);
  return select(tail, 1.0 - tail, v > 0.0);
}

// GELU'(v) for GELU(v) = v * normal_cdf(v): cdf(v) + v * pdf(v), 0.39894228 = 1 / sqrt(2 pi).
fn gelu_grad(v: f32) -> f32 {
  return normal_cdf(v) + v * 0.39894228 * exp(-0.5 * v * v);
}
