// Gated recurrent units through time (Cho et al. 2014, in the form of PyTorch's GRU), one workgroup a sequence.
//
//   pack       the recurrent weights, rows padded to whole vec4: as they are, or transposed per gate
//   forward    r = sigmoid(x_r + W_r h + b_r),  z = sigmoid(x_z + W_z h + b_z),
//              n = tanh(x_n + r s),  s = W_n h + b_n,  h' = (1 - z) n + z h;  where the mask is 0, h' = h
//   backward   from d h' of every step: d x, d (W h + b) and d h0
//
// Shapes   x, dx, dstate [B, T, 3 H], gates in the order r, z, n; weight [3 H, H]; bias [3 H]; first, dfirst [B, H];
//          mask [B, T] u32; out, previous, dout [B, T, H]; previous holds each step's h; saved [B, T, 4 H] holds r, z, n, s.
//          packed [3 H, Hp], or transposed [H, 3 Hp], Hp = H rounded up to a multiple of 4.
// Grid     forward, backward: one workgroup a row of the batch; a lane makes four neighbouring units at a time, so that
//          lanes next to each other read weights next to each other. pack: one invocation a vec4.
// Memory   forward keeps two copies of h, backward d (W h + b) and d h: CAP floats each, CAP at least Hp.
// Numerics f32, sums in order of the units; steps run from the last to the first where `reverse` is set.

const WG = 64u;
const CAP = 64u;

struct Params {
  length: u32,
  width: u32,
  padded: u32,
  reverse: u32,
  transposed: u32,
  saves: u32,
  hasMask: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> packed: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> first: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(0) @binding(6) var<storage, read_write> previous: array<f32>;
@group(0) @binding(7) var<storage, read_write> saved: array<f32>;
@group(0) @binding(8) var<storage, read> dout: array<f32>;
@group(0) @binding(9) var<storage, read_write> dx: array<f32>;
@group(0) @binding(10) var<storage, read_write> dstate: array<f32>;
@group(0) @binding(11) var<storage, read_write> dfirst: array<f32>;
@group(0) @binding(12) var<storage, read_write> repacked: array<vec4f>;
@group(0) @binding(13) var<storage, read> mask: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> hidden: array<f32, 2 * CAP>;
var<workgroup> gradients: array<f32, 3 * CAP>;
var<workgroup> carried: array<f32, CAP>;

fn sigmoid(v: f32) -> f32 {
  return 1.0 / (1.0 + exp(-v));
}

fn tanh_stable(v: f32) -> f32 {
  let e = exp(-2.0 * abs(v));
  // Below 0.1 the quotient loses digits; the series is exact to f32 there.
  let small = v * (1.0 - v * v * (0.33333333 - v * v * 0.13333333));
  return select(sign(v) * (1.0 - e) / (1.0 + e), small, abs(v) < 0.1);
}

/// The word of a matrix row, or zero past its end.
fn weight_at(row: u32, column: u32) -> f32 {
  if (column >= params.width || row >= 3u * params.width) {
    return 0.0;
  }
  return weight[row * params.width + column];
}

@compute @workgroup_size(WG)
fn pack(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.x + group.y * groups.x) * WG + local;
  let chunks = params.padded / 4u;
  if (i >= 3u * params.width * chunks) {
    return;
  }
  var made = vec4f();
  if (params.transposed != 0u) {
    // Row k of the transposed weights: what unit k sends to every unit, gate by gate.
    let k = i / (3u * chunks);
    let gate = (i / chunks) % 3u;
    let unit = 4u * (i % chunks);
    for (var n = 0u; n < 4u; n++) {
      if (unit + n < params.width) {
        made[n] = weight_at(gate * params.width + unit + n, k);
      }
    }
  } else {
    let row = i / chunks;
    let unit = 4u * (i % chunks);
    for (var n = 0u; n < 4u; n++) {
      made[n] = weight_at(row, unit + n);
    }
  }
  repacked[i] = made;
}

@compute @workgroup_size(WG)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let b = group.x + group.y * groups.x;
  let H = params.width;
  let chunks = params.padded / 4u;
  for (var j = local; j < H; j += WG) {
    hidden[j] = first[b * H + j];
  }
  workgroupBarrier();
  var now = 0u;
  for (var step = 0u; step < params.length; step++) {
    let t = select(step, params.length - 1u - step, params.reverse != 0u);
    let row = b * params.length + t;
    let skipped = params.hasMask != 0u && mask[row] == 0u;
    for (var chunk = local; chunk < chunks; chunk += WG) {
      var r = vec4f();
      var z = vec4f();
      var s = vec4f();
      for (var k = 0u; k < H; k++) {
        let h = hidden[now + k];
        let at = k * 3u * chunks + chunk;
        r += h * packed[at];
        z += h * packed[at + chunks];
        s += h * packed[at + 2u * chunks];
      }
      for (var n = 0u; n < min(4u, H - 4u * chunk); n++) {
        let unit = 4u * chunk + n;
        let input = row * 3u * H + unit;
        let reset = sigmoid(x[input] + r[n] + bias[unit]);
        // An update gate of 1 keeps the state, and lets nothing but it back.
        let update = select(sigmoid(x[input + H] + z[n] + bias[H + unit]), 1.0, skipped);
        let state = s[n] + bias[2u * H + unit];
        let fresh = tanh_stable(x[input + 2u * H] + reset * state);
        let h = hidden[now + unit];
        let value = (1.0 - update) * fresh + update * h;
        hidden[CAP - now + unit] = value;
        out[row * H + unit] = value;
        if (params.saves != 0u) {
          previous[row * H + unit] = h;
          let kept = row * 4u * H + unit;
          saved[kept] = reset;
          saved[kept + H] = update;
          saved[kept + 2u * H] = fresh;
          saved[kept + 3u * H] = state;
        }
      }
    }
    workgroupBarrier();
    now = CAP - now;
  }
}

@compute @workgroup_size(WG)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let b = group.x + group.y * groups.x;
  let H = params.width;
  let chunks = params.padded / 4u;
  // Read by the lane that writes it, so no barrier is needed yet.
  for (var j = local; j < H; j += WG) {
    carried[j] = 0.0;
  }
  for (var step = 0u; step < params.length; step++) {
    let t = select(params.length - 1u - step, step, params.reverse != 0u);
    let row = b * params.length + t;
    for (var unit = local; unit < H; unit += WG) {
      let kept = row * 4u * H + unit;
      let reset = saved[kept];
      let update = saved[kept + H];
      let fresh = saved[kept + 2u * H];
      let state = saved[kept + 3u * H];
      let dh = dout[row * H + unit] + carried[unit];
      let dn = dh * (1.0 - update) * (1.0 - fresh * fresh);
      let dz = dh * (previous[row * H + unit] - fresh) * update * (1.0 - update);
      let dr = dn * state * reset * (1.0 - reset);
      let at = row * 3u * H + unit;
      dx[at] = dr;
      dx[at + H] = dz;
      dx[at + 2u * H] = dn;
      dstate[at] = dr;
      dstate[at + H] = dz;
      dstate[at + 2u * H] = dn * reset;
      gradients[unit] = dr;
      gradients[H + unit] = dz;
      gradients[2u * H + unit] = dn * reset;
      carried[unit] = dh * update;
    }
    workgroupBarrier();
    for (var chunk = local; chunk < chunks; chunk += WG) {
      var sum = vec4f();
      for (var k = 0u; k < 3u * H; k++) {
        sum += gradients[k] * packed[k * chunks + chunk];
      }
      for (var n = 0u; n < min(4u, H - 4u * chunk); n++) {
        carried[4u * chunk + n] += sum[n];
      }
    }
    workgroupBarrier();
  }
  for (var j = local; j < H; j += WG) {
    dfirst[b * H + j] = carried[j];
  }
}
