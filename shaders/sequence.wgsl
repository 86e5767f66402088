// Moving and averaging along the sequence axis.
//
//   copy        out[b, outStart + t, c] (+)= x[b, inStart + t, c],  t < length      concatenation, slicing
//   pool        out[b, c] = sum_t m[b, t] x[b, t, c] / n_b,  n_b = sum_t m[b, t]    n_b is kept in counts
//   pool_grad   dx[b, t, c] (+)= m[b, t] dout[b, c] / n_b
//
// Shapes   x, dx [B, inLength, width]; mask m [B, inLength] u32 (absent: all 1; any non-zero word counts as 1);
//          copy's out [B, outLength, width]; pool's out [B, width]; counts [B]. A row whose mask is empty pools to 0.
// Grid     copy, pool_grad: ITEMS elements an invocation. pool: one invocation per output element.
// Numerics f32, sums in order of t.

const WG = 64u;
const ITEMS = 4u;

struct Params {
  batch: u32,
  length: u32,
  width: u32,
  inLength: u32,
  inStart: u32,
  outLength: u32,
  outStart: u32,
  accumulate: u32,
  hasMask: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read_write> counts: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn put(i: u32, value: f32) {
  if (params.accumulate != 0u) {
    out[i] += value;
  } else {
    out[i] = value;
  }
}

fn included(b: u32, t: u32) -> f32 {
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
  let first = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = first; i < min(first + WG * ITEMS, params.batch * params.length * params.width); i += WG) {
    let c = i % params.width;
    let t = (i / params.width) % params.length;
    let b = i / (params.width * params.length);
    let source = (b * params.inLength + params.inStart + t) * params.width + c;
    put((b * params.outLength + params.outStart + t) * params.width + c, x[source]);
  }
}

@compute @workgroup_size(WG)
fn pool(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.x + group.y * groups.x) * WG + local;
  let b = i / params.width;
  let c = i % params.width;
  if (b >= params.batch) {
    return;
  }
  var sum = 0.0;
  var count = 0.0;
  for (var t = 0u; t < params.inLength; t++) {
    let m = included(b, t);
    if (m != 0.0) {
      sum += x[(b * params.inLength + t) * params.width + c];
      count += m;
    }
  }
  out[i] = sum / max(count, 1.0);
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
  let first = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = first; i < min(first + WG * ITEMS, params.batch * params.inLength * params.width); i += WG) {
    let c = i % params.width;
    let t = (i / params.width) % params.inLength;
    let b = i / (params.width * params.inLength);
    put(i, included(b, t) * x[b * params.width + c] / max(counts[b], 1.0));
  }
}
