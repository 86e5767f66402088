// The logistic function. Beyond -88 exp would overflow, and WGSL does not say what follows; there
// the result stays at 6e-39. NaN is kept, which min and exp may drop.
fn sigmoid_stable(v: f32) -> f32 {
  return select(v, 1.0 / (1.0 + exp(min(-v, 88.0))), v == v);
}
