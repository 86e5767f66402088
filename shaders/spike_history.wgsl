// What each neuron fired before a moment, weighted by how long ago.
//
// A query is a position t of the current window. It sees the spikes of the past window and those of
// the current window up to and including position t, and measures lags from its own time. Time
// tokens count steps from their window's start, so
//
//   lag(t, k) = times[t] + pastSteps - pastTimes[k]   for spike k of the past window
//   lag(t, k) = times[t] - times[k]                   for spike k <= t of the current window
//
//   features        out[b, q, r, v] = sum of kernel[r, lag(t, k)] over spikes k with id_k = v
//   features_grad   partials[b, q, r, l] = sum of dout[b, q, r, id_k] over spikes k with lag l
//
// with t = start + q. The gradient of kernel[r, l] is the sum of partials over b and q. With a
// single column, V = 1, the spikes of all neurons are added up in it.
//
// Shapes   ids [B, T], pastIds [B, P] u32, of which those below `neurons` are spikes; times [B, T],
//          pastTimes [B, P]; mask [B, T], pastMask [B, P] u32, zero where a spike is hidden (or
//          absent); kernel [R, L]; out, dout [B, Q, R, V]; partials [B, Q, R, L].
// Grid     one invocation per (b, q, r).
// Memory   registers only.
// Numerics f32. No atomics: one invocation owns a row and adds its spikes in order. A lag of L or
//          more counts as none.

const WG = 64u;

struct Params {
  B: u32,
  T: u32,
  P: u32,
  Q: u32,
  R: u32,
  V: u32,
  L: u32,
  start: u32,
  neurons: u32,
  pastSteps: u32,
  hasMask: u32,
}

@group(0) @binding(0) var<storage, read> ids: array<u32>;
@group(0) @binding(1) var<storage, read> times: array<f32>;
@group(0) @binding(2) var<storage, read> pastIds: array<u32>;
@group(0) @binding(3) var<storage, read> pastTimes: array<f32>;
@group(0) @binding(4) var<storage, read> mask: array<u32>;
@group(0) @binding(5) var<storage, read> pastMask: array<u32>;
@group(0) @binding(6) var<storage, read> kernel: array<f32>;
@group(0) @binding(6) var<storage, read> dout: array<f32>;
@group(0) @binding(7) var<storage, read_write> out: array<f32>;
@group(0) @binding(7) var<storage, read_write> partials: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// A query and its kernel: row = (b * Q + q) * R + r.
struct Row {
  b: u32,
  // The query's position in the current window.
  t: u32,
  r: u32,
  // The query's time, in steps from the start of the past window.
  now: f32,
}

fn row_of(index: u32) -> Row {
  var row: Row;
  row.r = index % params.R;
  let query = index / params.R;
  row.b = query / params.Q;
  row.t = params.start + query % params.Q;
  row.now = f32(params.pastSteps) + times[row.b * params.T + row.t];
  return row;
}

// A spike before a query; `lag` is L where there is none.
struct Spike {
  column: u32,
  lag: u32,
}

// Token k of the past window followed by the current one.
fn spike_at(row: Row, k: u32) -> Spike {
  var id: u32;
  var age: f32;
  var isVisible = true;
  if (k < params.P) {
    let i = row.b * params.P + k;
    id = pastIds[i];
    age = row.now - pastTimes[i];
    if (params.hasMask != 0u) {
      isVisible = pastMask[i] != 0u;
    }
  } else {
    let i = row.b * params.T + k - params.P;
    id = ids[i];
    age = row.now - f32(params.pastSteps) - times[i];
    if (params.hasMask != 0u) {
      isVisible = mask[i] != 0u;
    }
  }
  let isSpike = isVisible && id < params.neurons && age >= 0.0 && age < f32(params.L);
  return Spike(min(id, params.V - 1u), select(params.L, u32(age + 0.5), isSpike));
}

@compute @workgroup_size(WG)
fn features(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.x + group.y * groups.x) * WG + local;
  if (index >= params.B * params.Q * params.R) {
    return;
  }
  let start = index * params.V;
  for (var v = 0u; v < params.V; v++) {
    out[start + v] = 0.0;
  }
  let row = row_of(index);
  for (var k = 0u; k < params.P + row.t + 1u; k++) {
    let spike = spike_at(row, k);
    if (spike.lag < params.L) {
      out[start + spike.column] += kernel[row.r * params.L + spike.lag];
    }
  }
}

@compute @workgroup_size(WG)
fn features_grad(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.x + group.y * groups.x) * WG + local;
  if (index >= params.B * params.Q * params.R) {
    return;
  }
  let start = index * params.L;
  for (var l = 0u; l < params.L; l++) {
    partials[start + l] = 0.0;
  }
  let row = row_of(index);
  for (var k = 0u; k < params.P + row.t + 1u; k++) {
    let spike = spike_at(row, k);
    if (spike.lag < params.L) {
      partials[start + spike.lag] += dout[index * params.V + spike.column];
    }
  }
}
