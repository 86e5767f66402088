// The sum of `value` over the workgroup, in each of its invocations. All of them must call it. A
// second call needs a barrier before it, since the last line here reads scratch.
fn group_sum(local: u32, value: f32) -> f32 {
  scratch[local] = vec2f(value, 0.0);
  workgroupBarrier();
  // A tree in a fixed order, so the sum has the same bits on every run. The barrier is outside the
  // branch, where all invocations reach it.
  for (var step = WG / 2u; step > 0u; step /= 2u) {
    if (local < step) {
      scratch[local] += scratch[local + step];
    }
    workgroupBarrier();
  }
  return scratch[0].x;
}
