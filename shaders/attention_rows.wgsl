// What attention keeps per score row: the sparse threshold, and the probabilities when analysis asks for them.
//
//   threshold       rows[r].z = halfway between the k-th largest visible score of row r and the next one below it,
//                   so that "score >= threshold" keeps the k largest (and ties) whatever the last bit of a
//                   recomputed score; with k or fewer visible keys, -1e38
//   probabilities   p[b, h, i, j] = exp(s_ij - lse_i) where key j is visible and kept, else 0
//
// Shapes   query [B, T, H * HEAD]; key [B, S, H * HEAD]; mask [B, S] u32; rows [B, H, T] vec4 =
//          (lse, delta, threshold, 0); p [B, H, T, S].
// Grid     threshold: one invocation a row. probabilities: one invocation per row and four keys.
// Memory   none beyond registers: the threshold is found by bisecting the 32 bits of an order-preserving code of
//          the score, recomputing the scores for each bit. Sparse attention buys accuracy here, not time.
// Numerics f32.

const HEAD = 16u;
const C = (HEAD + 3u) / 4u;
const TAIL = HEAD % 4u;
const LAST = (HEAD + 3u) % 4u;
const WG = 64u;

struct Params {
  batch: u32,
  heads: u32,
  queries: u32,
  keys: u32,
  causal: u32,
  hasMask: u32,
  sparse: u32,
  topK: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> query: array<f32>;
@group(0) @binding(1) var<storage, read> key: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<u32>;
@group(0) @binding(3) var<storage, read_write> rows: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> probability: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

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

// Which of the keys at `positions` a query at position i may attend to.
fn visible(batch: u32, i: u32, positions: vec4u) -> vec4<bool> {
  var seen = positions < vec4u(params.keys);
  if (params.causal != 0u) {
    seen &= positions <= vec4u(i);
  }
  if (params.hasMask != 0u) {
    let at = batch * params.keys + min(positions, vec4u(params.keys - 1u));
    seen &= vec4u(mask[at.x], mask[at.y], mask[at.z], mask[at.w]) != vec4u();
  }
  return seen;
}

struct Row {
  batch: u32,
  i: u32,
  q: u32,
  k: u32,
}

fn row_of(row: u32) -> Row {
  let i = row % params.queries;
  let head = (row / params.queries) % params.heads;
  let batch = row / (params.queries * params.heads);
  let width = params.heads * HEAD;
  return Row(batch, i, (batch * params.queries + i) * width + head * HEAD, batch * params.keys * width + head * HEAD);
}

fn scores4(at: Row, positions: vec4u) -> vec4f {
  let k = at.k + min(positions, vec4u(params.keys - 1u)) * params.heads * HEAD;
  var s = vec4f();
  for (var c = 0u; c < C; c++) {
    s += load_query(at.q, c) * params.scale
      * mat4x4f(load_key(k.x, c), load_key(k.y, c), load_key(k.z, c), load_key(k.w, c));
  }
  return s;
}

// Order-preserving code of four floats: a larger float has a larger code.
fn code4(s: vec4f) -> vec4u {
  let bits = bitcast<vec4u>(s);
  return select(bits | vec4u(0x80000000u), ~bits, bits >= vec4u(0x80000000u));
}

fn decode(code: u32) -> f32 {
  return bitcast<f32>(select(~code, code & 0x7fffffffu, code >= 0x80000000u));
}

@compute @workgroup_size(WG)
fn threshold(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.x + group.y * groups.x) * WG + local;
  if (row >= params.batch * params.heads * params.queries) {
    return;
  }
  let at = row_of(row);
  var least = 0u;
  for (var bit = 0u; bit < 32u; bit++) {
    let candidate = least | (0x80000000u >> bit);
    var count = vec4u();
    for (var j = 0u; j < params.keys; j += 4u) {
      let positions = vec4u(j, j + 1u, j + 2u, j + 3u);
      let kept = visible(at.batch, at.i, positions) & (code4(scores4(at, positions)) >= vec4u(candidate));
      count += select(vec4u(), vec4u(1u), kept);
    }
    if (count.x + count.y + count.z + count.w >= params.topK) {
      least = candidate;
    }
  }
  var below = 0u;
  for (var j = 0u; j < params.keys; j += 4u) {
    let positions = vec4u(j, j + 1u, j + 2u, j + 3u);
    let code = code4(scores4(at, positions));
    let lower = select(vec4u(), code, visible(at.batch, at.i, positions) & (code < vec4u(least)));
    below = max(below, max(max(lower.x, lower.y), max(lower.z, lower.w)));
  }
  // Code 0 is no float a score can be: it says that nothing was found.
  var threshold = -1.0e38;
  if (least != 0u && below != 0u) {
    threshold = 0.5 * decode(least) + 0.5 * decode(below);
  }
  rows[row].z = threshold;
}

@compute @workgroup_size(WG)
fn probabilities(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let n = (group.x + group.y * groups.x) * WG + local;
  let quads = (params.keys + 3u) / 4u;
  let row = n / quads;
  if (row >= params.batch * params.heads * params.queries) {
    return;
  }
  let at = row_of(row);
  let j = (n % quads) * 4u;
  let positions = vec4u(j, j + 1u, j + 2u, j + 3u);
  let s = scores4(at, positions);
  var seen = visible(at.batch, at.i, positions);
  if (params.sparse != 0u) {
    seen &= s >= vec4f(rows[row].z);
  }
  let p = select(vec4f(), exp(s - rows[row].x), seen);
  for (var k = 0u; k < min(4u, params.keys - j); k++) {
    probability[row * params.keys + j + k] = p[k];
  }
}
