// The dropout factor of one element: 0 where it is dropped, 1 / (1 - rate) where it is kept. Four
// neighboring elements share one hash, as in dropout_factor4, which returns the same factors.
fn dropout_factor(element: u32) -> f32 {
  let words = hash4(vec4u(element / 4u, params.site, random.stream));
  return select(0.0, params.keepScale, words[element % 4u] < params.keepThreshold);
}
