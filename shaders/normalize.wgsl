// Rows divided by their Euclidean length, for cosine-similarity logits.
//
//   forward    y = x / n,  n = max(|x|, eps)
//   backward   dx (+)= (dy - y (y . dy)) / n;  where |x| <= eps, n is constant and dx (+)= dy / n
//
// Shapes   x, y, dy, dx [rows, C]; norms [rows] = n, written by forward.
// Grid     LANES invocations per row, WG / LANES rows per workgroup.
// Memory   workgroup: WG vec2. With LANES = 1 no barrier remains.
// Numerics f32, sums in a fixed order.

const WG = 64u;
const LANES = 16u;

struct Params {
  rows: u32,
  C: u32,
  eps: f32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> newY: array<f32>;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<storage, read_write> norms: array<f32>;
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
  var squares = 0.0;
  for (var c = lane; c < end; c += LANES) {
    squares += x[start + c] * x[start + c];
  }
  let length = sqrt(row_sum(local, vec2f(squares, 0.0)).x);
  // A comparison keeps NaN, which max may drop.
  let norm = select(length, params.eps, length < params.eps);
  for (var c = lane; c < end; c += LANES) {
    newY[start + c] = x[start + c] / norm;
  }
  if (row < params.rows && lane == 0u) {
    norms[row] = norm;
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
  let norm = norms[min(row, params.rows - 1u)];
  // y . dy. Moving x along y does not change y, so that component of dy is removed, unless n is
  // constant.
  var products = 0.0;
  for (var c = lane; c < end; c += LANES) {
    products += dy[start + c] * y[start + c];
  }
  let along = select(0.0, row_sum(local, vec2f(products, 0.0)).x, norm > params.eps);
  for (var c = lane; c < end; c += LANES) {
    let value = (dy[start + c] - y[start + c] * along) / norm;
    if (params.accumulate != 0u) {
      dx[start + c] += value;
    } else {
      dx[start + c] = value;
    }
  }
}
