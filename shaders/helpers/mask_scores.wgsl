// The scores of query i of batch row b against the keys at four positions: MASKED where the key is
// past the last, below the row's threshold, after a causal query, or masked by the host.
fn mask_scores(b: u32, i: u32, positions: vec4u, threshold: f32, s: vec4f) -> vec4f {
  var isVisible = (positions < vec4u(params.S)) & (s >= vec4f(threshold));
  if (params.causal != 0u) {
    isVisible &= positions <= vec4u(i);
  }
  if (params.hasMask != 0u) {
    let j = b * params.S + min(positions, vec4u(params.S - 1u));
    isVisible &= vec4u(mask[j.x], mask[j.y], mask[j.z], mask[j.w]) != vec4u();
  }
  return select(vec4f(MASKED), s, isVisible);
}
