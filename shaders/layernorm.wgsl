// Layer normalization of rows (Ba et al. 2016).
//
//   forward          xhat = (x - mean) * rstd,  rstd = 1 / sqrt(var + eps)
//                    y = xhat * gamma + beta
//   backward         dxhat = dy * gamma
//                    dx (+)= rstd * (dxhat - mean(dxhat) - xhat * mean(dxhat * xhat))
//   backward_scale   dgamma[c] += sum_r dy * xhat;   dbeta[c] += sum_r dy
//
// Shapes   x, y, dy, dx [rows, C]; gamma, beta, dgamma, dbeta [C]; stats [rows, 2] = (mean, rstd),
//          written by forward.
// Grid     forward, backward: LANES invocations per row, WG / LANES rows per workgroup.
//          backward_scale: SLICES invocations per column, each with every SLICES-th row;
//          WG / SLICES columns per workgroup. The entries called wide are for rows of whole vec4:
//          forward and backward have one invocation per row, backward_scale one per vec4 of
//          columns.
// Memory   workgroup: WG vec2. With LANES and SLICES 1, for adapters where a workgroup barrier is
//          expensive, no barrier remains.
// Numerics f32, sums in a fixed order. The variance is the biased one, computed in a second pass
//          over x.

const WG = 64u;
const LANES = 16u;
const SLICES = 4u;

struct Params {
  rows: u32,
  C: u32,
  eps: f32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read_write> newStats: array<vec2f>;

@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> stats: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;
@group(0) @binding(5) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(6) var<storage, read_write> dbeta: array<f32>;

@group(0) @binding(0) var<storage, read> xVec: array<vec4f>;
@group(0) @binding(2) var<storage, read> gammaVec: array<vec4f>;
@group(0) @binding(3) var<storage, read> betaVec: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> yVec: array<vec4f>;
@group(0) @binding(1) var<storage, read> dyVec: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dxVec: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dgammaVec: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dbetaVec: array<vec4f>;
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
  let inverseC = 1.0 / f32(params.C);

  // mean(x)
  var sum = 0.0;
  for (var c = lane; c < end; c += LANES) {
    sum += x[start + c];
  }
  let mean = row_sum(local, vec2f(sum, 0.0)).x * inverseC;

  // rstd, from mean((x - mean)^2): mean(x^2) - mean(x)^2 would cancel where |mean| is large.
  var squares = 0.0;
  for (var c = lane; c < end; c += LANES) {
    let centered = x[start + c] - mean;
    squares += centered * centered;
  }
  let rstd = inverseSqrt(row_sum(local, vec2f(squares, 0.0)).x * inverseC + params.eps);

  for (var c = lane; c < end; c += LANES) {
    y[start + c] = (x[start + c] - mean) * rstd * gamma[c] + beta[c];
  }
  // Saved for backward and backward_scale.
  if (row < params.rows && lane == 0u) {
    newStats[row] = vec2f(mean, rstd);
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
  let stat = stats[min(row, params.rows - 1u)];

  // (sum of dxhat, sum of dxhat * xhat), both in one reduction.
  var sums = vec2f();
  for (var c = lane; c < end; c += LANES) {
    let dxhat = dy[start + c] * gamma[c];
    sums += vec2f(dxhat, dxhat * (x[start + c] - stat.x) * stat.y);
  }
  let means = row_sum(local, sums) / f32(params.C);

  for (var c = lane; c < end; c += LANES) {
    let xhat = (x[start + c] - stat.x) * stat.y;
    let value = stat.y * (dy[start + c] * gamma[c] - means.x - xhat * means.y);
    if (params.accumulate != 0u) {
      dx[start + c] += value;
    } else {
      dx[start + c] = value;
    }
  }
}

@compute @workgroup_size(WG)
fn backward_scale(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let columns = WG / SLICES;
  let c = (group.x + group.y * groups.x) * columns + local % columns;
  let end = select(0u, params.rows, c < params.C);
  // This slice's share of (dgamma[c], dbeta[c]). Neighboring invocations read neighboring columns.
  var sums = vec2f();
  for (var row = local / columns; row < end; row += SLICES) {
    let stat = stats[row];
    let dyc = dy[row * params.C + c];
    sums += vec2f(dyc * (x[row * params.C + c] - stat.x) * stat.y, dyc);
  }
  // The slices of a column are added in order, by the invocation of slice 0.
  if (SLICES > 1u) {
    scratch[local] = sums;
    workgroupBarrier();
    for (var slice = 1u; slice < SLICES; slice++) {
      if (local < columns) {
        sums += scratch[local + slice * columns];
      }
    }
  }
  if (local < columns && c < params.C) {
    dgamma[c] += sums.x;
    dbeta[c] += sums.y;
  }
}

// The entries called wide. Here C4 and c count vec4.

fn component_sum(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

@compute @workgroup_size(WG)
fn forward_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.x + group.y * groups.x) * WG + local;
  if (row >= params.rows) {
    return;
  }
  let C4 = params.C / 4u;
  let start = row * C4;
  let inverseC = 1.0 / f32(params.C);
  var sum = vec4f();
  for (var c = 0u; c < C4; c++) {
    sum += xVec[start + c];
  }
  let mean = component_sum(sum) * inverseC;
  var squares = vec4f();
  for (var c = 0u; c < C4; c++) {
    let centered = xVec[start + c] - mean;
    squares += centered * centered;
  }
  let rstd = inverseSqrt(component_sum(squares) * inverseC + params.eps);
  for (var c = 0u; c < C4; c++) {
    yVec[start + c] = (xVec[start + c] - mean) * rstd * gammaVec[c] + betaVec[c];
  }
  newStats[row] = vec2f(mean, rstd);
}

@compute @workgroup_size(WG)
fn backward_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.x + group.y * groups.x) * WG + local;
  if (row >= params.rows) {
    return;
  }
  let C4 = params.C / 4u;
  let start = row * C4;
  let stat = stats[row];
  // The sums of dxhat and of dxhat * xhat.
  var sumDxhat = vec4f();
  var sumDxhatXhat = vec4f();
  for (var c = 0u; c < C4; c++) {
    let dxhat = dyVec[start + c] * gammaVec[c];
    sumDxhat += dxhat;
    sumDxhatXhat += dxhat * (xVec[start + c] - stat.x) * stat.y;
  }
  let means = vec2f(component_sum(sumDxhat), component_sum(sumDxhatXhat)) / f32(params.C);
  for (var c = 0u; c < C4; c++) {
    let xhat = (xVec[start + c] - stat.x) * stat.y;
    let value = stat.y * (dyVec[start + c] * gammaVec[c] - means.x - xhat * means.y);
    if (params.accumulate != 0u) {
      dxVec[start + c] += value;
    } else {
      dxVec[start + c] = value;
    }
  }
}

@compute @workgroup_size(WG)
fn backward_scale_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let C4 = params.C / 4u;
  let c = (group.x + group.y * groups.x) * WG + local;
  if (c >= C4) {
    return;
  }
  var dgammaSum = vec4f();
  var dbetaSum = vec4f();
  for (var row = 0u; row < params.rows; row++) {
    let stat = stats[row];
    let dyc = dyVec[row * C4 + c];
    dgammaSum += dyc * (xVec[row * C4 + c] - stat.x) * stat.y;
    dbetaSum += dyc;
  }
  dgammaVec[c] += dgammaSum;
  dbetaVec[c] += dbetaSum;
}
