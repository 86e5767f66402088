// Layer normalization of rows.
//
//   forward    y = (x - mean) * rstd * gamma + beta,  rstd = 1 / sqrt(var + eps)
//   backward   g = dy * gamma;  h = (x - mean) * rstd
//              dx (+)= rstd * (g - mean(g) - h * mean(g * h))
//   scale      dgamma[c] += sum_r dy * h;  dbeta[c] += sum_r dy
//
// Shapes   x, y, dy, dx [rows, width]; gamma, beta, dgamma, dbeta [width];
//          stats [rows, 2] = (mean, rstd), written by forward.
// Grid     forward, backward: LANES invocations a row, WG / LANES rows a workgroup.
//          scale: SLICES invocations a column, each over every SLICES-th row; WG / SLICES columns a workgroup.
//          The entries called wide do the same for rows of whole vec4, one invocation a row (a vec4 of columns).
// Memory   workgroup: WG vec2. With LANES and SLICES 1 (adapters where a workgroup barrier is expensive) no barrier remains.
// Numerics f32; the variance is the biased two-pass one; partial sums are added in a fixed order.

const WG = 64u;
const LANES = 16u;
const SLICES = 4u;

struct Params {
  rows: u32,
  width: u32,
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

// The sum of `value` over the LANES invocations of a row, in every one of them.
fn row_sum(local: u32, value: vec2f) -> vec2f {
  if (LANES == 1u) {
    return value;
  }
  scratch[local] = value;
  workgroupBarrier();
  for (var step = LANES / 2u; step > 0u; step /= 2u) {
    if (local % LANES < step) {
      scratch[local] += scratch[local + step];
    }
    workgroupBarrier();
  }
  let total = scratch[local - local % LANES];
  workgroupBarrier();
  return total;
}

@compute @workgroup_size(WG)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.x + group.y * groups.x) * (WG / LANES) + local / LANES;
  let lane = local % LANES;
  let start = row * params.width;
  // Rows past the end keep to the barriers with nothing to add.
  let end = select(0u, params.width, row < params.rows);
  let scale = 1.0 / f32(params.width);

  var sum = 0.0;
  for (var c = lane; c < end; c += LANES) {
    sum += x[start + c];
  }
  let mean = row_sum(local, vec2f(sum, 0.0)).x * scale;

  var squares = 0.0;
  for (var c = lane; c < end; c += LANES) {
    let value = x[start + c];
    squares += (value - mean) * (value - mean);
  }
  let rstd = inverseSqrt(row_sum(local, vec2f(squares, 0.0)).x * scale + params.eps);

  for (var c = lane; c < end; c += LANES) {
    y[start + c] = (x[start + c] - mean) * rstd * gamma[c] + beta[c];
  }
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
  let start = row * params.width;
  let end = select(0u, params.width, row < params.rows);
  let stat = stats[min(row, params.rows - 1u)];

  var sums = vec2f();
  for (var c = lane; c < end; c += LANES) {
    let g = dy[start + c] * gamma[c];
    sums += vec2f(g, g * (x[start + c] - stat.x) * stat.y);
  }
  let means = row_sum(local, sums) / f32(params.width);

  for (var c = lane; c < end; c += LANES) {
    let h = (x[start + c] - stat.x) * stat.y;
    let value = stat.y * (dy[start + c] * gamma[c] - means.x - h * means.y);
    if (params.accumulate != 0u) {
      dx[start + c] += value;
    } else {
      dx[start + c] = value;
    }
  }
}

@compute @workgroup_size(WG)
fn scale(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let columns = WG / SLICES;
  let column = (group.x + group.y * groups.x) * columns + local % columns;
  let end = select(0u, params.rows, column < params.width);
  var sums = vec2f();
  for (var row = local / columns; row < end; row += SLICES) {
    let stat = stats[row];
    let g = dy[row * params.width + column];
    sums += vec2f(g * (x[row * params.width + column] - stat.x) * stat.y, g);
  }
  if (SLICES > 1u) {
    scratch[local] = sums;
    workgroupBarrier();
    for (var slice = 1u; slice < SLICES; slice++) {
      if (local < columns) {
        sums += scratch[local + slice * columns];
      }
    }
  }
  if (local < columns && column < params.width) {
    dgamma[column] += sums.x;
    dbeta[column] += sums.y;
  }
}

fn total(v: vec4f) -> f32 {
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
  let width = params.width / 4u;
  let start = row * width;
  let scale = 1.0 / f32(params.width);
  var sum = vec4f();
  for (var c = 0u; c < width; c++) {
    sum += xVec[start + c];
  }
  let mean = total(sum) * scale;
  var squares = vec4f();
  for (var c = 0u; c < width; c++) {
    let value = xVec[start + c];
    squares += (value - mean) * (value - mean);
  }
  let rstd = inverseSqrt(total(squares) * scale + params.eps);
  for (var c = 0u; c < width; c++) {
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
  let width = params.width / 4u;
  let start = row * width;
  let stat = stats[row];
  var sumG = vec4f();
  var sumGH = vec4f();
  for (var c = 0u; c < width; c++) {
    let g = dyVec[start + c] * gammaVec[c];
    sumG += g;
    sumGH += g * (xVec[start + c] - stat.x) * stat.y;
  }
  let means = vec2f(total(sumG), total(sumGH)) / f32(params.width);
  for (var c = 0u; c < width; c++) {
    let h = (xVec[start + c] - stat.x) * stat.y;
    let value = stat.y * (dyVec[start + c] * gammaVec[c] - means.x - h * means.y);
    if (params.accumulate != 0u) {
      dxVec[start + c] += value;
    } else {
      dxVec[start + c] = value;
    }
  }
}

@compute @workgroup_size(WG)
fn scale_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let width = params.width / 4u;
  let column = (group.x + group.y * groups.x) * WG + local;
  if (column >= width) {
    return;
  }
  var dgammaSum = vec4f();
  var dbetaSum = vec4f();
  for (var row = 0u; row < params.rows; row++) {
    let stat = stats[row];
    let g = dyVec[row * width + column];
    dgammaSum += g * (xVec[row * width + column] - stat.x) * stat.y;
    dbetaSum += g;
  }
  dgammaVec[column] += dgammaSum;
  dbetaVec[column] += dbetaSum;
}
