// Which of the keys at four positions query i of batch row b may see: none past the last, after a
// causal query, or masked by the host.
fn visible_keys(b: u32, i: u32, positions: vec4u) -> vec4<bool> {
  var isVisible = positions < vec4u(params.S);
  if (params.causal != 0u) {
    isVisible &= positions <= vec4u(i);
  }
  if (params.hasMask != 0u) {
    let j = b * params.S + min(positions, vec4u(params.S - 1u));
    isVisible &= vec4u(mask[j.x], mask[j.y], mask[j.z], mask[j.w]) != vec4u();
  }
  return isVisible;
}
