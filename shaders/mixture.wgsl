// A softmax mixed with weights: classes compete by exp(logit) + weight.
//
//   forward    out[i] = log(exp(z[i]) + w[i]),  w >= 0
//   backward   dz[i] (+)= dout[i] exp(z[i]) / (exp(z[i]) + w[i])
//              dw[i] (+)= dout[i] / (exp(z[i]) + w[i])
//
// softmax(out) = (exp(z) + w) / sum (exp(z) + w): what a weight adds to a class does not depend on
// the logit of that class.
//
// Shapes   z, w, out, dout, dz, dw [n].
// Grid     an invocation takes ITEMS elements, WG apart.
// Memory   registers only.
// Numerics f32. Logits count as at most 80 and at least -80, within which no exponential leaves
//          f32.

const WG = 64u;
const ITEMS = 4u;

struct Params {
  n: u32,
  accumulateLogits: u32,
  accumulateWeights: u32,
}

@group(0) @binding(0) var<storage, read> z: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> dout: array<f32>;
@group(0) @binding(3) var<storage, read_write> dz: array<f32>;
@group(0) @binding(4) var<storage, read_write> dw: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// exp(z[i]). NaN is kept, which clamp, exp and log may drop.
fn mass(i: u32) -> f32 {
  return select(z[i], exp(clamp(z[i], -80.0, 80.0)), z[i] == z[i]);
}

@compute @workgroup_size(WG)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, params.n); i += WG) {
    // Without a weight the logit passes unchanged.
    out[i] = z[i];
    if (!(w[i] <= 0.0)) {
      let total = mass(i) + w[i];
      out[i] = select(total, log(total), total == total);
    }
  }
}

@compute @workgroup_size(WG)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, params.n); i += WG) {
    let total = mass(i) + select(w[i], 0.0, w[i] < 0.0);
    let logitGradient = dout[i] * (mass(i) / total);
    let weightGradient = dout[i] / total;
    if (params.accumulateLogits != 0u) {
      dz[i] += logitGradient;
    } else {
      dz[i] = logitGradient;
    }
    if (params.accumulateWeights != 0u) {
      dw[i] += weightGradient;
    } else {
      dw[i] = weightGradient;
    }
  }
}
