// Chunk c of the head that starts at BUFFER[start], with 0 for the components past its end.
fn load_BUFFER(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < CHUNKS) {
    return vec4f(BUFFER[i], BUFFER[i + 1u], BUFFER[i + 2u], BUFFER[i + 3u]);
  }
  // min keeps the index inside the head, as the buffer may end there.
  return vec4f(
    BUFFER[i],
    select(0.0, BUFFER[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, BUFFER[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}
