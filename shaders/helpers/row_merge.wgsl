// (max, sum of exp(z - max)) of a row from those of two disjoint parts of it: each sum is rescaled
// to the common maximum.
fn merge(p: vec2f, q: vec2f) -> vec2f {
  let rowMax = max(p.x, q.x);
  return vec2f(rowMax, p.y * exp(p.x - rowMax) + q.y * exp(q.x - rowMax));
}

// The merged (max, sum) of a row's LANES parts, in each of its invocations. It is called once: a
// second call would need a barrier before it overwrites scratch.
fn row_merge(local: u32, part: vec2f) -> vec2f {
  if (LANES == 1u) {
    return part;
  }
  scratch[local] = part;
  workgroupBarrier();
  // A tree over each run of LANES words, in a fixed order.
  for (var step = LANES / 2u; step > 0u; step /= 2u) {
    if (local % LANES < step) {
      scratch[local] = merge(scratch[local], scratch[local + step]);
    }
    workgroupBarrier();
  }
  return scratch[local - local % LANES];
}
