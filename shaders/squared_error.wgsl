// Mean squared error, with its gradient in the same pass.
//
//   L    = factor * sum_i w_i (p_i - t_i)^2 / W,   W = sum_i w_i
//   dp_i = 2 factor w_i (p_i - t_i) / W
//
// Shapes   prediction p, truth t, dprediction dp [n]; weights w [n] or absent (all 1);
//          totals [2] = (L, W).
// Grid     one workgroup of WG for all n elements: they are a batch of read-outs, not a sequence.
// Memory   workgroup: WG vec2.
// Numerics f32, sums in a fixed order. Where W is 0, L and dp are 0.

const WG = 64u;

struct Params {
  n: u32,
  hasWeights: u32,
  wantsGradient: u32,
  factor: f32,
}

@group(0) @binding(0) var<storage, read> prediction: array<f32>;
@group(0) @binding(1) var<storage, read> truth: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> dprediction: array<f32>;
@group(0) @binding(4) var<storage, read_write> totals: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> scratch: array<vec2f, WG>;

fn weight(i: u32) -> f32 {
  if (params.hasWeights != 0u) {
    return weights[i];
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
fn main(@builtin(local_invocation_index) local: u32) {
  // W comes first: the pass that sums the squares writes the gradient, which needs it.
  var weightSum = 0.0;
  for (var i = local; i < params.n; i += WG) {
    weightSum += weight(i);
  }
  let total = group_sum(local, weightSum);
  // All invocations read W before the second sum overwrites scratch.
  workgroupBarrier();
  let scale = select(0.0, params.factor / total, total > 0.0);
  var squares = 0.0;
  for (var i = local; i < params.n; i += WG) {
    let error = prediction[i] - truth[i];
    squares += weight(i) * error * error;
    if (params.wantsGradient != 0u) {
      dprediction[i] = 2.0 * scale * weight(i) * error;
    }
  }
  let loss = group_sum(local, squares);
  if (local == 0u) {
    totals[0] = scale * loss;
    totals[1] = total;
  }
}
