// Attention backward, in two kernels that recompute the scores instead of storing them.
//
//   p_ij = exp(s_ij - lse_i);   g_ij = keep_ij * dout_i . v_j;   delta_i = sum_j p_ij g_ij = dout_i . out_i
//   ds_ij = p_ij (g_ij - delta_i)
//   dq_i (+)= scale * sum_j ds_ij k_j      dk_j = scale * sum_i ds_ij q_i      dv_j = sum_i keep_ij p_ij dout_i
//
// Shapes   query, out, dout, dq [B, T, H * HEAD]; key, value, dk, dv [B, S, H * HEAD]; mask [B, S] u32;
//          rows [B, H, T] vec4 = (lse, delta, threshold, 0) from attention_forward, delta filled in by entry delta.
// Grid     delta: one invocation a row. dquery: as attention_forward, over query tiles, keys split over
//          workgroups where queries are few (dq is then [splits, B, T, H * HEAD], summed by matmul_reduce).
//          dkeys: an invocation owns ROWS (1 or 2) keys of one head and goes over all queries.
// Memory   O(T + S). Workgroup: 2 * TILE * C vec4, at most 16 KiB.
// Numerics f32; sums run in a fixed order; every key's gradient is made by one invocation, so no atomics.

const HEAD = 16u;
const C = (HEAD + 3u) / 4u;
const TAIL = HEAD % 4u;
const LAST = (HEAD + 3u) % 4u;
const ROWS = 1u;
const WG = 64u;
const TILE = 32u;

// As in attention_forward.
const HIDDEN = -1.0e38;

struct Params {
  batch: u32,
  heads: u32,
  queries: u32,
  keys: u32,
  splits: u32,
  causal: u32,
  hasMask: u32,
  sparse: u32,
  scale: f32,
  keepThreshold: u32,
  keepScale: f32,
  site: u32,
}

// The stream of one seed and step, mixed by the host.
struct Random {
  stream: vec2u,
}

@group(0) @binding(0) var<storage, read> query: array<f32>;
@group(0) @binding(1) var<storage, read> key: array<f32>;
@group(0) @binding(2) var<storage, read> value: array<f32>;
@group(0) @binding(3) var<storage, read> mask: array<u32>;
@group(0) @binding(4) var<storage, read> dout: array<f32>;
@group(0) @binding(5) var<storage, read> rows: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dq: array<f32>;
@group(0) @binding(6) var<storage, read_write> dk: array<f32>;
@group(0) @binding(7) var<storage, read_write> dv: array<f32>;
@group(0) @binding(8) var<uniform> random: Random;

@group(0) @binding(0) var<storage, read> out: array<f32>;
@group(0) @binding(5) var<storage, read_write> newRows: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

// Keys and values for dquery; queries and output gradients for dkeys.
var<workgroup> tileA: array<vec4f, TILE * C>;
var<workgroup> tileB: array<vec4f, TILE * C>;

// pcg4d of Jarzynski and Olano, Hash Functions for GPU Rendering, JCGT 9(3), 2020: four words.
fn hash4(key: vec4u) -> vec4u {
  var v = key * 1664525u + 1013904223u;
  v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
  v ^= v >> vec4u(16u);
  v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
  return v;
}

// The words of one score row's dropout, four neighbouring keys at a time.
fn dropout_words(row: u32, key4: u32) -> vec4u {
  return hash4(vec4u(key4, row, random.stream.x, random.stream.y ^ params.site));
}

// Scores of the query at position i for four keys, those it may not see made HIDDEN.
fn hide(batch: u32, i: u32, positions: vec4u, least: f32, scores: vec4f) -> vec4f {
  var seen = (positions < vec4u(params.keys)) & (scores >= vec4f(least));
  if (params.causal != 0u) {
    seen &= positions <= vec4u(i);
  }
  if (params.hasMask != 0u) {
    let at = batch * params.keys + min(positions, vec4u(params.keys - 1u));
    seen &= vec4u(mask[at.x], mask[at.y], mask[at.z], mask[at.w]) != vec4u();
  }
  return select(vec4f(HIDDEN), scores, seen);
}

fn load_query(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < C) {
    return vec4f(query[i], query[i + 1u], query[i + 2u], query[i + 3u]);
  }
  return vec4f(
    query[i],
    select(0.0, query[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, query[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}

fn load_key(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < C) {
    return vec4f(key[i], key[i + 1u], key[i + 2u], key[i + 3u]);
  }
  return vec4f(
    key[i],
    select(0.0, key[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, key[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}

fn load_value(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < C) {
    return vec4f(value[i], value[i + 1u], value[i + 2u], value[i + 3u]);
  }
  return vec4f(
    value[i],
    select(0.0, value[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, value[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}

fn load_dout(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < C) {
    return vec4f(dout[i], dout[i + 1u], dout[i + 2u], dout[i + 3u]);
  }
  return vec4f(
    dout[i],
    select(0.0, dout[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, dout[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}

fn load_out(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < C) {
    return vec4f(out[i], out[i + 1u], out[i + 2u], out[i + 3u]);
  }
  return vec4f(
    out[i],
    select(0.0, out[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, out[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}

fn store_dq(start: u32, c: u32, values: vec4f) {
  for (var i = 0u; i < min(4u, HEAD - 4u * c); i++) {
    dq[start + 4u * c + i] = values[i];
  }
}

fn store_dk(start: u32, c: u32, values: vec4f) {
  for (var i = 0u; i < min(4u, HEAD - 4u * c); i++) {
    dk[start + 4u * c + i] = values[i];
  }
}

fn store_dv(start: u32, c: u32, values: vec4f) {
  for (var i = 0u; i < min(4u, HEAD - 4u * c); i++) {
    dv[start + 4u * c + i] = values[i];
  }
}

// Chunk c of four keys as columns, from the staged tile at `slot`.
fn keys4(slot: u32, c: u32) -> mat4x4f {
  let at = slot * C + c;
  return mat4x4f(tileA[at], tileA[at + C], tileA[at + 2u * C], tileA[at + 3u * C]);
}

// Chunk c of four values as columns, from the staged tile at `slot`.
fn values4(slot: u32, c: u32) -> mat4x4f {
  let at = slot * C + c;
  return mat4x4f(tileB[at], tileB[at + C], tileB[at + 2u * C], tileB[at + 3u * C]);
}

// Chunk c of four queries as columns, from the staged tile at `slot`.
fn queries4(slot: u32, c: u32) -> mat4x4f {
  let at = slot * C + c;
  return mat4x4f(tileA[at], tileA[at + C], tileA[at + 2u * C], tileA[at + 3u * C]);
}

// Chunk c of four output gradients as columns, from the staged tile at `slot`.
fn douts4(slot: u32, c: u32) -> mat4x4f {
  let at = slot * C + c;
  return mat4x4f(tileB[at], tileB[at + C], tileB[at + 2u * C], tileB[at + 3u * C]);
}

@compute @workgroup_size(WG)
fn delta(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.x + group.y * groups.x) * WG + local;
  if (row >= params.batch * params.heads * params.queries) {
    return;
  }
  let i = row % params.queries;
  let head = (row / params.queries) % params.heads;
  let batch = row / (params.queries * params.heads);
  let at = ((batch * params.queries + i) * params.heads + head) * HEAD;
  var sum = 0.0;
  for (var c = 0u; c < C; c++) {
    sum += dot(load_dout(at, c), load_out(at, c));
  }
  newRows[row].y = sum;
}

// ds for four keys of one row, from their scores and from dout . v.
fn score_gradient(state: vec4f, row: u32, j: u32, scores: vec4f, products: vec4f) -> vec4f {
  var g = products;
  if (params.keepScale != 1.0) {
    let kept = dropout_words(row, j / 4u) < vec4u(params.keepThreshold);
    g = select(vec4f(), g * params.keepScale, kept);
  }
  return exp(scores - state.x) * (g - state.y);
}

@compute @workgroup_size(WG)
fn dquery(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let blocks = (params.queries + WG * ROWS - 1u) / (WG * ROWS);
  let flat = group.x + group.y * groups.x;
  let section = flat % blocks;
  let split = (flat / blocks) % params.splits;
  let head = (flat / (blocks * params.splits)) % params.heads;
  let batch = flat / (blocks * params.splits * params.heads);
  if (batch >= params.batch) {
    return;
  }
  let width = params.heads * HEAD;
  let lastQuery = params.queries - 1u;
  let i0 = (section * WG + local) * ROWS;
  let i1 = i0 + ROWS - 1u;
  let at0 = (batch * params.queries + min(i0, lastQuery)) * width + head * HEAD;
  let at1 = (batch * params.queries + min(i1, lastQuery)) * width + head * HEAD;
  let row0 = (batch * params.heads + head) * params.queries + min(i0, lastQuery);
  let row1 = (batch * params.heads + head) * params.queries + min(i1, lastQuery);
  let state0 = rows[row0];
  let state1 = rows[row1];
  let hides = params.causal != 0u || params.hasMask != 0u || params.sparse != 0u;
  let least0 = select(HIDDEN, state0.z, params.sparse != 0u);
  let least1 = select(HIDDEN, state1.z, params.sparse != 0u);

  let tiles = (params.keys + TILE - 1u) / TILE;
  let perSplit = (tiles + params.splits - 1u) / params.splits;
  let first = split * perSplit * TILE;
  var end = min(params.keys, first + perSplit * TILE);
  if (params.causal != 0u) {
    end = min(end, (section + 1u) * WG * ROWS);
  }
  let reach = select(end, min(end, i1 + 1u), params.causal != 0u);

  var q0: array<vec4f, C>;
  var q1: array<vec4f, C>;
  var d0: array<vec4f, C>;
  var d1: array<vec4f, C>;
  var g0: array<vec4f, C>;
  var g1: array<vec4f, C>;
  for (var c = 0u; c < C; c++) {
    q0[c] = load_query(at0, c) * params.scale;
    d0[c] = load_dout(at0, c);
    if (ROWS == 2u) {
      q1[c] = load_query(at1, c) * params.scale;
      d1[c] = load_dout(at1, c);
    }
  }

  for (var tile = first; tile < end; tile += TILE) {
    workgroupBarrier();
    for (var n = local; n < TILE * C; n += WG) {
      let j = min(tile + n / C, params.keys - 1u);
      let source = (batch * params.keys + j) * width + head * HEAD;
      tileA[n] = load_key(source, n % C);
      tileB[n] = load_value(source, n % C);
    }
    workgroupBarrier();
    for (var j = tile; j < min(tile + TILE, reach); j += 4u) {
      let positions = vec4u(j, j + 1u, j + 2u, j + 3u);
      var s0 = vec4f();
      var s1 = vec4f();
      var e0 = vec4f();
      var e1 = vec4f();
      for (var c = 0u; c < C; c++) {
        let k = keys4(j - tile, c);
        let v = values4(j - tile, c);
        s0 += q0[c] * k;
        e0 += d0[c] * v;
        if (ROWS == 2u) {
          s1 += q1[c] * k;
          e1 += d1[c] * v;
        }
      }
      if (hides || j + 4u > params.keys) {
        s0 = hide(batch, i0, positions, least0, s0);
        s1 = hide(batch, i1, positions, least1, s1);
      }
      let ds0 = score_gradient(state0, row0, j, s0, e0);
      var ds1 = vec4f();
      if (ROWS == 2u) {
        ds1 = score_gradient(state1, row1, j, s1, e1);
      }
      for (var c = 0u; c < C; c++) {
        let k = keys4(j - tile, c);
        g0[c] += k * ds0;
        if (ROWS == 2u) {
          g1[c] += k * ds1;
        }
      }
    }
  }

  let base = split * params.batch * params.queries * width;
  for (var c = 0u; c < C; c++) {
    if (i0 < params.queries) {
      store_dq(base + at0, c, g0[c] * params.scale);
    }
    if (ROWS == 2u && i1 < params.queries) {
      store_dq(base + at1, c, g1[c] * params.scale);
    }
  }
}

// The score gradients of four queries for one key, and the weights of their dv.
struct Columns {
  ds: vec4f,
  kept: vec4f,
}

fn column(rowBase: u32, i: vec4u, j: u32, scores: vec4f, products: vec4f) -> Columns {
  let last = params.queries - 1u;
  let row = rowBase + min(i, vec4u(last));
  let state = transpose(mat4x4f(rows[row.x], rows[row.y], rows[row.z], rows[row.w]));
  let lse = state[0];
  let delta = state[1];
  var p = exp(scores - lse);
  if (params.causal != 0u || params.sparse != 0u || i.w > last) {
    var seen = i <= vec4u(last);
    if (params.causal != 0u) {
      seen &= vec4u(j) <= i;
    }
    if (params.sparse != 0u) {
      seen &= scores >= state[2];
    }
    p = select(vec4f(), p, seen);
  }
  var keep = vec4f(1.0);
  if (params.keepScale != 1.0) {
    let words = vec4u(
      dropout_words(row.x, j / 4u)[j % 4u],
      dropout_words(row.y, j / 4u)[j % 4u],
      dropout_words(row.z, j / 4u)[j % 4u],
      dropout_words(row.w, j / 4u)[j % 4u],
    );
    keep = select(vec4f(), vec4f(params.keepScale), words < vec4u(params.keepThreshold));
  }
  return Columns(p * (products * keep - delta), p * keep);
}

fn hidden(batch: u32, j: u32) -> bool {
  return j >= params.keys || (params.hasMask != 0u && mask[batch * params.keys + min(j, params.keys - 1u)] == 0u);
}

@compute @workgroup_size(WG)
fn dkeys(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let blocks = (params.keys + WG * ROWS - 1u) / (WG * ROWS);
  let flat = group.x + group.y * groups.x;
  let section = flat % blocks;
  let head = (flat / blocks) % params.heads;
  let batch = flat / (blocks * params.heads);
  if (batch >= params.batch) {
    return;
  }
  let width = params.heads * HEAD;
  let lastKey = params.keys - 1u;
  let j0 = (section * WG + local) * ROWS;
  let j1 = j0 + ROWS - 1u;
  let at0 = (batch * params.keys + min(j0, lastKey)) * width + head * HEAD;
  let at1 = (batch * params.keys + min(j1, lastKey)) * width + head * HEAD;
  let rowBase = (batch * params.heads + head) * params.queries;

  var k0: array<vec4f, C>;
  var k1: array<vec4f, C>;
  var v0: array<vec4f, C>;
  var v1: array<vec4f, C>;
  var dk0: array<vec4f, C>;
  var dk1: array<vec4f, C>;
  var dv0: array<vec4f, C>;
  var dv1: array<vec4f, C>;
  for (var c = 0u; c < C; c++) {
    k0[c] = load_key(at0, c) * params.scale;
    v0[c] = load_value(at0, c);
    if (ROWS == 2u) {
      k1[c] = load_key(at1, c) * params.scale;
      v1[c] = load_value(at1, c);
    }
  }
  // A causal mask hides the queries before the chunk's first key; a hidden key has no gradient at all.
  let first = select(0u, (section * WG * ROWS / TILE) * TILE, params.causal != 0u);
  let own = select(0u, j0 & ~3u, params.causal != 0u);
  let dark = hidden(batch, j0) && hidden(batch, j1);

  for (var tile = first; tile < params.queries; tile += TILE) {
    workgroupBarrier();
    for (var n = local; n < TILE * C; n += WG) {
      let i = min(tile + n / C, params.queries - 1u);
      let source = (batch * params.queries + i) * width + head * HEAD;
      tileA[n] = load_query(source, n % C);
      tileB[n] = load_dout(source, n % C);
    }
    workgroupBarrier();
    let end = select(min(tile + TILE, params.queries), 0u, dark);
    for (var i = max(tile, own); i < end; i += 4u) {
      let positions = vec4u(i, i + 1u, i + 2u, i + 3u);
      var s0 = vec4f();
      var s1 = vec4f();
      var e0 = vec4f();
      var e1 = vec4f();
      for (var c = 0u; c < C; c++) {
        let q = queries4(i - tile, c);
        let d = douts4(i - tile, c);
        s0 += k0[c] * q;
        e0 += v0[c] * d;
        if (ROWS == 2u) {
          s1 += k1[c] * q;
          e1 += v1[c] * d;
        }
      }
      let column0 = column(rowBase, positions, j0, s0, e0);
      var column1 = Columns(vec4f(), vec4f());
      if (ROWS == 2u) {
        column1 = column(rowBase, positions, j1, s1, e1);
      }
      for (var c = 0u; c < C; c++) {
        let q = queries4(i - tile, c);
        let d = douts4(i - tile, c);
        dk0[c] += q * column0.ds;
        dv0[c] += d * column0.kept;
        if (ROWS == 2u) {
          dk1[c] += q * column1.ds;
          dv1[c] += d * column1.kept;
        }
      }
    }
  }

  // Two hidden neighbours skipped the loop; one alone ran it with the other, and its sums, which may have overflowed,
  // are dropped here.
  let hidden0 = hidden(batch, j0);
  let hidden1 = hidden(batch, j1);
  for (var c = 0u; c < C; c++) {
    if (j0 < params.keys) {
      store_dk(at0, c, select(dk0[c] * params.scale, vec4f(), hidden0));
      store_dv(at0, c, select(dv0[c], vec4f(), hidden0));
    }
    if (ROWS == 2u && j1 < params.keys) {
      store_dk(at1, c, select(dk1[c] * params.scale, vec4f(), hidden1));
      store_dv(at1, c, select(dv1[c], vec4f(), hidden1));
    }
  }
}
