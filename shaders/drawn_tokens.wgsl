// Windows while they are drawn token by token.
//
//   append   ids[b, position] = newIds[b], times[b, position] = newTimes[b]
//   expect   expected[b, v] += softmax(z[b])[v], unless one of ids[b, 0 .. position] ended window b
//   expect_endless
//            expected[b, v] += reach[b, position] softmax(z[b])[v]
//            reach[b, position + 1] = reach[b, position] (1 - sum of softmax(z[b])[v], v >= ends)
//
// What `expect` sums over the positions of a window, averaged over draws, is the expected number of
// spikes of v: the same mean as that of counting the drawn spikes, with less noise. For
// `expect_endless` no token that ends a window is drawn; each position is weighted by the
// probability that the window reaches it. The mean is the same again, without the noise of where
// windows end.
//
// Shapes   ids [B, T] u32; times, reach [B, T]; newIds, newTimes [B] u32; logits z,
//          expected [B, V].
// Grid     append: one invocation per b. expect, expect_endless: LANES invocations per row,
//          WG / LANES rows per workgroup.
// Memory   workgroup: WG vec2. With LANES = 1 no barrier remains.
// Numerics f32, sums in a fixed order.

const WG = 64u;
const LANES = 16u;

struct Params {
  B: u32,
  T: u32,
  V: u32,
  position: u32,
  // Tokens from this one on end a window.
  ends: u32,
}

@group(0) @binding(0) var<storage, read> newIds: array<u32>;
@group(0) @binding(1) var<storage, read> newTimes: array<u32>;
@group(0) @binding(2) var<storage, read_write> drawnIds: array<u32>;
@group(0) @binding(3) var<storage, read_write> drawnTimes: array<f32>;

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read_write> expected: array<f32>;
@group(0) @binding(3) var<storage, read_write> reach: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> scratch: array<vec2f, WG>;

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
fn append(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let b = (group.x + group.y * groups.x) * WG + local;
  if (b >= params.B) {
    return;
  }
  let i = b * params.T + params.position;
  drawnIds[i] = newIds[b];
  drawnTimes[i] = f32(newTimes[b]);
}

// Whether window b is still open after its token at params.position.
fn is_open(b: u32) -> bool {
  var isOpen = true;
  for (var t = 0u; t <= params.position; t++) {
    isOpen = isOpen && ids[b * params.T + t] < params.ends;
  }
  return isOpen;
}

// (max, sum of exp(z - max)) of a row of logits. Past the last row there is nothing to add, but
// every invocation has to reach the barriers.
fn softmax_stats(local: u32, row: u32) -> vec2f {
  let start = row * params.V;
  let end = select(0u, params.V, row < params.B);
  var laneMax = -3.0e38;
  var sum = 0.0;
  for (var v = local % LANES; v < end; v += LANES) {
    let newMax = max(laneMax, logits[start + v]);
    sum = sum * exp(laneMax - newMax) + exp(logits[start + v] - newMax);
    laneMax = newMax;
  }
  return row_merge(local, vec2f(laneMax, sum));
}

@compute @workgroup_size(WG)
fn expect(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.x + group.y * groups.x) * (WG / LANES) + local / LANES;
  let stats = softmax_stats(local, row);
  if (row >= params.B || !is_open(row)) {
    return;
  }
  let start = row * params.V;
  for (var v = local % LANES; v < params.V; v += LANES) {
    expected[start + v] += exp(logits[start + v] - stats.x) / stats.y;
  }
}

@compute @workgroup_size(WG)
fn expect_endless(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.x + group.y * groups.x) * (WG / LANES) + local / LANES;
  let lane = local % LANES;
  let stats = softmax_stats(local, row);
  if (row >= params.B) {
    return;
  }
  let start = row * params.V;
  let here = row * params.T + params.position;
  for (var v = lane; v < params.V; v += LANES) {
    expected[start + v] += reach[here] * exp(logits[start + v] - stats.x) / stats.y;
  }
  // The other lanes read reach[here] and never this word.
  if (lane == 0u && params.position + 1u < params.T) {
    var ended = 0.0;
    for (var v = params.ends; v < params.V; v++) {
      ended += exp(logits[start + v] - stats.x);
    }
    reach[here + 1u] = reach[here] * max(0.0, 1.0 - ended / stats.y);
  }
}
