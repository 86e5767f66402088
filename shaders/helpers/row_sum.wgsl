// The sum of `value` over the LANES invocations of a row, in each of them. Every invocation of the
// workgroup must call it. With LANES = 1 no barrier remains.
fn row_sum(local: u32, value: vec2f) -> vec2f {
  if (LANES == 1u) {
    return value;
  }
  scratch[local] = value;
  workgroupBarrier();
  // A tree over each run of LANES words, in a fixed order.
  for (var step = LANES / 2u; step > 0u; step /= 2u) {
    if (local % LANES < step) {
      scratch[local] += scratch[local + step];
    }
    workgroupBarrier();
  }
  let total = scratch[local - local % LANES];
  // The next call overwrites scratch: all invocations read their total first.
  workgroupBarrier();
  return total;
}
