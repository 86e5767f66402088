// Rows of a table looked up by token, with positions and a second embedding added in the same pass.
//
//   gather      out[r, c] = table[ids[r], c] + addend[r, c] + positions[r mod T, c]
//   scatter     dtable[v, c] += sum of dout[order[p], c] over p = starts[v] .. starts[v + 1] - 1
//   fold_rows   dpositions[t, c] += sum_b dout[b * T + t, c]
//
// Each term of gather is optional. With T = 1, fold_rows computes the gradient of a bias.
//
// Shapes   table, dtable [V, C]; ids [rows] u32; addend, out, dout [rows, C], rows = B * T;
//          positions, dpositions [T, C]; order [rows] u32 holds the rows sorted by token, and
//          starts [V + 1] u32 where each token's rows begin in it.
// Grid     gather: an invocation takes ITEMS elements, WG apart. scatter, fold_rows: one invocation
//          per element of the gradient. The entries called wide take vec4 instead of elements, and
//          C is a multiple of 4.
// Memory   registers only.
// Numerics f32. No atomics: the host sorts the rows by token, and one invocation adds the rows of a
//          token in that order. An id past the table reads the last row; the host rejects such ids
//          before they get here.

const WG = 64u;
const ITEMS = 4u;

struct Params {
  rows: u32,
  C: u32,
  V: u32,
  T: u32,
  hasTable: u32,
  hasAddend: u32,
  hasPositions: u32,
}

@group(0) @binding(0) var<storage, read> table: array<f32>;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> addend: array<f32>;
@group(0) @binding(3) var<storage, read> positions: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

@group(0) @binding(0) var<storage, read> dout: array<f32>;
@group(0) @binding(1) var<storage, read> order: array<u32>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> dtable: array<f32>;
@group(0) @binding(3) var<storage, read_write> dpositions: array<f32>;

@group(0) @binding(0) var<storage, read> tableVec: array<vec4f>;
@group(0) @binding(2) var<storage, read> addendVec: array<vec4f>;
@group(0) @binding(3) var<storage, read> positionsVec: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> outVec: array<vec4f>;
@group(0) @binding(0) var<storage, read> doutVec: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dtableVec: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dpositionsVec: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WG)
fn gather(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, params.rows * params.C); i += WG) {
    let r = i / params.C;
    let c = i % params.C;
    var value = 0.0;
    if (params.hasTable != 0u) {
      value = table[min(ids[r], params.V - 1u) * params.C + c];
    }
    if (params.hasAddend != 0u) {
      value += addend[i];
    }
    if (params.hasPositions != 0u) {
      value += positions[(r % params.T) * params.C + c];
    }
    out[i] = value;
  }
}

@compute @workgroup_size(WG)
fn scatter(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.x + group.y * groups.x) * WG + local;
  let v = i / params.C;
  if (v >= params.V) {
    return;
  }
  // The rows whose token is v are neighbors in `order`. Invocations of the same v read the same
  // rows in step, at neighboring columns.
  var sum = 0.0;
  for (var p = starts[v]; p < min(starts[v + 1u], params.rows); p++) {
    sum += dout[order[p] * params.C + i % params.C];
  }
  dtable[i] += sum;
}

@compute @workgroup_size(WG)
fn fold_rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.x + group.y * groups.x) * WG + local;
  if (i >= params.T * params.C) {
    return;
  }
  // Rows t, t + T, t + 2 T, ...: position t of every sequence of the batch.
  var sum = 0.0;
  for (var r = i / params.C; r < params.rows; r += params.T) {
    sum += dout[r * params.C + i % params.C];
  }
  dpositions[i] += sum;
}

// The entries called wide. Here C4 and c count vec4.

@compute @workgroup_size(WG)
fn gather_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let C4 = params.C / 4u;
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, params.rows * C4); i += WG) {
    let r = i / C4;
    let c = i - r * C4;
    var value = vec4f();
    if (params.hasTable != 0u) {
      value = tableVec[min(ids[r], params.V - 1u) * C4 + c];
    }
    if (params.hasAddend != 0u) {
      value += addendVec[i];
    }
    if (params.hasPositions != 0u) {
      value += positionsVec[(r % params.T) * C4 + c];
    }
    outVec[i] = value;
  }
}

@compute @workgroup_size(WG)
fn scatter_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let C4 = params.C / 4u;
  let i = (group.x + group.y * groups.x) * WG + local;
  let v = i / C4;
  if (v >= params.V) {
    return;
  }
  let c = i - v * C4;
  let end = min(starts[v + 1u], params.rows);
  var sum = vec4f();
  for (var p = starts[v]; p < end; p++) {
    sum += doutVec[order[p] * C4 + c];
  }
  dtableVec[i] += sum;
}

@compute @workgroup_size(WG)
fn fold_rows_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let C4 = params.C / 4u;
  let i = (group.x + group.y * groups.x) * WG + local;
  if (i >= params.T * C4) {
    return;
  }
  let t = i / C4;
  let c = i - t * C4;
  var sum = vec4f();
  for (var r = t; r < params.rows; r += params.T) {
    sum += doutVec[r * C4 + c];
  }
  dpositionsVec[i] += sum;
}
