// Copying, averaging and adding along the sequence axis.
//
//   copy        out[b, outStart + t, c] (+)= x[b, inStart + t, c] for t < length
//   pool        out[b, c] = sum_t m[b, t] x[b, t, c] / n_b,  n_b = sum_t m[b, t]
//   pool_grad   dx[b, t, c] (+)= m[b, t] dout[b, c] / n_b
//   add_row     out[b, t, c] = x[b, t, c] + row[b, c]
//   sum         out[b, c] (+)= sum_t x[b, t, c]
//
// Concatenation and slicing are copies.
//
// Shapes   x, dx, add_row's out [B, inLength, C]; copy's out [B, outLength, C]; pool's and sum's
//          out, dout, row [B, C]; mask m [B, inLength] u32, of which any nonzero word counts as 1
//          (absent: all 1); counts [B] = n_b, written by pool.
// Grid     copy, pool_grad, add_row: an invocation takes ITEMS elements, WG apart. pool, sum: one
//          invocation per element of out.
// Memory   registers only.
// Numerics f32, sums in order of t. A row whose mask is empty pools to 0 and has no gradient.

const WG = 64u;
const ITEMS = 4u;

struct Params {
  B: u32,
  length: u32,
  C: u32,
  inLength: u32,
  inStart: u32,
  outLength: u32,
  outStart: u32,
  accumulate: u32,
  hasMask: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(0) var<storage, read> dout: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
@group(0) @binding(1) var<storage, read> row: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<storage, read_write> counts: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// begin helpers/store_or_add.wgsl for out (generated: edit there)
// out[i] = value, or += where the host asks for accumulation.
fn store_or_add_out(i: u32, value: f32) {
  if (params.accumulate != 0u) {
    out[i] += value;
  } else {
    out[i] = value;
  }
}
// end helpers/store_or_add.wgsl

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

// m[b, t], 0 or 1.
fn mask_value(b: u32, t: u32) -> f32 {
  if (params.hasMask == 0u) {
    return 1.0;
  }
  return select(0.0, 1.0, mask[b * params.inLength + t] != 0u);
}

@compute @workgroup_size(WG)
fn copy(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let n = params.B * params.length * params.C;
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, n); i += WG) {
    let c = i % params.C;
    let t = (i / params.C) % params.length;
    let b = i / (params.C * params.length);
    let source = (b * params.inLength + params.inStart + t) * params.C + c;
    let target_ = (b * params.outLength + params.outStart + t) * params.C + c;
    store_or_add_out(target_, x[source]);
  }
}

@compute @workgroup_size(WG)
fn pool(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.x + group.y * groups.x) * WG + local;
  let b = i / params.C;
  let c = i % params.C;
  if (b >= params.B) {
    return;
  }
  // Masked positions are skipped, not multiplied by 0, so that nothing they hold reaches the mean.
  var sum = 0.0;
  var count = 0.0;
  for (var t = 0u; t < params.inLength; t++) {
    let m = mask_value(b, t);
    if (m != 0.0) {
      sum += x[(b * params.inLength + t) * params.C + c];
      count += m;
    }
  }
  out[i] = sum / max(count, 1.0);
  // All columns of a row have the same count; the first writes it.
  if (c == 0u) {
    counts[b] = count;
  }
}

@compute @workgroup_size(WG)
fn pool_grad(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let n = params.B * params.inLength * params.C;
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, n); i += WG) {
    let c = i % params.C;
    let t = (i / params.C) % params.inLength;
    let b = i / (params.C * params.inLength);
    store_or_add_dx(i, mask_value(b, t) * dout[b * params.C + c] / max(counts[b], 1.0));
  }
}

@compute @workgroup_size(WG)
fn add_row(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let n = params.B * params.inLength * params.C;
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, n); i += WG) {
    let b = i / (params.C * params.inLength);
    out[i] = x[i] + row[b * params.C + i % params.C];
  }
}

@compute @workgroup_size(WG)
fn sum(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.x + group.y * groups.x) * WG + local;
  let b = i / params.C;
  let c = i % params.C;
  if (b >= params.B) {
    return;
  }
  var total = 0.0;
  for (var t = 0u; t < params.inLength; t++) {
    total += x[(b * params.inLength + t) * params.C + c];
  }
  store_or_add_out(i, total);
}
