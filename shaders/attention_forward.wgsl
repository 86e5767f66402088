// Attention of queries to keys, forward, without ever storing the score matrix.
//
//   out_i = sum_j p_ij v_j,   p_ij = exp(s_ij - lse_i),   s_ij = scale * q_i . k_j,   lse_i = log sum_j exp(s_ij)
//
// Shapes   query, out [B, T, H * HEAD]; key, value [B, S, H * HEAD]; mask [B, S] u32, 0 hides a key;
//          rows [B, H, T] vec4 = (lse, delta, threshold, 0): lse is written here, delta by attention_backward,
//          threshold by attention_rows (scores below it are hidden).
// Grid     an invocation owns ROWS (1 or 2) queries of one head; a workgroup WG * ROWS of them and one of
//          `splits` ranges of the keys. With splits > 1, out is [splits, B, T, H * HEAD], unnormalised, and
//          partials [splits, B, H, T] = (max, sum); entry merge makes out and lse of them.
// Memory   O(T + S): scores live in registers, four keys at a time, under a running maximum (Milakov and
//          Gimelshein 2018; Dao et al. 2022). Workgroup: 2 * KEYS * C vec4, at most 16 KiB.
//          (attention_direct is the same without workgroup barriers, for the CPU.)
// Numerics f32; a hidden score is a finite -1e38; a query that sees no key gives 0, and lse 1e38. Dropout acts on p,
//          after lse.

const HEAD = 16u;
const C = (HEAD + 3u) / 4u;
const TAIL = HEAD % 4u;
const LAST = (HEAD + 3u) % 4u;
const ROWS = 1u;
const WG = 64u;
const KEYS = 32u;

// Far below any score, and still finite when doubled; a running maximum starts above it, so exp of it is 0.
const HIDDEN = -1.0e38;
const NO_TOP = -5.0e37;
const NO_LSE = 1.0e38;

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
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@group(0) @binding(5) var<storage, read_write> rows: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> partials: array<vec2f>;
@group(0) @binding(7) var<uniform> random: Random;

@group(0) @binding(0) var<storage, read> partialOut: array<f32>;
@group(0) @binding(1) var<storage, read> partialSums: array<vec2f>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> tileK: array<vec4f, KEYS * C>;
var<workgroup> tileV: array<vec4f, KEYS * C>;

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

fn keep4(row: u32, j: u32) -> vec4f {
  if (params.keepScale == 1.0) {
    return vec4f(1.0);
  }
  let kept = dropout_words(row, j / 4u) < vec4u(params.keepThreshold);
  return select(vec4f(), vec4f(params.keepScale), kept);
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

fn store_out(start: u32, c: u32, values: vec4f) {
  for (var i = 0u; i < min(4u, HEAD - 4u * c); i++) {
    out[start + 4u * c + i] = values[i];
  }
}

// Chunk c of four keys as columns, from the staged tile at `slot`.
fn keys4(slot: u32, c: u32) -> mat4x4f {
  let at = slot * C + c;
  return mat4x4f(tileK[at], tileK[at + C], tileK[at + 2u * C], tileK[at + 3u * C]);
}

// Chunk c of four values as columns, from the staged tile at `slot`.
fn values4(slot: u32, c: u32) -> mat4x4f {
  let at = slot * C + c;
  return mat4x4f(tileV[at], tileV[at + C], tileV[at + 2u * C], tileV[at + 3u * C]);
}

fn load_partial(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < C) {
    return vec4f(partialOut[i], partialOut[i + 1u], partialOut[i + 2u], partialOut[i + 3u]);
  }
  return vec4f(
    partialOut[i],
    select(0.0, partialOut[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, partialOut[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}

// A row's running maximum and sum, the factor its older sums shrink by, and four keys' exp(score - top).
struct Online {
  top: f32,
  sum: f32,
  shrink: f32,
  weights: vec4f,
}

fn absorb(before: Online, s: vec4f) -> Online {
  let top = max(before.top, max(max(s.x, s.y), max(s.z, s.w)));
  let shrink = exp(before.top - top);
  let e = exp(s - top);
  return Online(top, before.sum * shrink + (e.x + e.y) + (e.z + e.w), shrink, e);
}

@compute @workgroup_size(WG)
fn forward(
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

  // This split's keys; under a causal mask no further than the section's, and then the invocation's, last query.
  let tiles = (params.keys + KEYS - 1u) / KEYS;
  let perSplit = (tiles + params.splits - 1u) / params.splits;
  let first = split * perSplit * KEYS;
  var end = min(params.keys, first + perSplit * KEYS);
  if (params.causal != 0u) {
    end = min(end, (section + 1u) * WG * ROWS);
  }
  let reach = select(end, min(end, i1 + 1u), params.causal != 0u);

  var q0: array<vec4f, C>;
  var q1: array<vec4f, C>;
  var o0: array<vec4f, C>;
  var o1: array<vec4f, C>;
  for (var c = 0u; c < C; c++) {
    q0[c] = load_query(at0, c) * params.scale;
    if (ROWS == 2u) {
      q1[c] = load_query(at1, c) * params.scale;
    }
  }
  var least0 = HIDDEN;
  var least1 = HIDDEN;
  if (params.sparse != 0u) {
    least0 = rows[row0].z;
    least1 = rows[row1].z;
  }
  let hides = params.causal != 0u || params.hasMask != 0u || params.sparse != 0u;
  var online0 = Online(NO_TOP, 0.0, 1.0, vec4f());
  var online1 = online0;

  for (var tile = first; tile < end; tile += KEYS) {
    workgroupBarrier();
    for (var n = local; n < KEYS * C; n += WG) {
      let j = min(tile + n / C, params.keys - 1u);
      let source = (batch * params.keys + j) * width + head * HEAD;
      tileK[n] = load_key(source, n % C);
      tileV[n] = load_value(source, n % C);
    }
    workgroupBarrier();
    for (var j = tile; j < min(tile + KEYS, reach); j += 4u) {
      let positions = vec4u(j, j + 1u, j + 2u, j + 3u);
      var s0 = vec4f();
      var s1 = vec4f();
      for (var c = 0u; c < C; c++) {
        let k = keys4(j - tile, c);
        s0 += q0[c] * k;
        if (ROWS == 2u) {
          s1 += q1[c] * k;
        }
      }
      if (hides || j + 4u > params.keys) {
        s0 = hide(batch, i0, positions, least0, s0);
        s1 = hide(batch, i1, positions, least1, s1);
      }
      online0 = absorb(online0, s0);
      let p0 = online0.weights * keep4(row0, j);
      var p1 = vec4f();
      if (ROWS == 2u) {
        online1 = absorb(online1, s1);
        p1 = online1.weights * keep4(row1, j);
      }
      for (var c = 0u; c < C; c++) {
        let v = values4(j - tile, c);
        o0[c] = o0[c] * online0.shrink + v * p0;
        if (ROWS == 2u) {
          o1[c] = o1[c] * online1.shrink + v * p1;
        }
      }
    }
  }

  if (i0 < params.queries) {
    finish(split, row0, at0, online0, o0);
  }
  if (ROWS == 2u && i1 < params.queries) {
    finish(split, row1, at1, online1, o1);
  }
}

fn log_sum_exp(top: f32, sum: f32) -> f32 {
  return select(NO_LSE, top + log(sum), sum > 0.0);
}

fn finish(split: u32, row: u32, at: u32, online: Online, sums: array<vec4f, C>) {
  var o = sums;
  if (params.splits > 1u) {
    let start = split * params.batch * params.queries * params.heads * HEAD + at;
    for (var c = 0u; c < C; c++) {
      store_out(start, c, o[c]);
    }
    partials[split * params.batch * params.heads * params.queries + row] = vec2f(online.top, online.sum);
    return;
  }
  let normalise = select(0.0, 1.0 / online.sum, online.sum > 0.0);
  for (var c = 0u; c < C; c++) {
    store_out(at, c, o[c] * normalise);
  }
  rows[row].x = log_sum_exp(online.top, online.sum);
}

// One invocation per row and chunk: the splits' sums under their common maximum, in order.
@compute @workgroup_size(WG)
fn merge(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let n = (group.x + group.y * groups.x) * WG + local;
  let c = n % C;
  let row = n / C;
  let rowCount = params.batch * params.heads * params.queries;
  if (row >= rowCount) {
    return;
  }
  let i = row % params.queries;
  let head = (row / params.queries) % params.heads;
  let batch = row / (params.queries * params.heads);
  let at = ((batch * params.queries + i) * params.heads + head) * HEAD;
  var top = NO_TOP;
  for (var s = 0u; s < params.splits; s++) {
    top = max(top, partialSums[s * rowCount + row].x);
  }
  var sum = 0.0;
  var o = vec4f();
  for (var s = 0u; s < params.splits; s++) {
    let part = partialSums[s * rowCount + row];
    let weight = select(0.0, exp(part.x - top), part.y > 0.0);
    sum += weight * part.y;
    o += weight * load_partial(s * rowCount * HEAD + at, c);
  }
  store_out(at, c, o * select(0.0, 1.0 / sum, sum > 0.0));
  if (c == 0u) {
    rows[row].x = log_sum_exp(top, sum);
  }
}
