// BUFFER[i] = value, or += where the host asks for accumulation.
fn store_or_add_BUFFER(i: u32, value: f32) {
  if (params.accumulate != 0u) {
    BUFFER[i] += value;
  } else {
    BUFFER[i] = value;
  }
}
