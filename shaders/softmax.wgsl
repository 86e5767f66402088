// Softmax of rows.
//
//   forward    y = exp(z - max z) / sum of exp(z - max z)
//   backward   dz (+)= y (dy - y . dy)
//
// Shapes   z, y, dy, dz [rows, C].
// Grid     LANES invocations per row, WG / LANES rows per workgroup.
// Memory   workgroup: WG vec2. With LANES = 1 no barrier remains.
// Numerics f32 with a running maximum, which starts at a finite -3e38; sums in a fixed order.

const WG = 64u;
const LANES = 16u;

struct Params {
  rows: u32,
  C: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read_write> newY: array<f32>;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> dz: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> scratch: array<vec2f, WG>;

// begin helpers/row_merge.wgsl (generated: edit there)
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
// end helpers/row_merge.wgsl

// begin helpers/row_sum.wgsl (generated: edit there)
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
// end helpers/row_sum.wgsl

@compute @workgroup_size(WG)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.x + group.y * groups.x) * (WG / LANES) + local / LANES;
  let lane = local % LANES;
  let start = row * params.C;
  // Past the last row there is nothing to add, but every invocation has to reach the barriers.
  let end = select(0u, params.C, row < params.rows);
  var laneMax = -3.0e38;
  var sum = 0.0;
  for (var c = lane; c < end; c += LANES) {
    let newMax = max(laneMax, z[start + c]);
    sum = sum * exp(laneMax - newMax) + exp(z[start + c] - newMax);
    laneMax = newMax;
  }
  let stats = row_merge(local, vec2f(laneMax, sum));
  for (var c = lane; c < end; c += LANES) {
    newY[start + c] = exp(z[start + c] - stats.x) / stats.y;
  }
}

@compute @workgroup_size(WG)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.x + group.y * groups.x) * (WG / LANES) + local / LANES;
  let lane = local % LANES;
  let start = row * params.C;
  let end = select(0u, params.C, row < params.rows);
  var products = 0.0;
  for (var c = lane; c < end; c += LANES) {
    products += dy[start + c] * y[start + c];
  }
  // The mean of dy under the probabilities.
  let mean = row_sum(local, vec2f(products, 0.0)).x;
  for (var c = lane; c < end; c += LANES) {
    let value = y[start + c] * (dy[start + c] - mean);
    if (params.accumulate != 0u) {
      dz[start + c] += value;
    } else {
      dz[start + c] = value;
    }
  }
}
