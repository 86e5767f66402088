// The dot product of every row with a weight row of its own: one number per neuron from the vector
// that the neuron gathered.
//
//   forward           out[b, n] = bias[n] + sum_c x[b, n, c] weight[n, c]
//   backward_x        dx[b, n, c] (+)= dout[b, n] weight[n, c]
//   backward_weight   dweight[n, c] += sum_b dout[b, n] x[b, n, c]
//
// Shapes   x, dx [B, N, C]; weight, dweight [N, C]; bias [N] (absent: no bias); out, dout [B, N].
// Grid     forward: LANES invocations per row, WG / LANES rows per workgroup. backward_x: an
//          invocation takes ITEMS elements, WG apart. backward_weight: one per element of dweight.
// Memory   workgroup: WG vec2. With LANES = 1 no barrier remains.
// Numerics f32, sums in a fixed order.

const WG = 64u;
const LANES = 16u;
const ITEMS = 4u;

struct Params {
  B: u32,
  N: u32,
  C: u32,
  hasBias: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@group(0) @binding(2) var<storage, read> dout: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<storage, read_write> dweight: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> scratch: array<vec2f, WG>;

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

// begin helpers/store_or_add.wgsl for dx (generated: edit there)
// dx[i] = value, or += where the host asks for accumulation.
fn store_or_add_dx(i: u32, value: f32) {
  if (params.accumulate != 0u) {
    dx[i] += value;
  } else {
    dx[i] = value;
  }
}
// end helpers/store_or_add.wgsl

@compute @workgroup_size(WG)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.x + group.y * groups.x) * (WG / LANES) + local / LANES;
  let lane = local % LANES;
  let n = row % params.N;
  // Past the last row there is nothing to add, but every invocation has to reach the barriers.
  let end = select(0u, params.C, row < params.B * params.N);
  var sum = 0.0;
  for (var c = lane; c < end; c += LANES) {
    sum += x[row * params.C + c] * weight[n * params.C + c];
  }
  sum = row_sum(local, vec2f(sum, 0.0)).x;
  if (row < params.B * params.N && lane == 0u) {
    if (params.hasBias != 0u) {
      sum += bias[n];
    }
    out[row] = sum;
  }
}

@compute @workgroup_size(WG)
fn backward_x(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let size = params.N * params.C;
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, params.B * size); i += WG) {
    store_or_add_dx(i, dout[i / params.C] * weight[i % size]);
  }
}

@compute @workgroup_size(WG)
fn backward_weight(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.x + group.y * groups.x) * WG + local;
  let size = params.N * params.C;
  if (i >= size) {
    return;
  }
  let n = i / params.C;
  var sum = 0.0;
  for (var b = 0u; b < params.B; b++) {
    sum += dout[b * params.N + n] * x[b * size + i];
  }
  dweight[i] += sum;
}
