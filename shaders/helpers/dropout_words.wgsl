// The random words of four neighboring keys of one score row, for dropout of their probabilities;
// key4 is the first key / 4.
fn dropout_words(row: u32, key4: u32) -> vec4u {
  return hash4(vec4u(key4, row, random.stream.x, random.stream.y ^ params.site));
}
