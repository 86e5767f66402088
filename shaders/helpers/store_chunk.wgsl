// Writes chunk c of the head that starts at BUFFER[start], up to the head's end.
fn store_BUFFER(start: u32, c: u32, values: vec4f) {
  for (var i = 0u; i < min(4u, D - 4u * c); i++) {
    BUFFER[start + 4u * c + i] = values[i];
  }
}
