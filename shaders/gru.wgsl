// Gated recurrent units through time (Cho et al. 2014, in the form of PyTorch's GRU).
//
//   pack       weight W, with rows padded to whole vec4: as it is, or transposed gate by gate
//   forward    u = W h + bias;   r = sigmoid(x_r + u_r);   z = sigmoid(x_z + u_z)
//              n = tanh(x_n + r u_n), the candidate state
//              h' = (1 - z) n + z h, or h where the mask is 0
//   backward   dx, du and dh0 from the gradient dout of every h'
//
// Shapes   x, dx, du [B, T, 3 C], gates in the order r, z, n; weight [3 C, C]; bias [3 C]; packed,
//          newPacked [3 C, padded] or transposed [C, 3 padded], where padded is C rounded up to a
//          multiple of 4; h0, dh0 [B, C]; mask [B, T] u32; out, previous, dout [B, T, C]: out holds
//          h' and previous h of every step; saved [B, T, 4 C] holds r, z, n, u_n.
// Grid     forward, backward: one workgroup per row of the batch. An invocation computes four
//          neighboring units at a time, so that neighboring invocations read neighboring weights.
//          pack: one invocation per vec4.
// Memory   workgroup: forward has two copies of h, 2 CAP floats; backward has du and dh, 4 CAP
//          floats. CAP is at least `padded`.
// Numerics f32, sums in the order of the units. Steps run from the last to the first where
//          `reverse` is set.

const WG = 64u;
const CAP = 64u;

struct Params {
  B: u32,
  T: u32,
  C: u32,
  padded: u32,
  reverse: u32,
  transposed: u32,
  // 1: forward writes what backward needs, `previous` and `saved`.
  saves: u32,
  hasMask: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> packed: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> h0: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(0) @binding(6) var<storage, read_write> previous: array<f32>;
@group(0) @binding(7) var<storage, read_write> saved: array<f32>;
@group(0) @binding(8) var<storage, read> dout: array<f32>;
@group(0) @binding(9) var<storage, read_write> dx: array<f32>;
@group(0) @binding(10) var<storage, read_write> du: array<f32>;
@group(0) @binding(11) var<storage, read_write> dh0: array<f32>;
@group(0) @binding(12) var<storage, read_write> newPacked: array<vec4f>;
@group(0) @binding(13) var<storage, read> mask: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

// Forward: h at `current` and h' at CAP - current, which swap after every step.
var<workgroup> state: array<f32, 2 * CAP>;
// Backward: du of one step [3, C], and dh, which passes from each step to the one before it.
var<workgroup> stepDu: array<f32, 3 * CAP>;
var<workgroup> dh: array<f32, CAP>;

// begin helpers/sigmoid_stable.wgsl (generated: edit there)
// The logistic function. Beyond -88 exp would overflow, and WGSL does not say what follows; there
// the result stays at 6e-39. NaN is kept, which min and exp may drop.
fn sigmoid_stable(v: f32) -> f32 {
  return select(v, 1.0 / (1.0 + exp(min(-v, 88.0))), v == v);
}
// end helpers/sigmoid_stable.wgsl

// begin helpers/tanh_stable.wgsl (generated: edit there)
// tanh by exp(-2 |v|), which cannot overflow.
fn tanh_stable(v: f32) -> f32 {
  let e = exp(-2.0 * abs(v));
  // Below 0.1 the quotient loses digits; the Taylor series is within 2 ulp there.
  let series = v * (1.0 - v * v * (0.33333333 - v * v * 0.13333333));
  return select(sign(v) * (1.0 - e) / (1.0 + e), series, abs(v) < 0.1);
}
// end helpers/tanh_stable.wgsl

// weight[row, column], and 0 outside.
fn padded_weight(row: u32, column: u32) -> f32 {
  if (column >= params.C || row >= 3u * params.C) {
    return 0.0;
  }
  return weight[row * params.C + column];
}

@compute @workgroup_size(WG)
fn pack(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.x + group.y * groups.x) * WG + local;
  let chunks = params.padded / 4u;
  if (i >= 3u * params.C * chunks) {
    return;
  }
  var values = vec4f();
  if (params.transposed != 0u) {
    // Row k of the transposed weights has the weights from unit k to every unit, gate by gate.
    let k = i / (3u * chunks);
    let gate = (i / chunks) % 3u;
    let unit = 4u * (i % chunks);
    for (var n = 0u; n < 4u; n++) {
      if (unit + n < params.C) {
        values[n] = padded_weight(gate * params.C + unit + n, k);
      }
    }
  } else {
    let row = i / chunks;
    let unit = 4u * (i % chunks);
    for (var n = 0u; n < 4u; n++) {
      values[n] = padded_weight(row, unit + n);
    }
  }
  newPacked[i] = values;
}

@compute @workgroup_size(WG)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let b = group.x + group.y * groups.x;
  if (b >= params.B) {
    return;
  }
  let C = params.C;
  let chunks = params.padded / 4u;
  for (var unit = local; unit < C; unit += WG) {
    state[unit] = h0[b * C + unit];
  }
  workgroupBarrier();
  var current = 0u;
  for (var step = 0u; step < params.T; step++) {
    let t = select(step, params.T - 1u - step, params.reverse != 0u);
    let row = b * params.T + t;
    let isMasked = params.hasMask != 0u && mask[row] == 0u;
    for (var chunk = local; chunk < chunks; chunk += WG) {
      // W h of four units and all gates: the sum over k of h[k] times row k of the transposed
      // weights.
      var ur = vec4f();
      var uz = vec4f();
      var un = vec4f();
      for (var k = 0u; k < C; k++) {
        let h = state[current + k];
        let w = k * 3u * chunks + chunk;
        ur += h * packed[w];
        uz += h * packed[w + chunks];
        un += h * packed[w + 2u * chunks];
      }
      // The gates and h', unit by unit, as C need not be a multiple of 4.
      for (var n = 0u; n < min(4u, C - 4u * chunk); n++) {
        let unit = 4u * chunk + n;
        let gate = row * 3u * C + unit;
        let r = sigmoid_stable(x[gate] + ur[n] + bias[unit]);
        // z = 1 at a masked step keeps the state, and passes its gradient on unchanged in backward.
        let z = select(sigmoid_stable(x[gate + C] + uz[n] + bias[C + unit]), 1.0, isMasked);
        let u = un[n] + bias[2u * C + unit];
        let candidate = tanh_stable(x[gate + 2u * C] + r * u);
        let h = state[current + unit];
        let next = (1.0 - z) * candidate + z * h;
        state[CAP - current + unit] = next;
        out[row * C + unit] = next;
        if (params.saves != 0u) {
          previous[row * C + unit] = h;
          let base = row * 4u * C + unit;
          saved[base] = r;
          saved[base + C] = z;
          saved[base + 2u * C] = candidate;
          saved[base + 3u * C] = u;
        }
      }
    }
    // One barrier per step is enough: the next step writes the copy of h that this one has read.
    workgroupBarrier();
    current = CAP - current;
  }
}

@compute @workgroup_size(WG)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let b = group.x + group.y * groups.x;
  if (b >= params.B) {
    return;
  }
  let C = params.C;
  let chunks = params.padded / 4u;
  // The same invocation writes and first reads each word of dh, so no barrier is needed yet.
  for (var unit = local; unit < C; unit += WG) {
    dh[unit] = 0.0;
  }
  // Steps in the opposite order of forward.
  for (var step = 0u; step < params.T; step++) {
    let t = select(params.T - 1u - step, step, params.reverse != 0u);
    let row = b * params.T + t;
    // Through the gates, unit by unit.
    for (var unit = local; unit < C; unit += WG) {
      let base = row * 4u * C + unit;
      let r = saved[base];
      let z = saved[base + C];
      let candidate = saved[base + 2u * C];
      let u = saved[base + 3u * C];
      // The gradient of h': from this step's output, and from the step after it.
      let dnext = dout[row * C + unit] + dh[unit];
      // Gradients before the tanh and the sigmoids: tanh' = 1 - n^2, sigmoid' = s (1 - s).
      let dn = dnext * (1.0 - z) * (1.0 - candidate * candidate);
      let dz = dnext * (previous[row * C + unit] - candidate) * z * (1.0 - z);
      let dr = dn * u * r * (1.0 - r);
      let gate = row * 3u * C + unit;
      dx[gate] = dr;
      dx[gate + C] = dz;
      dx[gate + 2u * C] = dn;
      du[gate] = dr;
      du[gate + C] = dz;
      du[gate + 2u * C] = dn * r;
      stepDu[unit] = dr;
      stepDu[C + unit] = dz;
      stepDu[2u * C + unit] = dn * r;
      // dh through the term z h of h'.
      dh[unit] = dnext * z;
    }
    // du of all units is complete before any unit sums it.
    workgroupBarrier();
    // dh += W^T du for four units: the sum over k of du[k] times row k of W.
    for (var chunk = local; chunk < chunks; chunk += WG) {
      var sum = vec4f();
      for (var k = 0u; k < 3u * C; k++) {
        sum += stepDu[k] * packed[k * chunks + chunk];
      }
      for (var n = 0u; n < min(4u, C - 4u * chunk); n++) {
        dh[4u * chunk + n] += sum[n];
      }
    }
    workgroupBarrier();
  }
  for (var unit = local; unit < C; unit += WG) {
    dh0[b * C + unit] = dh[unit];
  }
}
