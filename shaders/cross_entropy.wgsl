// Softmax cross-entropy of rows of logits, with its gradient in the same pass.
//
//   L        = factor * sum_r w[y_r] * (logsumexp(z_r) - z_r[y_r]) / W
//   dz[r, v] = factor * w[y_r] * (softmax(z_r)[v] - [v = y_r]) / W
//   W        = sum_r w[y_r]                                         ignored rows are left out
//
// Shapes   logits z and dlogits dz [rows, V]; targets y [rows] u32; weights w [V] or absent (all
//          1); rowLoss [rows] = w[y_r] * (logsumexp(z_r) - z_r[y_r]); totals [2] = (L, W).
// Grid     total_weight, total_loss: one workgroup of WG. rows: LANES invocations per row, WG /
//          LANES rows per workgroup. They run in the order total_weight, rows, total_loss.
// Memory   workgroup: WG vec2. The probabilities are never stored: dz is written from z and the
//          row's (max, sum). With LANES = 1 no barrier remains in `rows`.
// Numerics f32 with a running maximum, which starts at a finite -3e38. A target that is `ignored`
//          or past the last class does not count. Where every row is ignored, L and dz are 0.

const WG = 64u;
const LANES = 16u;

struct Params {
  rows: u32,
  V: u32,
  ignored: u32,
  hasWeights: u32,
  wantsGradient: u32,
  factor: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> dlogits: array<f32>;
@group(0) @binding(4) var<storage, read_write> rowLoss: array<f32>;
@group(0) @binding(5) var<storage, read_write> totals: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> scratch: array<vec2f, WG>;

fn is_counted(y: u32) -> bool {
  return y != params.ignored && y < params.V;
}

// w[y_r], and 0 for a row that does not count.
fn row_weight(row: u32) -> f32 {
  let y = targets[row];
  if (!is_counted(y)) {
    return 0.0;
  }
  if (params.hasWeights != 0u) {
    return weights[y];
  }
  return 1.0;
}

// begin helpers/group_sum.wgsl (generated: edit there)
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
// end helpers/group_sum.wgsl

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

@compute @workgroup_size(WG)
fn rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.x + group.y * groups.x) * (WG / LANES) + local / LANES;
  let lane = local % LANES;
  let start = row * params.V;
  // Past the last row there is nothing to add, but every invocation has to reach the barriers.
  let end = select(0u, params.V, row < params.rows);

  // First pass over z: this lane's (max, sum of exp(z - max)). The sum is rescaled when the maximum
  // rises; four logits at a time need one rescaling instead of four.
  var laneMax = -3.0e38;
  var sum = 0.0;
  let quads = end / 4u;
  for (var q = lane; q < quads; q += LANES) {
    let i = start + 4u * q;
    let z = vec4f(logits[i], logits[i + 1u], logits[i + 2u], logits[i + 3u]);
    let newMax = max(laneMax, max(max(z.x, z.y), max(z.z, z.w)));
    let e = exp(z - newMax);
    sum = sum * exp(laneMax - newMax) + (e.x + e.y) + (e.z + e.w);
    laneMax = newMax;
  }
  // The last classes, where V is not a multiple of 4.
  for (var v = 4u * quads + lane; v < end; v += LANES) {
    let newMax = max(laneMax, logits[start + v]);
    sum = sum * exp(laneMax - newMax) + exp(logits[start + v] - newMax);
    laneMax = newMax;
  }
  let stats = row_merge(local, vec2f(laneMax, sum));
  if (row >= params.rows) {
    return;
  }

  // The row's loss: logsumexp(z) = max + log(sum). An ignored target may be past the last class.
  let weight = row_weight(row);
  let y = min(targets[row], params.V - 1u);
  if (lane == 0u) {
    let loss = weight * (stats.x - logits[start + y] + log(stats.y));
    rowLoss[row] = select(0.0, loss, weight != 0.0);
  }
  if (params.wantsGradient == 0u) {
    return;
  }

  // Second pass over z: dz = scale * exp(z - max) / sum. Not exp(z - logsumexp): far from zero a
  // rounded log-sum-exp would move every probability.
  let scale = select(0.0, params.factor * weight / totals[1], weight != 0.0);
  let share = scale / stats.y;
  for (var q = lane; q < quads; q += LANES) {
    let i = start + 4u * q;
    let z = vec4f(logits[i], logits[i + 1u], logits[i + 2u], logits[i + 3u]);
    let dz = share * exp(z - stats.x);
    dlogits[i] = dz.x;
    dlogits[i + 1u] = dz.y;
    dlogits[i + 2u] = dz.z;
    dlogits[i + 3u] = dz.w;
  }
  for (var v = 4u * quads + lane; v < end; v += LANES) {
    dlogits[start + v] = share * exp(logits[start + v] - stats.x);
  }
  // dz[y] -= scale, by the lane that wrote dz[y]: another lane would race with it.
  let writer = select((y - 4u * quads) % LANES, (y / 4u) % LANES, y < 4u * quads);
  if (lane == writer) {
    dlogits[start + y] -= scale;
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
