// Softmax cross-entropy of rows of logits, with its gradient in the same pass.
//
//   L = factor * sum_r w[y_r] * (logsumexp(z_r) - z_r[y_r]) / W,      W = sum_r w[y_r], rows y_r = ignore left out
//   dz[r, c] = factor * w[y_r] / W * (softmax(z_r)[c] - [c = y_r])
//
// Shapes   logits z and gradient dz [rows, classes]; targets y [rows] u32; weights w [classes] or absent (all 1);
//          rowLoss [rows] = w[y_r] * nll_r; totals [2] = (L, W). With every row ignored L and dz are 0.
// Grid     total_weight, total_loss: one workgroup of WG. rows: LANES invocations a row, WG / LANES rows a
//          workgroup; run them in that order.
// Memory   workgroup: WG vec2. The probabilities are never stored: dz is written from z and the row's (max, sum).
// Numerics f32, online maximum (finite sentinel -3e38), targets out of range count as ignored.
//          LANES = 1 leaves no barrier in `rows`.

const WG = 64u;
const LANES = 16u;

struct Params {
  rows: u32,
  classes: u32,
  ignored: u32,
  hasWeights: u32,
  wantsGradient: u32,
  factor: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> rowLoss: array<f32>;
@group(0) @binding(5) var<storage, read_write> totals: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> scratch: array<vec2f, WG>;

fn counts(target_: u32) -> bool {
  return target_ != params.ignored && target_ < params.classes;
}

fn row_weight(row: u32) -> f32 {
  let class_ = targets[row];
  if (!counts(class_)) {
    return 0.0;
  }
  if (params.hasWeights != 0u) {
    return weights[class_];
  }
  return 1.0;
}

// The sum of `value` over the workgroup, in invocation 0.
fn group_sum(local: u32, value: f32) -> f32 {
  scratch[local] = vec2f(value, 0.0);
  workgroupBarrier();
  for (var step = WG / 2u; step > 0u; step /= 2u) {
    if (local < step) {
      scratch[local] += scratch[local + step];
    }
    workgroupBarrier();
  }
  return scratch[0].x;
}

@compute @workgroup_size(WG)
fn total_weight(@builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  for (var row = local; row < params.rows; row += WG) {
    sum += row_weight(row);
  }
  let total = group_sum(local, sum);
  if (local == 0u) {
    totals[1] = total;
  }
}

// (max, sum of exp(z - max)) of two disjoint parts of a row.
fn merge(p: vec2f, q: vec2f) -> vec2f {
  let top = max(p.x, q.x);
  return vec2f(top, p.y * exp(p.x - top) + q.y * exp(q.x - top));
}

fn row_merge(local: u32, part: vec2f) -> vec2f {
  if (LANES == 1u) {
    return part;
  }
  scratch[local] = part;
  workgroupBarrier();
  for (var step = LANES / 2u; step > 0u; step /= 2u) {
    if (local % LANES < step) {
      scratch[local] = merge(scratch[local], scratch[local + step]);
    }
    workgroupBarrier();
  }
  let whole = scratch[local - local % LANES];
  workgroupBarrier();
  return whole;
}

@compute @workgroup_size(WG)
fn rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.x + group.y * groups.x) * (WG / LANES) + local / LANES;
  let lane = local % LANES;
  let start = row * params.classes;
  let end = select(0u, params.classes, row < params.rows);

  // Four logits at a time: one rescaling of the running sum instead of four.
  var top = -3.0e38;
  var sum = 0.0;
  let whole4 = end / 4u;
  for (var q = lane; q < whole4; q += LANES) {
    let c = start + 4u * q;
    let z = vec4f(logits[c], logits[c + 1u], logits[c + 2u], logits[c + 3u]);
    let newTop = max(top, max(max(z.x, z.y), max(z.z, z.w)));
    let e = exp(z - newTop);
    sum = sum * exp(top - newTop) + (e.x + e.y) + (e.z + e.w);
    top = newTop;
  }
  for (var c = 4u * whole4 + lane; c < end; c += LANES) {
    let newTop = max(top, logits[start + c]);
    sum = sum * exp(top - newTop) + exp(logits[start + c] - newTop);
    top = newTop;
  }
  let part = row_merge(local, vec2f(top, sum));
  if (row >= params.rows) {
    return;
  }
  let weight = row_weight(row);
  let correct = min(targets[row], params.classes - 1u);
  if (lane == 0u) {
    rowLoss[row] = select(0.0, weight * (part.x - logits[start + correct] + log(part.y)), weight != 0.0);
  }
  if (params.wantsGradient == 0u) {
    return;
  }
  let scale = select(0.0, params.factor * weight / totals[1], weight != 0.0);
  // Not exp(z - logsumexp): far from zero a rounded log-sum-exp would move every probability.
  let share = scale / part.y;
  for (var q = lane; q < whole4; q += LANES) {
    let c = start + 4u * q;
    let p = share * exp(vec4f(logits[c], logits[c + 1u], logits[c + 2u], logits[c + 3u]) - part.x);
    gradient[c] = p.x;
    gradient[c + 1u] = p.y;
    gradient[c + 2u] = p.z;
    gradient[c + 3u] = p.w;
  }
  for (var c = 4u * whole4 + lane; c < end; c += LANES) {
    gradient[start + c] = share * exp(logits[start + c] - part.x);
  }
  // The lane that wrote the target's word takes its one off again, so no other lane races for it.
  let writer = select((correct - 4u * whole4) % LANES, (correct / 4u) % LANES, correct < 4u * whole4);
  if (lane == writer) {
    gradient[start + correct] -= scale;
  }
}

@compute @workgroup_size(WG)
fn total_loss(@builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  for (var row = local; row < params.rows; row += WG) {
    sum += rowLoss[row];
  }
  let total = group_sum(local, sum);
  if (local == 0u) {
    totals[0] = select(0.0, params.factor * total / totals[1], totals[1] > 0.0);
  }
}
