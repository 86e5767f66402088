// The scores s of query i of batch row b against the keys at four positions: MASKED where the query
// may not see the key, or the score is below the row's threshold. NaN is below no threshold: it
// reaches the output, where it is noticed.
fn mask_scores(b: u32, i: u32, positions: vec4u, threshold: f32, s: vec4f) -> vec4f {
  let visible = select(vec4f(MASKED), s, visible_keys(b, i, positions));
  return select(visible, vec4f(MASKED), s < vec4f(threshold));
}
