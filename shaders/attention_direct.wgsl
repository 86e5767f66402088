// Attention without workgroup barriers, for the CPU: a workgroup is one invocation. Formulas as in attention_forward and
// attention_backward; attention_forward's merge serves this forward, too.
//
//   forward    out_i = sum_j keep_ij p_ij v_j,  p_ij = exp(s_ij - lse_i)
//   delta      delta_i = dout_i . out_i
//   dquery     dq_i = scale * sum_j ds_ij k_j,  ds_ij = p_ij (keep_ij dout_i . v_j - delta_i)
//   dkeys      dk_j = scale * sum_i ds_ij q_i,  dv_j = sum_i keep_ij p_ij dout_i
//
// Shapes   query, out, dout, dq [B, T, H * HEAD]; key, value, dk, dv [B, S, H * HEAD]; mask [B, S] u32, 0 hides a key;
//          rows [B, H, T] vec4 = (lse, delta, threshold, 0). With splits > 1, out (dq) is [splits, B, T, H * HEAD],
//          of the forward unnormalized, and partials [splits, B, H, T] = (max, sum). made is out, where it is read.
// Grid     a workgroup makes ROWS queries (keys, for dkeys) of one head, in tiles of 4, against TILE of the other side at
//          a time; forward and dquery may split the keys.
// Memory   workgroup: two panels of TILE rows, eight rows beside each other, d by d; four rows of the tile; its weights.
//          4 * (2 TILE D + 8 D + 9 TILE + 5 ROWS) bytes, 11.5 KiB as declared. Sums stay in the result between tiles.
// Numerics f32; as attention_forward: finite sentinels, dropout after lse, sums in a fixed order.
//
// Why: scores and weighted sums are products of small matrices, so they are made as matmul_direct makes its own, in 4 x 8
// tiles over packed panels; the maximum of a row and the factor its older sums shrink by are found once a tile of keys.

const HEAD = 16u;
const C = (HEAD + 3u) / 4u;
const TAIL = HEAD % 4u;
const LAST = (HEAD + 3u) % 4u;
// HEAD in whole vec4.
const D = 4u * C;
const WG = 1u;
const ROWS = 32u;
const TILE = 64u;

// As in attention_forward.
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
@group(0) @binding(5) var<storage, read_write> newRows: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> partials: array<vec2f>;
@group(0) @binding(7) var<uniform> random: Random;

@group(0) @binding(0) var<storage, read> made: array<f32>;
@group(0) @binding(4) var<storage, read> dout: array<f32>;
@group(0) @binding(5) var<storage, read> rows: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dq: array<f32>;
@group(0) @binding(6) var<storage, read_write> dk: array<f32>;
@group(0) @binding(8) var<storage, read_write> dv: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// Where in `memory` everything lies, in words.
const PANEL_A = 0u;
const PANEL_B = TILE * D;
// Four rows of the tile, D words each.
const ROW_A = 2u * TILE * D;
const ROW_B = ROW_A + 4u * D;
// The weights of four rows, TILE words each.
const LEFT = ROW_B + 4u * D;
const RIGHT = LEFT + 4u * TILE;
// 1 where a key of the panel can be seen, else 0.
const SHOWN = RIGHT + 4u * TILE;
// Running maximum and sum of every row; of dkeys, lse, delta and threshold of every query of the panel.
const TOP = SHOWN + TILE;
const SUM = TOP + ROWS;
const WORDS = TOP + 2u * ROWS + 3u * TILE;
const LSE = TOP;
const DELTA = LSE + TILE;
const LEAST = DELTA + TILE;

var<workgroup> memory: array<f32, WORDS>;

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

fn load_dq(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < C) {
    return vec4f(dq[i], dq[i + 1u], dq[i + 2u], dq[i + 3u]);
  }
  return vec4f(
    dq[i],
    select(0.0, dq[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, dq[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}

fn load_dk(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < C) {
    return vec4f(dk[i], dk[i + 1u], dk[i + 2u], dk[i + 3u]);
  }
  return vec4f(
    dk[i],
    select(0.0, dk[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, dk[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}

fn load_dv(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < C) {
    return vec4f(dv[i], dv[i + 1u], dv[i + 2u], dv[i + 3u]);
  }
  return vec4f(
    dv[i],
    select(0.0, dv[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, dv[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}

fn store_out(start: u32, c: u32, values: vec4f) {
  for (var i = 0u; i < min(4u, HEAD - 4u * c); i++) {
    out[start + 4u * c + i] = values[i];
  }
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

fn at4(i: u32) -> vec4f {
  return vec4f(memory[i], memory[i + 1u], memory[i + 2u], memory[i + 3u]);
}

fn put4(i: u32, v: vec4f) {
  memory[i] = v.x;
  memory[i + 1u] = v.y;
  memory[i + 2u] = v.z;
  memory[i + 3u] = v.w;
}

// A tile of 4 x 8: rows 0 to 3, each as two vec4.
struct Sums {
  s00: vec4f, s01: vec4f,
  s10: vec4f, s11: vec4f,
  s20: vec4f, s21: vec4f,
  s30: vec4f, s31: vec4f,
}

// The products of four rows of D words with eight of a panel.
fn products(first: u32, panel: u32) -> Sums {
  var s = Sums();
  for (var d = 0u; d < HEAD; d++) {
    let b0 = at4(panel + 8u * d);
    let b1 = at4(panel + 8u * d + 4u);
    let x0 = vec4f(memory[first + d]);
    s.s00 += x0 * b0;
    s.s01 += x0 * b1;
    let x1 = vec4f(memory[first + D + d]);
    s.s10 += x1 * b0;
    s.s11 += x1 * b1;
    let x2 = vec4f(memory[first + 2u * D + d]);
    s.s20 += x2 * b0;
    s.s21 += x2 * b1;
    let x3 = vec4f(memory[first + 3u * D + d]);
    s.s30 += x3 * b0;
    s.s31 += x3 * b1;
  }
  return s;
}

// Rows `tile` to `tile + count` of one head of query as a panel: eight rows beside each other, d by d.
fn pack_query(panel: u32, base: u32, tile: u32, count: u32) {
  let width = params.heads * HEAD;
  let last = tile + count - 1u;
  for (var n = 0u; n < count; n += 8u) {
    let r = base + min(vec4u(tile + n, tile + n + 1u, tile + n + 2u, tile + n + 3u), vec4u(last)) * width;
    let s = base + min(vec4u(tile + n + 4u, tile + n + 5u, tile + n + 6u, tile + n + 7u), vec4u(last)) * width;
    for (var c = 0u; c < C; c++) {
      let at = panel + 8u * (D * (n / 8u) + 4u * c);
      let left = transpose(mat4x4f(load_query(r.x, c), load_query(r.y, c), load_query(r.z, c), load_query(r.w, c)));
      let right = transpose(mat4x4f(load_query(s.x, c), load_query(s.y, c), load_query(s.z, c), load_query(s.w, c)));
      put4(at, left[0]);
      put4(at + 4u, right[0]);
      put4(at + 8u, left[1]);
      put4(at + 12u, right[1]);
      put4(at + 16u, left[2]);
      put4(at + 20u, right[2]);
      put4(at + 24u, left[3]);
      put4(at + 28u, right[3]);
    }
  }
}

// Rows `tile` to `tile + count` of one head of key as a panel: eight rows beside each other, d by d.
fn pack_key(panel: u32, base: u32, tile: u32, count: u32) {
  let width = params.heads * HEAD;
  let last = tile + count - 1u;
  for (var n = 0u; n < count; n += 8u) {
    let r = base + min(vec4u(tile + n, tile + n + 1u, tile + n + 2u, tile + n + 3u), vec4u(last)) * width;
    let s = base + min(vec4u(tile + n + 4u, tile + n + 5u, tile + n + 6u, tile + n + 7u), vec4u(last)) * width;
    for (var c = 0u; c < C; c++) {
      let at = panel + 8u * (D * (n / 8u) + 4u * c);
      let left = transpose(mat4x4f(load_key(r.x, c), load_key(r.y, c), load_key(r.z, c), load_key(r.w, c)));
      let right = transpose(mat4x4f(load_key(s.x, c), load_key(s.y, c), load_key(s.z, c), load_key(s.w, c)));
      put4(at, left[0]);
      put4(at + 4u, right[0]);
      put4(at + 8u, left[1]);
      put4(at + 12u, right[1]);
      put4(at + 16u, left[2]);
      put4(at + 20u, right[2]);
      put4(at + 24u, left[3]);
      put4(at + 28u, right[3]);
    }
  }
}

// Rows `tile` to `tile + count` of one head of value as a panel: eight rows beside each other, d by d.
fn pack_value(panel: u32, base: u32, tile: u32, count: u32) {
  let width = params.heads * HEAD;
  let last = tile + count - 1u;
  for (var n = 0u; n < count; n += 8u) {
    let r = base + min(vec4u(tile + n, tile + n + 1u, tile + n + 2u, tile + n + 3u), vec4u(last)) * width;
    let s = base + min(vec4u(tile + n + 4u, tile + n + 5u, tile + n + 6u, tile + n + 7u), vec4u(last)) * width;
    for (var c = 0u; c < C; c++) {
      let at = panel + 8u * (D * (n / 8u) + 4u * c);
      let left = transpose(mat4x4f(load_value(r.x, c), load_value(r.y, c), load_value(r.z, c), load_value(r.w, c)));
      let right = transpose(mat4x4f(load_value(s.x, c), load_value(s.y, c), load_value(s.z, c), load_value(s.w, c)));
      put4(at, left[0]);
      put4(at + 4u, right[0]);
      put4(at + 8u, left[1]);
      put4(at + 12u, right[1]);
      put4(at + 16u, left[2]);
      put4(at + 20u, right[2]);
      put4(at + 24u, left[3]);
      put4(at + 28u, right[3]);
    }
  }
}

// Rows `tile` to `tile + count` of one head of dout as a panel: eight rows beside each other, d by d.
fn pack_dout(panel: u32, base: u32, tile: u32, count: u32) {
  let width = params.heads * HEAD;
  let last = tile + count - 1u;
  for (var n = 0u; n < count; n += 8u) {
    let r = base + min(vec4u(tile + n, tile + n + 1u, tile + n + 2u, tile + n + 3u), vec4u(last)) * width;
    let s = base + min(vec4u(tile + n + 4u, tile + n + 5u, tile + n + 6u, tile + n + 7u), vec4u(last)) * width;
    for (var c = 0u; c < C; c++) {
      let at = panel + 8u * (D * (n / 8u) + 4u * c);
      let left = transpose(mat4x4f(load_dout(r.x, c), load_dout(r.y, c), load_dout(r.z, c), load_dout(r.w, c)));
      let right = transpose(mat4x4f(load_dout(s.x, c), load_dout(s.y, c), load_dout(s.z, c), load_dout(s.w, c)));
      put4(at, left[0]);
      put4(at + 4u, right[0]);
      put4(at + 8u, left[1]);
      put4(at + 12u, right[1]);
      put4(at + 16u, left[2]);
      put4(at + 20u, right[2]);
      put4(at + 24u, left[3]);
      put4(at + 28u, right[3]);
    }
  }
}

// Four rows of query, scaled, one after the other.
fn query_rows(to: u32, starts: vec4u) {
  for (var c = 0u; c < C; c++) {
    put4(to + 4u * c, load_query(starts.x, c) * params.scale);
    put4(to + D + 4u * c, load_query(starts.y, c) * params.scale);
    put4(to + 2u * D + 4u * c, load_query(starts.z, c) * params.scale);
    put4(to + 3u * D + 4u * c, load_query(starts.w, c) * params.scale);
  }
}

// Four rows of dout one after the other.
fn dout_rows(to: u32, starts: vec4u) {
  for (var c = 0u; c < C; c++) {
    put4(to + 4u * c, load_dout(starts.x, c));
    put4(to + D + 4u * c, load_dout(starts.y, c));
    put4(to + 2u * D + 4u * c, load_dout(starts.z, c));
    put4(to + 3u * D + 4u * c, load_dout(starts.w, c));
  }
}

// Four rows of key, scaled, one after the other.
fn key_rows(to: u32, starts: vec4u) {
  for (var c = 0u; c < C; c++) {
    put4(to + 4u * c, load_key(starts.x, c) * params.scale);
    put4(to + D + 4u * c, load_key(starts.y, c) * params.scale);
    put4(to + 2u * D + 4u * c, load_key(starts.z, c) * params.scale);
    put4(to + 3u * D + 4u * c, load_key(starts.w, c) * params.scale);
  }
}

// Four rows of value one after the other.
fn value_rows(to: u32, starts: vec4u) {
  for (var c = 0u; c < C; c++) {
    put4(to + 4u * c, load_value(starts.x, c));
    put4(to + D + 4u * c, load_value(starts.y, c));
    put4(to + 2u * D + 4u * c, load_value(starts.z, c));
    put4(to + 3u * D + 4u * c, load_value(starts.w, c));
  }
}

// Adds four rows of weights times `count` values, chunks c and c + 1 of them.
fn times_values(before: Sums, weights: u32, start: u32, count: u32, c: u32) -> Sums {
  var s = before;
  let width = params.heads * HEAD;
  let next = min(c + 1u, C - 1u);
  var at = start;
  for (var n = 0u; n < count; n++) {
    let b0 = load_value(at, c);
    let b1 = load_value(at, next);
    let x0 = vec4f(memory[weights + n]);
    s.s00 += x0 * b0;
    s.s01 += x0 * b1;
    let x1 = vec4f(memory[weights + TILE + n]);
    s.s10 += x1 * b0;
    s.s11 += x1 * b1;
    let x2 = vec4f(memory[weights + 2u * TILE + n]);
    s.s20 += x2 * b0;
    s.s21 += x2 * b1;
    let x3 = vec4f(memory[weights + 3u * TILE + n]);
    s.s30 += x3 * b0;
    s.s31 += x3 * b1;
    at += width;
  }
  return s;
}

// Adds four rows of weights times `count` keys, chunks c and c + 1 of them.
fn times_keys(before: Sums, weights: u32, start: u32, count: u32, c: u32) -> Sums {
  var s = before;
  let width = params.heads * HEAD;
  let next = min(c + 1u, C - 1u);
  var at = start;
  for (var n = 0u; n < count; n++) {
    let b0 = load_key(at, c);
    let b1 = load_key(at, next);
    let x0 = vec4f(memory[weights + n]);
    s.s00 += x0 * b0;
    s.s01 += x0 * b1;
    let x1 = vec4f(memory[weights + TILE + n]);
    s.s10 += x1 * b0;
    s.s11 += x1 * b1;
    let x2 = vec4f(memory[weights + 2u * TILE + n]);
    s.s20 += x2 * b0;
    s.s21 += x2 * b1;
    let x3 = vec4f(memory[weights + 3u * TILE + n]);
    s.s30 += x3 * b0;
    s.s31 += x3 * b1;
    at += width;
  }
  return s;
}

// Adds four rows of weights times `count` queries, chunks c and c + 1 of them.
fn times_queries(before: Sums, weights: u32, start: u32, count: u32, c: u32) -> Sums {
  var s = before;
  let width = params.heads * HEAD;
  let next = min(c + 1u, C - 1u);
  var at = start;
  for (var n = 0u; n < count; n++) {
    let b0 = load_query(at, c);
    let b1 = load_query(at, next);
    let x0 = vec4f(memory[weights + n]);
    s.s00 += x0 * b0;
    s.s01 += x0 * b1;
    let x1 = vec4f(memory[weights + TILE + n]);
    s.s10 += x1 * b0;
    s.s11 += x1 * b1;
    let x2 = vec4f(memory[weights + 2u * TILE + n]);
    s.s20 += x2 * b0;
    s.s21 += x2 * b1;
    let x3 = vec4f(memory[weights + 3u * TILE + n]);
    s.s30 += x3 * b0;
    s.s31 += x3 * b1;
    at += width;
  }
  return s;
}

// Adds four rows of weights times `count` douts, chunks c and c + 1 of them.
fn times_douts(before: Sums, weights: u32, start: u32, count: u32, c: u32) -> Sums {
  var s = before;
  let width = params.heads * HEAD;
  let next = min(c + 1u, C - 1u);
  var at = start;
  for (var n = 0u; n < count; n++) {
    let b0 = load_dout(at, c);
    let b1 = load_dout(at, next);
    let x0 = vec4f(memory[weights + n]);
    s.s00 += x0 * b0;
    s.s01 += x0 * b1;
    let x1 = vec4f(memory[weights + TILE + n]);
    s.s10 += x1 * b0;
    s.s11 += x1 * b1;
    let x2 = vec4f(memory[weights + 2u * TILE + n]);
    s.s20 += x2 * b0;
    s.s21 += x2 * b1;
    let x3 = vec4f(memory[weights + 3u * TILE + n]);
    s.s30 += x3 * b0;
    s.s31 += x3 * b1;
    at += width;
  }
  return s;
}

fn get_out(starts: vec4u, c: u32) -> Sums {
  let next = min(c + 1u, C - 1u);
  return Sums(
    load_out(starts.x, c), load_out(starts.x, next),
    load_out(starts.y, c), load_out(starts.y, next),
    load_out(starts.z, c), load_out(starts.z, next),
    load_out(starts.w, c), load_out(starts.w, next),
  );
}

// A tile's sums to chunks c and c + 1 of four rows, of which `present` exist.
fn put_out(starts: vec4u, present: u32, c: u32, s: Sums) {
  let hasNext = c + 1u < C;
  store_out(starts.x, c, s.s00);
  if (hasNext) {
    store_out(starts.x, c + 1u, s.s01);
  }
  if (present > 1u) {
    store_out(starts.y, c, s.s10);
    if (hasNext) {
      store_out(starts.y, c + 1u, s.s11);
    }
  }
  if (present > 2u) {
    store_out(starts.z, c, s.s20);
    if (hasNext) {
      store_out(starts.z, c + 1u, s.s21);
    }
  }
  if (present > 3u) {
    store_out(starts.w, c, s.s30);
    if (hasNext) {
      store_out(starts.w, c + 1u, s.s31);
    }
  }
}

fn get_dq(starts: vec4u, c: u32) -> Sums {
  let next = min(c + 1u, C - 1u);
  return Sums(
    load_dq(starts.x, c), load_dq(starts.x, next),
    load_dq(starts.y, c), load_dq(starts.y, next),
    load_dq(starts.z, c), load_dq(starts.z, next),
    load_dq(starts.w, c), load_dq(starts.w, next),
  );
}

// A tile's sums to chunks c and c + 1 of four rows, of which `present` exist.
fn put_dq(starts: vec4u, present: u32, c: u32, s: Sums) {
  let hasNext = c + 1u < C;
  store_dq(starts.x, c, s.s00);
  if (hasNext) {
    store_dq(starts.x, c + 1u, s.s01);
  }
  if (present > 1u) {
    store_dq(starts.y, c, s.s10);
    if (hasNext) {
      store_dq(starts.y, c + 1u, s.s11);
    }
  }
  if (present > 2u) {
    store_dq(starts.z, c, s.s20);
    if (hasNext) {
      store_dq(starts.z, c + 1u, s.s21);
    }
  }
  if (present > 3u) {
    store_dq(starts.w, c, s.s30);
    if (hasNext) {
      store_dq(starts.w, c + 1u, s.s31);
    }
  }
}

fn get_dk(starts: vec4u, c: u32) -> Sums {
  let next = min(c + 1u, C - 1u);
  return Sums(
    load_dk(starts.x, c), load_dk(starts.x, next),
    load_dk(starts.y, c), load_dk(starts.y, next),
    load_dk(starts.z, c), load_dk(starts.z, next),
    load_dk(starts.w, c), load_dk(starts.w, next),
  );
}

// A tile's sums to chunks c and c + 1 of four rows, of which `present` exist.
fn put_dk(starts: vec4u, present: u32, c: u32, s: Sums) {
  let hasNext = c + 1u < C;
  store_dk(starts.x, c, s.s00);
  if (hasNext) {
    store_dk(starts.x, c + 1u, s.s01);
  }
  if (present > 1u) {
    store_dk(starts.y, c, s.s10);
    if (hasNext) {
      store_dk(starts.y, c + 1u, s.s11);
    }
  }
  if (present > 2u) {
    store_dk(starts.z, c, s.s20);
    if (hasNext) {
      store_dk(starts.z, c + 1u, s.s21);
    }
  }
  if (present > 3u) {
    store_dk(starts.w, c, s.s30);
    if (hasNext) {
      store_dk(starts.w, c + 1u, s.s31);
    }
  }
}

fn get_dv(starts: vec4u, c: u32) -> Sums {
  let next = min(c + 1u, C - 1u);
  return Sums(
    load_dv(starts.x, c), load_dv(starts.x, next),
    load_dv(starts.y, c), load_dv(starts.y, next),
    load_dv(starts.z, c), load_dv(starts.z, next),
    load_dv(starts.w, c), load_dv(starts.w, next),
  );
}

// A tile's sums to chunks c and c + 1 of four rows, of which `present` exist.
fn put_dv(starts: vec4u, present: u32, c: u32, s: Sums) {
  let hasNext = c + 1u < C;
  store_dv(starts.x, c, s.s00);
  if (hasNext) {
    store_dv(starts.x, c + 1u, s.s01);
  }
  if (present > 1u) {
    store_dv(starts.y, c, s.s10);
    if (hasNext) {
      store_dv(starts.y, c + 1u, s.s11);
    }
  }
  if (present > 2u) {
    store_dv(starts.z, c, s.s20);
    if (hasNext) {
      store_dv(starts.z, c + 1u, s.s21);
    }
  }
  if (present > 3u) {
    store_dv(starts.w, c, s.s30);
    if (hasNext) {
      store_dv(starts.w, c + 1u, s.s31);
    }
  }
}

// Notes which keys of a panel can be seen; whether any cannot.
fn mark_shown(batch: u32, tile: u32, count: u32) -> bool {
  if (params.hasMask == 0u && count % 8u == 0u) {
    return false;
  }
  for (var n = 0u; n < 8u * ((count + 7u) / 8u); n++) {
    var shown = n < count;
    if (params.hasMask != 0u) {
      shown = shown && mask[batch * params.keys + min(tile + n, params.keys - 1u)] != 0u;
    }
    memory[SHOWN + n] = select(0.0, 1.0, shown);
  }
  return true;
}

// Four keys' scores of the query at i, those it may not see made HIDDEN; n is the first key's place in the panel.
fn veil(scores: vec4f, veils: bool, i: u32, tile: u32, n: u32, least: f32) -> vec4f {
  var s = scores;
  if (veils) {
    s = select(vec4f(HIDDEN), s, at4(SHOWN + n) != vec4f());
  }
  if (params.causal != 0u) {
    let j = tile + n;
    s = select(vec4f(HIDDEN), s, vec4u(j, j + 1u, j + 2u, j + 3u) <= vec4u(i));
  }
  if (params.sparse != 0u) {
    s = select(vec4f(HIDDEN), s, s >= vec4f(least));
  }
  return s;
}

// Four rows' scores against eight keys, hidden where they are.
fn veiled(t: Sums, veils: bool, i: vec4u, tile: u32, n: u32, least: vec4f) -> Sums {
  if (!veils && params.causal == 0u && params.sparse == 0u) {
    return t;
  }
  return Sums(
    veil(t.s00, veils, i.x, tile, n, least.x), veil(t.s01, veils, i.x, tile, n + 4u, least.x),
    veil(t.s10, veils, i.y, tile, n, least.y), veil(t.s11, veils, i.y, tile, n + 4u, least.y),
    veil(t.s20, veils, i.z, tile, n, least.z), veil(t.s21, veils, i.z, tile, n + 4u, least.z),
    veil(t.s30, veils, i.w, tile, n, least.w), veil(t.s31, veils, i.w, tile, n + 4u, least.w),
  );
}

// Eight neighboring weights of each of four rows.
fn put_weights(to: u32, n: u32, t: Sums) {
  put4(to + n, t.s00);
  put4(to + n + 4u, t.s01);
  put4(to + TILE + n, t.s10);
  put4(to + TILE + n + 4u, t.s11);
  put4(to + 2u * TILE + n, t.s20);
  put4(to + 2u * TILE + n + 4u, t.s21);
  put4(to + 3u * TILE + n, t.s30);
  put4(to + 3u * TILE + n + 4u, t.s31);
}

fn get_weights(at: u32, n: u32) -> Sums {
  return Sums(
    at4(at + n), at4(at + n + 4u), at4(at + TILE + n), at4(at + TILE + n + 4u),
    at4(at + 2u * TILE + n), at4(at + 2u * TILE + n + 4u), at4(at + 3u * TILE + n), at4(at + 3u * TILE + n + 4u),
  );
}

// The components of four vectors, combined over each vector: the result's x is of the first.
fn sum_of_each(a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> vec4f {
  let t = transpose(mat4x4f(a, b, c, d));
  return (t[0] + t[1]) + (t[2] + t[3]);
}

fn max_of_each(a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> vec4f {
  let t = transpose(mat4x4f(a, b, c, d));
  return max(max(t[0], t[1]), max(t[2], t[3]));
}

fn scaled(s: Sums, by: vec4f) -> Sums {
  return Sums(
    s.s00 * by.x, s.s01 * by.x, s.s10 * by.y, s.s11 * by.y,
    s.s20 * by.z, s.s21 * by.z, s.s30 * by.w, s.s31 * by.w,
  );
}

// Where a workgroup works: its head, its first row, and its range of the keys.
struct Area {
  batch: u32,
  head: u32,
  split: u32,
  row: u32,
  first: u32,
  end: u32,
}

fn query_area(flat: u32) -> Area {
  let sections = (params.queries + ROWS - 1u) / ROWS;
  let split = (flat / sections) % params.splits;
  let row = (flat % sections) * ROWS;
  let tiles = (params.keys + TILE - 1u) / TILE;
  let perSplit = (tiles + params.splits - 1u) / params.splits;
  let first = split * perSplit * TILE;
  var end = min(params.keys, first + perSplit * TILE);
  if (params.causal != 0u) {
    end = min(end, row + ROWS);
  }
  let head = (flat / (sections * params.splits)) % params.heads;
  return Area(flat / (sections * params.splits * params.heads), head, split, row, first, end);
}

// The weights of four rows from their scores in LEFT: the running maximum and sum go on, and by how much the sums so far
// shrink is returned.
fn soften(area: Area, i: vec4u, tile: u32, count: u32) -> vec4f {
  let slot = i.x - area.row;
  let before = at4(TOP + slot);
  var m0 = vec4f(before.x);
  var m1 = vec4f(before.y);
  var m2 = vec4f(before.z);
  var m3 = vec4f(before.w);
  for (var n = 0u; n < count; n += 4u) {
    m0 = max(m0, at4(LEFT + n));
    m1 = max(m1, at4(LEFT + TILE + n));
    m2 = max(m2, at4(LEFT + 2u * TILE + n));
    m3 = max(m3, at4(LEFT + 3u * TILE + n));
  }
  let top = max_of_each(m0, m1, m2, m3);
  let row = (area.batch * params.heads + area.head) * params.queries + i;
  var t0 = vec4f();
  var t1 = vec4f();
  var t2 = vec4f();
  var t3 = vec4f();
  for (var n = 0u; n < count; n += 4u) {
    let e0 = exp(at4(LEFT + n) - top.x);
    t0 += e0;
    put4(LEFT + n, e0 * keep4(row.x, tile + n));
    let e1 = exp(at4(LEFT + TILE + n) - top.y);
    t1 += e1;
    put4(LEFT + TILE + n, e1 * keep4(row.y, tile + n));
    let e2 = exp(at4(LEFT + 2u * TILE + n) - top.z);
    t2 += e2;
    put4(LEFT + 2u * TILE + n, e2 * keep4(row.z, tile + n));
    let e3 = exp(at4(LEFT + 3u * TILE + n) - top.w);
    t3 += e3;
    put4(LEFT + 3u * TILE + n, e3 * keep4(row.w, tile + n));
  }
  let shrink = exp(before - top);
  put4(TOP + slot, top);
  put4(SUM + slot, at4(SUM + slot) * shrink + sum_of_each(t0, t1, t2, t3));
  return shrink;
}

fn log_sum_exp(top: f32, sum: f32) -> f32 {
  return select(NO_LSE, top + log(sum), sum > 0.0);
}

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let area = query_area(group.x + group.y * groups.x);
  if (area.batch >= params.batch) {
    return;
  }
  let width = params.heads * HEAD;
  let lastQuery = params.queries - 1u;
  let ofHead = area.head * HEAD;
  let keyBase = area.batch * params.keys * width + ofHead;
  let queryBase = area.batch * params.queries * width + ofHead;
  let outBase = area.split * params.batch * params.queries * width + queryBase;
  let rowBase = (area.batch * params.heads + area.head) * params.queries;
  let endRow = min(area.row + ROWS, params.queries);
  for (var n = 0u; n < ROWS; n++) {
    memory[TOP + n] = NO_TOP;
    memory[SUM + n] = 0.0;
  }

  for (var tile = area.first; tile < area.end; tile += TILE) {
    let count = min(TILE, area.end - tile);
    pack_key(PANEL_A, keyBase, tile, count);
    let veils = mark_shown(area.batch, tile, count);
    for (var i = area.row; i < endRow; i += 4u) {
      let rowsHere = min(vec4u(i, i + 1u, i + 2u, i + 3u), vec4u(lastQuery));
      query_rows(ROW_A, queryBase + rowsHere * width);
      var least = vec4f(HIDDEN);
      if (params.sparse != 0u) {
        least = vec4f(
          newRows[rowBase + rowsHere.x].z, newRows[rowBase + rowsHere.y].z,
          newRows[rowBase + rowsHere.z].z, newRows[rowBase + rowsHere.w].z,
        );
      }
      for (var n = 0u; n < count; n += 8u) {
        let scores = products(ROW_A, PANEL_A + n * D);
        put_weights(LEFT, n, veiled(scores, veils, rowsHere, tile, n, least));
      }
      // The last panel may hold four keys more than there are: they are hidden, and so weigh nothing.
      let shrink = soften(area, vec4u(i, i + 1u, i + 2u, i + 3u), tile, count);
      let starts = outBase + rowsHere * width;
      for (var c = 0u; c < C; c += 2u) {
        var s = Sums();
        if (tile > area.first) {
          s = scaled(get_out(starts, c), shrink);
        }
        s = times_values(s, LEFT, keyBase + tile * width, count, c);
        put_out(starts, endRow - i, c, s);
      }
    }
  }

  // A split without keys, and a query without any, have nothing to sum.
  if (area.first >= area.end) {
    for (var i = area.row; i < endRow; i++) {
      for (var c = 0u; c < C; c++) {
        store_out(outBase + i * width, c, vec4f());
      }
    }
  }

  let elements = area.split * params.batch * params.heads * params.queries + rowBase;
  for (var i = area.row; i < endRow; i++) {
    let top = memory[TOP + i - area.row];
    let sum = memory[SUM + i - area.row];
    if (params.splits > 1u) {
      partials[elements + i] = vec2f(top, sum);
    } else {
      let normalize = select(0.0, 1.0 / sum, sum > 0.0);
      for (var c = 0u; c < C; c++) {
        store_out(outBase + i * width, c, load_out(outBase + i * width, c) * normalize);
      }
      newRows[rowBase + i].x = log_sum_exp(top, sum);
    }
  }
}

// delta of a row, in the order in which products adds: where a query sees one key alone, both are the same bits and
// its gradient is 0.
@compute @workgroup_size(WG)
fn delta(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = group.x + group.y * groups.x;
  if (row >= params.batch * params.heads * params.queries) {
    return;
  }
  let i = row % params.queries;
  let head = (row / params.queries) % params.heads;
  let batch = row / (params.queries * params.heads);
  let start = ((batch * params.queries + i) * params.heads + head) * HEAD;
  var sum = 0.0;
  for (var d = 0u; d < HEAD; d++) {
    sum += dout[start + d] * made[start + d];
  }
  newRows[row].y = sum;
}

// exp(s - lse) of four rows and eight keys.
fn probabilities(s: Sums, lse: vec4f) -> Sums {
  return Sums(
    exp(s.s00 - lse.x), exp(s.s01 - lse.x), exp(s.s10 - lse.y), exp(s.s11 - lse.y),
    exp(s.s20 - lse.z), exp(s.s21 - lse.z), exp(s.s30 - lse.w), exp(s.s31 - lse.w),
  );
}

@compute @workgroup_size(WG)
fn dquery(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let area = query_area(group.x + group.y * groups.x);
  if (area.batch >= params.batch) {
    return;
  }
  let width = params.heads * HEAD;
  let lastQuery = params.queries - 1u;
  let ofHead = area.head * HEAD;
  let keyBase = area.batch * params.keys * width + ofHead;
  let queryBase = area.batch * params.queries * width + ofHead;
  let outBase = area.split * params.batch * params.queries * width + queryBase;
  let rowBase = (area.batch * params.heads + area.head) * params.queries;
  let endRow = min(area.row + ROWS, params.queries);

  for (var tile = area.first; tile < area.end; tile += TILE) {
    let count = min(TILE, area.end - tile);
    pack_key(PANEL_A, keyBase, tile, count);
    pack_value(PANEL_B, keyBase, tile, count);
    let veils = mark_shown(area.batch, tile, count);
    for (var i = area.row; i < endRow; i += 4u) {
      let rowsHere = min(vec4u(i, i + 1u, i + 2u, i + 3u), vec4u(lastQuery));
      query_rows(ROW_A, queryBase + rowsHere * width);
      dout_rows(ROW_B, queryBase + rowsHere * width);
      let row = rowBase + rowsHere;
      let state = transpose(mat4x4f(rows[row.x], rows[row.y], rows[row.z], rows[row.w]));
      let lse = state[0];
      let delta = state[1];
      for (var n = 0u; n < count; n += 8u) {
        let scores = veiled(products(ROW_A, PANEL_A + n * D), veils, rowsHere, tile, n, state[2]);
        // Aside: eight sums and eight of these would not fit into the registers together.
        put_weights(LEFT, n, probabilities(scores, lse));
        let g = products(ROW_B, PANEL_B + n * D);
        let p = get_weights(LEFT, n);
        let j = tile + n;
        put_weights(LEFT, n, Sums(
          params.scale * p.s00 * (g.s00 * keep4(row.x, j) - delta.x),
          params.scale * p.s01 * (g.s01 * keep4(row.x, j + 4u) - delta.x),
          params.scale * p.s10 * (g.s10 * keep4(row.y, j) - delta.y),
          params.scale * p.s11 * (g.s11 * keep4(row.y, j + 4u) - delta.y),
          params.scale * p.s20 * (g.s20 * keep4(row.z, j) - delta.z),
          params.scale * p.s21 * (g.s21 * keep4(row.z, j + 4u) - delta.z),
          params.scale * p.s30 * (g.s30 * keep4(row.w, j) - delta.w),
          params.scale * p.s31 * (g.s31 * keep4(row.w, j + 4u) - delta.w),
        ));
      }
      let starts = outBase + rowsHere * width;
      for (var c = 0u; c < C; c += 2u) {
        var s = Sums();
        if (tile > area.first) {
          s = get_dq(starts, c);
        }
        s = times_keys(s, LEFT, keyBase + tile * width, count, c);
        put_dq(starts, endRow - i, c, s);
      }
    }
  }
  // A split without keys, and a query that may see none, have no gradient.
  if (area.first >= area.end) {
    for (var i = area.row; i < endRow; i++) {
      for (var c = 0u; c < C; c++) {
        store_dq(outBase + i * width, c, vec4f());
      }
    }
  }
}

// lse, delta and threshold of the queries of a panel; those past the last see nothing.
fn mark_queries(rowBase: u32, tile: u32, count: u32) {
  for (var n = 0u; n < 8u * ((count + 7u) / 8u); n++) {
    let state = rows[rowBase + min(tile + n, params.queries - 1u)];
    memory[LSE + n] = select(NO_LSE, state.x, n < count);
    memory[DELTA + n] = state.y;
    memory[LEAST + n] = state.z;
  }
}

// The dropout of four keys, from j on, for four queries: a vec4 a key.
fn keep_columns(row: vec4u, j: u32) -> mat4x4f {
  if (params.keepScale == 1.0) {
    return mat4x4f(vec4f(1.0), vec4f(1.0), vec4f(1.0), vec4f(1.0));
  }
  return transpose(mat4x4f(keep4(row.x, j), keep4(row.y, j), keep4(row.z, j), keep4(row.w, j)));
}

// p of one key for four queries, 0 where it is not seen.
fn column(s: vec4f, j: u32, tile: u32, n: u32) -> vec4f {
  var p = exp(s - at4(LSE + n));
  if (params.causal != 0u) {
    let i = tile + n;
    p = select(vec4f(), p, vec4u(j) <= vec4u(i, i + 1u, i + 2u, i + 3u));
  }
  if (params.sparse != 0u) {
    p = select(vec4f(), p, s >= at4(LEAST + n));
  }
  return p;
}

fn is_hidden(batch: u32, j: u32) -> bool {
  return j >= params.keys || (params.hasMask != 0u && mask[batch * params.keys + min(j, params.keys - 1u)] == 0u);
}

@compute @workgroup_size(WG)
fn dkeys(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let sections = (params.keys + ROWS - 1u) / ROWS;
  let flat = group.x + group.y * groups.x;
  let firstKey = (flat % sections) * ROWS;
  let head = (flat / sections) % params.heads;
  let batch = flat / (sections * params.heads);
  if (batch >= params.batch) {
    return;
  }
  let width = params.heads * HEAD;
  let lastKey = params.keys - 1u;
  let keyBase = batch * params.keys * width + head * HEAD;
  let queryBase = batch * params.queries * width + head * HEAD;
  let rowBase = (batch * params.heads + head) * params.queries;
  let endKey = min(firstKey + ROWS, params.keys);
  // A causal mask hides the queries before the first key.
  let first = select(0u, (firstKey / TILE) * TILE, params.causal != 0u);

  for (var tile = first; tile < params.queries; tile += TILE) {
    let count = min(TILE, params.queries - tile);
    pack_query(PANEL_A, queryBase, tile, count);
    pack_dout(PANEL_B, queryBase, tile, count);
    mark_queries(rowBase, tile, count);
    for (var j = firstKey; j < endKey; j += 4u) {
      let keysHere = min(vec4u(j, j + 1u, j + 2u, j + 3u), vec4u(lastKey));
      let starts = keyBase + keysHere * width;
      key_rows(ROW_A, starts);
      value_rows(ROW_B, starts);
      for (var n = 0u; n < count; n += 8u) {
        let s = products(ROW_A, PANEL_A + n * D);
        // Aside: eight sums and eight of these would not fit into the registers together.
        put_weights(RIGHT, n, Sums(
          column(s.s00, j, tile, n), column(s.s01, j, tile, n + 4u),
          column(s.s10, j + 1u, tile, n), column(s.s11, j + 1u, tile, n + 4u),
          column(s.s20, j + 2u, tile, n), column(s.s21, j + 2u, tile, n + 4u),
          column(s.s30, j + 3u, tile, n), column(s.s31, j + 3u, tile, n + 4u),
        ));
        let g = products(ROW_B, PANEL_B + n * D);
        let p = get_weights(RIGHT, n);
        let delta0 = at4(DELTA + n);
        let delta1 = at4(DELTA + n + 4u);
        let i = rowBase + tile + n;
        let k0 = keep_columns(vec4u(i, i + 1u, i + 2u, i + 3u), j);
        let k1 = keep_columns(vec4u(i + 4u, i + 5u, i + 6u, i + 7u), j);
        put_weights(LEFT, n, Sums(
          p.s00 * k0[0], p.s01 * k1[0], p.s10 * k0[1], p.s11 * k1[1],
          p.s20 * k0[2], p.s21 * k1[2], p.s30 * k0[3], p.s31 * k1[3],
        ));
        put_weights(RIGHT, n, Sums(
          params.scale * p.s00 * (g.s00 * k0[0] - delta0), params.scale * p.s01 * (g.s01 * k1[0] - delta1),
          params.scale * p.s10 * (g.s10 * k0[1] - delta0), params.scale * p.s11 * (g.s11 * k1[1] - delta1),
          params.scale * p.s20 * (g.s20 * k0[2] - delta0), params.scale * p.s21 * (g.s21 * k1[2] - delta1),
          params.scale * p.s30 * (g.s30 * k0[3] - delta0), params.scale * p.s31 * (g.s31 * k1[3] - delta1),
        ));
      }
      for (var c = 0u; c < C; c += 2u) {
        var s = Sums();
        var t = Sums();
        if (tile > first) {
          s = get_dk(starts, c);
          t = get_dv(starts, c);
        }
        put_dk(starts, endKey - j, c, times_queries(s, RIGHT, queryBase + tile * width, count, c));
        put_dv(starts, endKey - j, c, times_douts(t, LEFT, queryBase + tile * width, count, c));
      }
    }
  }

  // A key that nobody sees has no gradient, whatever its scores were.
  for (var j = firstKey; j < endKey; j++) {
    if (first >= params.queries || is_hidden(batch, j)) {
      for (var c = 0u; c < C; c++) {
        store_dk(keyBase + j * width, c, vec4f());
        store_dv(keyBase + j * width, c, vec4f());
      }
    }
  }
}
