// Rows of a table picked by token, with positions and a second embedding added in the same pass.
//
//   gather      out[r, c] = table[ids[r], c] + addend[r, c] + positions[r mod T, c]     each term optional
//   scatter     dtable[v, c] += sum of dout[order[p], c] over p in starts[v] .. starts[v + 1] - 1
//   fold_rows   dpositions[t, c] += sum_b dout[b * T + t, c]
//
// Shapes   table [V, width]; ids [rows] u32; addend, out, dout [rows, width]; positions [T, width];
//          order [rows] u32 holds the rows sorted by token, starts [V + 1] u32 where each token's rows begin.
// Grid     gather: ITEMS elements an invocation. scatter, fold_rows: one invocation per element of the gradient. The
//          entries called wide take four neighboring elements where these take one, and rows of whole vec4.
// Numerics f32. No atomics: the host sorts the positions, so each sum has one owner and one order.
//          An id past the table reads its last row; the host refuses such ids before they get here.

const WG = 64u;
const ITEMS = 4u;

struct Params {
  rows: u32,
  width: u32,
  vocabulary: u32,
  length: u32,
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
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;

@group(0) @binding(0) var<storage, read> tableVec: array<vec4f>;
@group(0) @binding(2) var<storage, read> addendVec: array<vec4f>;
@group(0) @binding(3) var<storage, read> positionsVec: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> outVec: array<vec4f>;
@group(0) @binding(0) var<storage, read> doutVec: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> gradientVec: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WG)
fn gather(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = first; i < min(first + WG * ITEMS, params.rows * params.width); i += WG) {
    let r = i / params.width;
    let c = i % params.width;
    var value = 0.0;
    if (params.hasTable != 0u) {
      value = table[min(ids[r], params.vocabulary - 1u) * params.width + c];
    }
    if (params.hasAddend != 0u) {
      value += addend[i];
    }
    if (params.hasPositions != 0u) {
      value += positions[(r % params.length) * params.width + c];
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
  let v = i / params.width;
  if (v >= params.vocabulary) {
    return;
  }
  var sum = 0.0;
  for (var p = starts[v]; p < min(starts[v + 1u], params.rows); p++) {
    sum += dout[order[p] * params.width + i % params.width];
  }
  gradient[i] += sum;
}

@compute @workgroup_size(WG)
fn fold_rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.x + group.y * groups.x) * WG + local;
  if (i >= params.length * params.width) {
    return;
  }
  var sum = 0.0;
  for (var r = i / params.width; r < params.rows; r += params.length) {
    sum += dout[r * params.width + i % params.width];
  }
  gradient[i] += sum;
}

@compute @workgroup_size(WG)
fn gather_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let width = params.width / 4u;
  let first = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = first; i < min(first + WG * ITEMS, params.rows * width); i += WG) {
    let r = i / width;
    let c = i - r * width;
    var value = vec4f();
    if (params.hasTable != 0u) {
      value = tableVec[min(ids[r], params.vocabulary - 1u) * width + c];
    }
    if (params.hasAddend != 0u) {
      value += addendVec[i];
    }
    if (params.hasPositions != 0u) {
      value += positionsVec[(r % params.length) * width + c];
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
  let width = params.width / 4u;
  let i = (group.x + group.y * groups.x) * WG + local;
  let v = i / width;
  if (v >= params.vocabulary) {
    return;
  }
  let c = i - v * width;
  let end = min(starts[v + 1u], params.rows);
  var sum = vec4f();
  for (var p = starts[v]; p < end; p++) {
    sum += doutVec[order[p] * width + c];
  }
  gradientVec[i] += sum;
}

@compute @workgroup_size(WG)
fn fold_rows_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let width = params.width / 4u;
  let i = (group.x + group.y * groups.x) * WG + local;
  if (i >= params.length * width) {
    return;
  }
  let t = i / width;
  let c = i - t * width;
  var sum = vec4f();
  for (var r = t; r < params.rows; r += params.length) {
    sum += doutVec[r * width + c];
  }
  gradientVec[i] += sum;
}
