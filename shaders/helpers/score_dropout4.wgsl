// The dropout factors of keys j .. j + 3 in one score row; j is a multiple of 4.
fn score_dropout4(row: u32, j: u32) -> vec4f {
  if (params.keepScale == 1.0) {
    return vec4f(1.0);
  }
  let isKept = dropout_words(row, j / 4u) < vec4u(params.keepThreshold);
  return select(vec4f(), vec4f(params.keepScale), isKept);
}
