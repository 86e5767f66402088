// Attention without workgroup barriers, for the CPU: a workgroup is one invocation.
//
//   forward        o_i = sum_j keep_ij p_ij v_j,   p_ij = exp(s_ij - l_i),
//                  s_ij = scale * q_i . k_j
//   delta          delta_i = do_i . o_i
//   compute_dq     dq_i = scale * sum_j ds_ij k_j,   ds_ij = p_ij (keep_ij dpDropped_ij - delta_i),
//                  dpDropped_ij = do_i . v_j
//   compute_dkdv   dk_j = scale * sum_i ds_ij q_i,   dv_j = sum_i keep_ij p_ij do_i
//
// Shapes   query, o, do_, dq [B, T, H * D]; key, value, dk, dv [B, S, H * D]; mask [B, S] u32, 0
//          masks a key; rowStats and newRowStats [B, H, T] vec4 = (l, delta, threshold, 0);
//          forwardO is o, bound for reading in delta. Where splits is 2 or more, forward writes an
//          unnormalized o [splits, B, T, H * D] and partials [splits, B, H, T] = (max, sum), which
//          attention_forward's merge combines; dq is [splits, B, T, H * D], and matmul_reduce adds
//          its parts.
// Grid     a workgroup owns ROWS queries (compute_dkdv: keys) of one head and takes them 4 at a
//          time, against panels of TILE keys (compute_dkdv: queries). forward and compute_dq may
//          split the keys. delta: one workgroup per row.
// Memory   workgroup: two panels of TILE rows, eight staged rows, two score tiles [4, TILE] and
//          statistics of the rows: 4 * (2 TILE PADDED + 8 PADDED + 12 TILE + 2 ROWS) bytes, 11.75
//          KiB as declared. Between panels the sums of o, dq, dk and dv are kept in the output
//          buffers.
// Numerics f32, as in attention_forward and attention_backward: masked scores are finite, dropout
//          acts on p after l is computed, sums run in a fixed order.
//
// Scores and weighted sums of rows are products of small matrices, and are computed as in
// matmul_direct: in tiles of 4 x 8 over packed panels. A row's maximum, and the factor that
// rescales its earlier sums, are updated once per panel of keys.

const WG = 1u;
const ROWS = 32u;
const TILE = 64u;

// begin helpers/attention_constants.wgsl (generated: edit there)
// D is the head size; a head is read as CHUNKS vec4. Where D is not a multiple of 4, the last chunk
// has TAIL components, the last of them at index LAST; where D is a multiple, TAIL is 0 and LAST is
// 3.
const D = 16u;
const CHUNKS = (D + 3u) / 4u;
const TAIL = D % 4u;
const LAST = (D + 3u) % 4u;

// The score of a key that a query may not see: far below any real score, and still finite when it
// is doubled. The running maximum of a row starts at NO_MAX, far above MASKED, so that
// exp(MASKED - max) is 0 even in a row without any visible key. l of such a row is NO_L, so that
// exp(s - NO_L) is 0 for every score.
const MASKED = -1.0e38;
const NO_MAX = -5.0e37;
const NO_L = 1.0e38;
// end helpers/attention_constants.wgsl

// D rounded up to a multiple of 4.
const PADDED = 4u * CHUNKS;

// begin helpers/attention_params.wgsl (generated: edit there)
struct Params {
  B: u32,
  H: u32,
  // Queries.
  T: u32,
  // Keys.
  S: u32,
  // The number of ranges that the keys are split into, each for a workgroup of its own.
  splits: u32,
  // 1: query i sees keys 0 .. i only.
  causal: u32,
  // 1: `mask` says which keys can be seen.
  hasMask: u32,
  // 1: scores below the threshold in rowStats are masked.
  sparse: u32,
  // What scores are multiplied by, usually 1 / sqrt(D).
  scale: f32,
  // Dropout keeps a probability whose random word is below keepThreshold, and multiplies it by
  // keepScale = 1 / (1 - rate). Without dropout keepScale is 1.
  keepThreshold: u32,
  keepScale: f32,
  // Identifies this dropout in the model: no two draw from the same stream.
  site: u32,
}
// end helpers/attention_params.wgsl

// begin helpers/random.wgsl (generated: edit there)
// The random stream of one seed and training step, mixed on the host.
struct Random {
  stream: vec2u,
}

// Four random words for a key of four words: pcg4d of Jarzynski and Olano, Hash Functions for GPU
// Rendering, JCGT 9(3), 2020. It has no state: the same key gives the same words on every adapter,
// in any order of the invocations.
fn hash4(key: vec4u) -> vec4u {
  var v = key * 1664525u + 1013904223u;
  v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
  v ^= v >> vec4u(16u);
  v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
  return v;
}
// end helpers/random.wgsl

@group(0) @binding(0) var<storage, read> query: array<f32>;
@group(0) @binding(1) var<storage, read> key: array<f32>;
@group(0) @binding(2) var<storage, read> value: array<f32>;
@group(0) @binding(3) var<storage, read> mask: array<u32>;
@group(0) @binding(4) var<storage, read_write> o: array<f32>;
@group(0) @binding(5) var<storage, read_write> newRowStats: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> partials: array<vec2f>;
@group(0) @binding(7) var<uniform> random: Random;

@group(0) @binding(0) var<storage, read> forwardO: array<f32>;
@group(0) @binding(4) var<storage, read> do_: array<f32>;
@group(0) @binding(5) var<storage, read> rowStats: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dq: array<f32>;
@group(0) @binding(6) var<storage, read_write> dk: array<f32>;
@group(0) @binding(8) var<storage, read_write> dv: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// Offsets in `memory`, in words. Panels of TILE rows, PADDED words each: keys in forward, keys and
// values in compute_dq, queries and do in compute_dkdv.
const PANEL_A = 0u;
const PANEL_B = TILE * PADDED;
// Four staged rows, PADDED words each: queries in forward, queries and do in compute_dq, keys and
// values in compute_dkdv.
const ROWS_A = 2u * TILE * PADDED;
const ROWS_B = ROWS_A + 4u * PADDED;
// Score tiles [4, TILE]: s, p or ds of the four staged rows against the panel.
const SCORES_A = ROWS_B + 4u * PADDED;
const SCORES_B = SCORES_A + 4u * TILE;
// One word per key of the panel: 1 where it is visible, else 0.
const VISIBLE = SCORES_B + 4u * TILE;
// forward: the running maximum and sum of each of the ROWS queries.
const ROW_MAX = VISIBLE + TILE;
const ROW_SUM = ROW_MAX + ROWS;
// compute_dkdv: l, delta and threshold of every query of the panel.
const ROW_L = ROW_MAX;
const ROW_DELTA = ROW_L + TILE;
const ROW_THRESHOLD = ROW_DELTA + TILE;
const WORDS = ROW_MAX + 2u * ROWS + 3u * TILE;

var<workgroup> memory: array<f32, WORDS>;

// begin helpers/dropout_words.wgsl (generated: edit there)
// The random words of four neighboring keys of one score row, for dropout of their probabilities;
// key4 is the first key / 4.
fn dropout_words(row: u32, key4: u32) -> vec4u {
  return hash4(vec4u(key4, row, random.stream.x, random.stream.y ^ params.site));
}
// end helpers/dropout_words.wgsl

// begin helpers/score_dropout4.wgsl (generated: edit there)
// The dropout factors of keys j .. j + 3 in one score row; j is a multiple of 4.
fn score_dropout4(row: u32, j: u32) -> vec4f {
  if (params.keepScale == 1.0) {
    return vec4f(1.0);
  }
  let isKept = dropout_words(row, j / 4u) < vec4u(params.keepThreshold);
  return select(vec4f(), vec4f(params.keepScale), isKept);
}
// end helpers/score_dropout4.wgsl

// begin helpers/load_chunk.wgsl for query (generated: edit there)
// Chunk c of the head that starts at query[start], with 0 for the components past its end.
fn load_query(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < CHUNKS) {
    return vec4f(query[i], query[i + 1u], query[i + 2u], query[i + 3u]);
  }
  // min keeps the index inside the head, as the buffer may end there.
  return vec4f(
    query[i],
    select(0.0, query[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, query[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}
// end helpers/load_chunk.wgsl

// begin helpers/load_chunk.wgsl for key (generated: edit there)
// Chunk c of the head that starts at key[start], with 0 for the components past its end.
fn load_key(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < CHUNKS) {
    return vec4f(key[i], key[i + 1u], key[i + 2u], key[i + 3u]);
  }
  // min keeps the index inside the head, as the buffer may end there.
  return vec4f(
    key[i],
    select(0.0, key[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, key[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}
// end helpers/load_chunk.wgsl

// begin helpers/load_chunk.wgsl for value (generated: edit there)
// Chunk c of the head that starts at value[start], with 0 for the components past its end.
fn load_value(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < CHUNKS) {
    return vec4f(value[i], value[i + 1u], value[i + 2u], value[i + 3u]);
  }
  // min keeps the index inside the head, as the buffer may end there.
  return vec4f(
    value[i],
    select(0.0, value[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, value[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}
// end helpers/load_chunk.wgsl

// begin helpers/load_chunk.wgsl for do_ (generated: edit there)
// Chunk c of the head that starts at do_[start], with 0 for the components past its end.
fn load_do_(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < CHUNKS) {
    return vec4f(do_[i], do_[i + 1u], do_[i + 2u], do_[i + 3u]);
  }
  // min keeps the index inside the head, as the buffer may end there.
  return vec4f(
    do_[i],
    select(0.0, do_[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, do_[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}
// end helpers/load_chunk.wgsl

// begin helpers/load_chunk.wgsl for o (generated: edit there)
// Chunk c of the head that starts at o[start], with 0 for the components past its end.
fn load_o(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < CHUNKS) {
    return vec4f(o[i], o[i + 1u], o[i + 2u], o[i + 3u]);
  }
  // min keeps the index inside the head, as the buffer may end there.
  return vec4f(
    o[i],
    select(0.0, o[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, o[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}
// end helpers/load_chunk.wgsl

// begin helpers/load_chunk.wgsl for dq (generated: edit there)
// Chunk c of the head that starts at dq[start], with 0 for the components past its end.
fn load_dq(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < CHUNKS) {
    return vec4f(dq[i], dq[i + 1u], dq[i + 2u], dq[i + 3u]);
  }
  // min keeps the index inside the head, as the buffer may end there.
  return vec4f(
    dq[i],
    select(0.0, dq[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, dq[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}
// end helpers/load_chunk.wgsl

// begin helpers/load_chunk.wgsl for dk (generated: edit there)
// Chunk c of the head that starts at dk[start], with 0 for the components past its end.
fn load_dk(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < CHUNKS) {
    return vec4f(dk[i], dk[i + 1u], dk[i + 2u], dk[i + 3u]);
  }
  // min keeps the index inside the head, as the buffer may end there.
  return vec4f(
    dk[i],
    select(0.0, dk[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, dk[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}
// end helpers/load_chunk.wgsl

// begin helpers/load_chunk.wgsl for dv (generated: edit there)
// Chunk c of the head that starts at dv[start], with 0 for the components past its end.
fn load_dv(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < CHUNKS) {
    return vec4f(dv[i], dv[i + 1u], dv[i + 2u], dv[i + 3u]);
  }
  // min keeps the index inside the head, as the buffer may end there.
  return vec4f(
    dv[i],
    select(0.0, dv[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, dv[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}
// end helpers/load_chunk.wgsl

// begin helpers/store_chunk.wgsl for o (generated: edit there)
// Writes chunk c of the head that starts at o[start], up to the head's end.
fn store_o(start: u32, c: u32, values: vec4f) {
  for (var i = 0u; i < min(4u, D - 4u * c); i++) {
    o[start + 4u * c + i] = values[i];
  }
}
// end helpers/store_chunk.wgsl

// begin helpers/store_chunk.wgsl for dq (generated: edit there)
// Writes chunk c of the head that starts at dq[start], up to the head's end.
fn store_dq(start: u32, c: u32, values: vec4f) {
  for (var i = 0u; i < min(4u, D - 4u * c); i++) {
    dq[start + 4u * c + i] = values[i];
  }
}
// end helpers/store_chunk.wgsl

// begin helpers/store_chunk.wgsl for dk (generated: edit there)
// Writes chunk c of the head that starts at dk[start], up to the head's end.
fn store_dk(start: u32, c: u32, values: vec4f) {
  for (var i = 0u; i < min(4u, D - 4u * c); i++) {
    dk[start + 4u * c + i] = values[i];
  }
}
// end helpers/store_chunk.wgsl

// begin helpers/store_chunk.wgsl for dv (generated: edit there)
// Writes chunk c of the head that starts at dv[start], up to the head's end.
fn store_dv(start: u32, c: u32, values: vec4f) {
  for (var i = 0u; i < min(4u, D - 4u * c); i++) {
    dv[start + 4u * c + i] = values[i];
  }
}
// end helpers/store_chunk.wgsl

fn load4(i: u32) -> vec4f {
  return vec4f(memory[i], memory[i + 1u], memory[i + 2u], memory[i + 3u]);
}

fn store4(i: u32, v: vec4f) {
  memory[i] = v.x;
  memory[i + 1u] = v.y;
  memory[i + 2u] = v.z;
  memory[i + 3u] = v.w;
}

// begin helpers/tile4x8.wgsl (generated: edit there)
// A register tile of 4 rows and 8 columns: row r is the two vec4 tr0 and tr1.
struct Tile4x8 {
  t00: vec4f, t01: vec4f,
  t10: vec4f, t11: vec4f,
  t20: vec4f, t21: vec4f,
  t30: vec4f, t31: vec4f,
}
// end helpers/tile4x8.wgsl

// The dot products [4, 8] of four staged rows with eight rows of a panel: for every d, the outer
// product of element d of the four rows and element d of the eight.
fn dot_products(rows: u32, panel: u32) -> Tile4x8 {
  var t = Tile4x8();
  for (var d = 0u; d < D; d++) {
    let b0 = load4(panel + 8u * d);
    let b1 = load4(panel + 8u * d + 4u);
    let a0 = vec4f(memory[rows + d]);
    t.t00 += a0 * b0;
    t.t01 += a0 * b1;
    let a1 = vec4f(memory[rows + PADDED + d]);
    t.t10 += a1 * b0;
    t.t11 += a1 * b1;
    let a2 = vec4f(memory[rows + 2u * PADDED + d]);
    t.t20 += a2 * b0;
    t.t21 += a2 * b1;
    let a3 = vec4f(memory[rows + 3u * PADDED + d]);
    t.t30 += a3 * b0;
    t.t31 += a3 * b1;
  }
  return t;
}

// begin helpers/pack_panel.wgsl for query (generated: edit there)
// Packs rows start .. start + count - 1 of one head of query, which begins at `base`, into a panel
// in memory: eight rows side by side, so that element d of all eight is in 8 neighboring words for
// dot_products. The last row is repeated up to a multiple of 8.
fn pack_query(panel: u32, base: u32, start: u32, count: u32) {
  let C = params.H * D;
  let last = vec4u(start + count - 1u);
  for (var n = 0u; n < count; n += 8u) {
    let i = start + n;
    let r = base + min(vec4u(i, i + 1u, i + 2u, i + 3u), last) * C;
    let s = base + min(vec4u(i + 4u, i + 5u, i + 6u, i + 7u), last) * C;
    // Four elements of eight rows at a time: two 4 x 4 matrices, transposed so that a row is one
    // element of four rows.
    for (var c = 0u; c < CHUNKS; c++) {
      let left = transpose(mat4x4f(
        load_query(r.x, c), load_query(r.y, c), load_query(r.z, c), load_query(r.w, c),
      ));
      let right = transpose(mat4x4f(
        load_query(s.x, c), load_query(s.y, c), load_query(s.z, c), load_query(s.w, c),
      ));
      let target_ = panel + 8u * (PADDED * (n / 8u) + 4u * c);
      store4(target_, left[0]);
      store4(target_ + 4u, right[0]);
      store4(target_ + 8u, left[1]);
      store4(target_ + 12u, right[1]);
      store4(target_ + 16u, left[2]);
      store4(target_ + 20u, right[2]);
      store4(target_ + 24u, left[3]);
      store4(target_ + 28u, right[3]);
    }
  }
}
// end helpers/pack_panel.wgsl

// begin helpers/pack_panel.wgsl for key (generated: edit there)
// Packs rows start .. start + count - 1 of one head of key, which begins at `base`, into a panel
// in memory: eight rows side by side, so that element d of all eight is in 8 neighboring words for
// dot_products. The last row is repeated up to a multiple of 8.
fn pack_key(panel: u32, base: u32, start: u32, count: u32) {
  let C = params.H * D;
  let last = vec4u(start + count - 1u);
  for (var n = 0u; n < count; n += 8u) {
    let i = start + n;
    let r = base + min(vec4u(i, i + 1u, i + 2u, i + 3u), last) * C;
    let s = base + min(vec4u(i + 4u, i + 5u, i + 6u, i + 7u), last) * C;
    // Four elements of eight rows at a time: two 4 x 4 matrices, transposed so that a row is one
    // element of four rows.
    for (var c = 0u; c < CHUNKS; c++) {
      let left = transpose(mat4x4f(
        load_key(r.x, c), load_key(r.y, c), load_key(r.z, c), load_key(r.w, c),
      ));
      let right = transpose(mat4x4f(
        load_key(s.x, c), load_key(s.y, c), load_key(s.z, c), load_key(s.w, c),
      ));
      let target_ = panel + 8u * (PADDED * (n / 8u) + 4u * c);
      store4(target_, left[0]);
      store4(target_ + 4u, right[0]);
      store4(target_ + 8u, left[1]);
      store4(target_ + 12u, right[1]);
      store4(target_ + 16u, left[2]);
      store4(target_ + 20u, right[2]);
      store4(target_ + 24u, left[3]);
      store4(target_ + 28u, right[3]);
    }
  }
}
// end helpers/pack_panel.wgsl

// begin helpers/pack_panel.wgsl for value (generated: edit there)
// Packs rows start .. start + count - 1 of one head of value, which begins at `base`, into a panel
// in memory: eight rows side by side, so that element d of all eight is in 8 neighboring words for
// dot_products. The last row is repeated up to a multiple of 8.
fn pack_value(panel: u32, base: u32, start: u32, count: u32) {
  let C = params.H * D;
  let last = vec4u(start + count - 1u);
  for (var n = 0u; n < count; n += 8u) {
    let i = start + n;
    let r = base + min(vec4u(i, i + 1u, i + 2u, i + 3u), last) * C;
    let s = base + min(vec4u(i + 4u, i + 5u, i + 6u, i + 7u), last) * C;
    // Four elements of eight rows at a time: two 4 x 4 matrices, transposed so that a row is one
    // element of four rows.
    for (var c = 0u; c < CHUNKS; c++) {
      let left = transpose(mat4x4f(
        load_value(r.x, c), load_value(r.y, c), load_value(r.z, c), load_value(r.w, c),
      ));
      let right = transpose(mat4x4f(
        load_value(s.x, c), load_value(s.y, c), load_value(s.z, c), load_value(s.w, c),
      ));
      let target_ = panel + 8u * (PADDED * (n / 8u) + 4u * c);
      store4(target_, left[0]);
      store4(target_ + 4u, right[0]);
      store4(target_ + 8u, left[1]);
      store4(target_ + 12u, right[1]);
      store4(target_ + 16u, left[2]);
      store4(target_ + 20u, right[2]);
      store4(target_ + 24u, left[3]);
      store4(target_ + 28u, right[3]);
    }
  }
}
// end helpers/pack_panel.wgsl

// begin helpers/pack_panel.wgsl for do_ (generated: edit there)
// Packs rows start .. start + count - 1 of one head of do_, which begins at `base`, into a panel
// in memory: eight rows side by side, so that element d of all eight is in 8 neighboring words for
// dot_products. The last row is repeated up to a multiple of 8.
fn pack_do_(panel: u32, base: u32, start: u32, count: u32) {
  let C = params.H * D;
  let last = vec4u(start + count - 1u);
  for (var n = 0u; n < count; n += 8u) {
    let i = start + n;
    let r = base + min(vec4u(i, i + 1u, i + 2u, i + 3u), last) * C;
    let s = base + min(vec4u(i + 4u, i + 5u, i + 6u, i + 7u), last) * C;
    // Four elements of eight rows at a time: two 4 x 4 matrices, transposed so that a row is one
    // element of four rows.
    for (var c = 0u; c < CHUNKS; c++) {
      let left = transpose(mat4x4f(
        load_do_(r.x, c), load_do_(r.y, c), load_do_(r.z, c), load_do_(r.w, c),
      ));
      let right = transpose(mat4x4f(
        load_do_(s.x, c), load_do_(s.y, c), load_do_(s.z, c), load_do_(s.w, c),
      ));
      let target_ = panel + 8u * (PADDED * (n / 8u) + 4u * c);
      store4(target_, left[0]);
      store4(target_ + 4u, right[0]);
      store4(target_ + 8u, left[1]);
      store4(target_ + 12u, right[1]);
      store4(target_ + 16u, left[2]);
      store4(target_ + 20u, right[2]);
      store4(target_ + 24u, left[3]);
      store4(target_ + 28u, right[3]);
    }
  }
}
// end helpers/pack_panel.wgsl

// Each function stages four heads, one after the other, which begin at `starts` in their buffer.
// Queries and keys are scaled here once, instead of scaling every score.

fn stage_queries(rows: u32, starts: vec4u) {
  for (var c = 0u; c < CHUNKS; c++) {
    store4(rows + 4u * c, load_query(starts.x, c) * params.scale);
    store4(rows + PADDED + 4u * c, load_query(starts.y, c) * params.scale);
    store4(rows + 2u * PADDED + 4u * c, load_query(starts.z, c) * params.scale);
    store4(rows + 3u * PADDED + 4u * c, load_query(starts.w, c) * params.scale);
  }
}

fn stage_do(rows: u32, starts: vec4u) {
  for (var c = 0u; c < CHUNKS; c++) {
    store4(rows + 4u * c, load_do_(starts.x, c));
    store4(rows + PADDED + 4u * c, load_do_(starts.y, c));
    store4(rows + 2u * PADDED + 4u * c, load_do_(starts.z, c));
    store4(rows + 3u * PADDED + 4u * c, load_do_(starts.w, c));
  }
}

fn stage_keys(rows: u32, starts: vec4u) {
  for (var c = 0u; c < CHUNKS; c++) {
    store4(rows + 4u * c, load_key(starts.x, c) * params.scale);
    store4(rows + PADDED + 4u * c, load_key(starts.y, c) * params.scale);
    store4(rows + 2u * PADDED + 4u * c, load_key(starts.z, c) * params.scale);
    store4(rows + 3u * PADDED + 4u * c, load_key(starts.w, c) * params.scale);
  }
}

fn stage_values(rows: u32, starts: vec4u) {
  for (var c = 0u; c < CHUNKS; c++) {
    store4(rows + 4u * c, load_value(starts.x, c));
    store4(rows + PADDED + 4u * c, load_value(starts.y, c));
    store4(rows + 2u * PADDED + 4u * c, load_value(starts.z, c));
    store4(rows + 3u * PADDED + 4u * c, load_value(starts.w, c));
  }
}

// begin helpers/add_weighted_rows.wgsl for value (generated: edit there)
// sums + weights [4, count] . value [count, chunks c and c + 1]: the weights are a score tile in
// memory, and `start` is where the first row's head begins in value.
fn add_weighted_value(sums: Tile4x8, weights: u32, start: u32, count: u32, c: u32) -> Tile4x8 {
  var t = sums;
  let C = params.H * D;
  let next = min(c + 1u, CHUNKS - 1u);
  var row = start;
  for (var n = 0u; n < count; n++) {
    let b0 = load_value(row, c);
    let b1 = load_value(row, next);
    let w0 = vec4f(memory[weights + n]);
    t.t00 += w0 * b0;
    t.t01 += w0 * b1;
    let w1 = vec4f(memory[weights + TILE + n]);
    t.t10 += w1 * b0;
    t.t11 += w1 * b1;
    let w2 = vec4f(memory[weights + 2u * TILE + n]);
    t.t20 += w2 * b0;
    t.t21 += w2 * b1;
    let w3 = vec4f(memory[weights + 3u * TILE + n]);
    t.t30 += w3 * b0;
    t.t31 += w3 * b1;
    row += C;
  }
  return t;
}
// end helpers/add_weighted_rows.wgsl

// begin helpers/add_weighted_rows.wgsl for key (generated: edit there)
// sums + weights [4, count] . key [count, chunks c and c + 1]: the weights are a score tile in
// memory, and `start` is where the first row's head begins in key.
fn add_weighted_key(sums: Tile4x8, weights: u32, start: u32, count: u32, c: u32) -> Tile4x8 {
  var t = sums;
  let C = params.H * D;
  let next = min(c + 1u, CHUNKS - 1u);
  var row = start;
  for (var n = 0u; n < count; n++) {
    let b0 = load_key(row, c);
    let b1 = load_key(row, next);
    let w0 = vec4f(memory[weights + n]);
    t.t00 += w0 * b0;
    t.t01 += w0 * b1;
    let w1 = vec4f(memory[weights + TILE + n]);
    t.t10 += w1 * b0;
    t.t11 += w1 * b1;
    let w2 = vec4f(memory[weights + 2u * TILE + n]);
    t.t20 += w2 * b0;
    t.t21 += w2 * b1;
    let w3 = vec4f(memory[weights + 3u * TILE + n]);
    t.t30 += w3 * b0;
    t.t31 += w3 * b1;
    row += C;
  }
  return t;
}
// end helpers/add_weighted_rows.wgsl

// begin helpers/add_weighted_rows.wgsl for query (generated: edit there)
// sums + weights [4, count] . query [count, chunks c and c + 1]: the weights are a score tile in
// memory, and `start` is where the first row's head begins in query.
fn add_weighted_query(sums: Tile4x8, weights: u32, start: u32, count: u32, c: u32) -> Tile4x8 {
  var t = sums;
  let C = params.H * D;
  let next = min(c + 1u, CHUNKS - 1u);
  var row = start;
  for (var n = 0u; n < count; n++) {
    let b0 = load_query(row, c);
    let b1 = load_query(row, next);
    let w0 = vec4f(memory[weights + n]);
    t.t00 += w0 * b0;
    t.t01 += w0 * b1;
    let w1 = vec4f(memory[weights + TILE + n]);
    t.t10 += w1 * b0;
    t.t11 += w1 * b1;
    let w2 = vec4f(memory[weights + 2u * TILE + n]);
    t.t20 += w2 * b0;
    t.t21 += w2 * b1;
    let w3 = vec4f(memory[weights + 3u * TILE + n]);
    t.t30 += w3 * b0;
    t.t31 += w3 * b1;
    row += C;
  }
  return t;
}
// end helpers/add_weighted_rows.wgsl

// begin helpers/add_weighted_rows.wgsl for do_ (generated: edit there)
// sums + weights [4, count] . do_ [count, chunks c and c + 1]: the weights are a score tile in
// memory, and `start` is where the first row's head begins in do_.
fn add_weighted_do_(sums: Tile4x8, weights: u32, start: u32, count: u32, c: u32) -> Tile4x8 {
  var t = sums;
  let C = params.H * D;
  let next = min(c + 1u, CHUNKS - 1u);
  var row = start;
  for (var n = 0u; n < count; n++) {
    let b0 = load_do_(row, c);
    let b1 = load_do_(row, next);
    let w0 = vec4f(memory[weights + n]);
    t.t00 += w0 * b0;
    t.t01 += w0 * b1;
    let w1 = vec4f(memory[weights + TILE + n]);
    t.t10 += w1 * b0;
    t.t11 += w1 * b1;
    let w2 = vec4f(memory[weights + 2u * TILE + n]);
    t.t20 += w2 * b0;
    t.t21 += w2 * b1;
    let w3 = vec4f(memory[weights + 3u * TILE + n]);
    t.t30 += w3 * b0;
    t.t31 += w3 * b1;
    row += C;
  }
  return t;
}
// end helpers/add_weighted_rows.wgsl

// begin helpers/head_tile.wgsl for o (generated: edit there)
// Chunks c and c + 1 of the four heads that start at o[starts]; where c is the last chunk, the
// second half of the tile is not used.
fn load_tile_o(starts: vec4u, c: u32) -> Tile4x8 {
  let next = min(c + 1u, CHUNKS - 1u);
  return Tile4x8(
    load_o(starts.x, c), load_o(starts.x, next),
    load_o(starts.y, c), load_o(starts.y, next),
    load_o(starts.z, c), load_o(starts.z, next),
    load_o(starts.w, c), load_o(starts.w, next),
  );
}

// Writes chunks c and c + 1 of the first `count` of the four heads.
fn store_tile_o(starts: vec4u, count: u32, c: u32, t: Tile4x8) {
  let hasNext = c + 1u < CHUNKS;
  store_o(starts.x, c, t.t00);
  if (hasNext) {
    store_o(starts.x, c + 1u, t.t01);
  }
  if (count > 1u) {
    store_o(starts.y, c, t.t10);
    if (hasNext) {
      store_o(starts.y, c + 1u, t.t11);
    }
  }
  if (count > 2u) {
    store_o(starts.z, c, t.t20);
    if (hasNext) {
      store_o(starts.z, c + 1u, t.t21);
    }
  }
  if (count > 3u) {
    store_o(starts.w, c, t.t30);
    if (hasNext) {
      store_o(starts.w, c + 1u, t.t31);
    }
  }
}
// end helpers/head_tile.wgsl

// begin helpers/head_tile.wgsl for dq (generated: edit there)
// Chunks c and c + 1 of the four heads that start at dq[starts]; where c is the last chunk, the
// second half of the tile is not used.
fn load_tile_dq(starts: vec4u, c: u32) -> Tile4x8 {
  let next = min(c + 1u, CHUNKS - 1u);
  return Tile4x8(
    load_dq(starts.x, c), load_dq(starts.x, next),
    load_dq(starts.y, c), load_dq(starts.y, next),
    load_dq(starts.z, c), load_dq(starts.z, next),
    load_dq(starts.w, c), load_dq(starts.w, next),
  );
}

// Writes chunks c and c + 1 of the first `count` of the four heads.
fn store_tile_dq(starts: vec4u, count: u32, c: u32, t: Tile4x8) {
  let hasNext = c + 1u < CHUNKS;
  store_dq(starts.x, c, t.t00);
  if (hasNext) {
    store_dq(starts.x, c + 1u, t.t01);
  }
  if (count > 1u) {
    store_dq(starts.y, c, t.t10);
    if (hasNext) {
      store_dq(starts.y, c + 1u, t.t11);
    }
  }
  if (count > 2u) {
    store_dq(starts.z, c, t.t20);
    if (hasNext) {
      store_dq(starts.z, c + 1u, t.t21);
    }
  }
  if (count > 3u) {
    store_dq(starts.w, c, t.t30);
    if (hasNext) {
      store_dq(starts.w, c + 1u, t.t31);
    }
  }
}
// end helpers/head_tile.wgsl

// begin helpers/head_tile.wgsl for dk (generated: edit there)
// Chunks c and c + 1 of the four heads that start at dk[starts]; where c is the last chunk, the
// second half of the tile is not used.
fn load_tile_dk(starts: vec4u, c: u32) -> Tile4x8 {
  let next = min(c + 1u, CHUNKS - 1u);
  return Tile4x8(
    load_dk(starts.x, c), load_dk(starts.x, next),
    load_dk(starts.y, c), load_dk(starts.y, next),
    load_dk(starts.z, c), load_dk(starts.z, next),
    load_dk(starts.w, c), load_dk(starts.w, next),
  );
}

// Writes chunks c and c + 1 of the first `count` of the four heads.
fn store_tile_dk(starts: vec4u, count: u32, c: u32, t: Tile4x8) {
  let hasNext = c + 1u < CHUNKS;
  store_dk(starts.x, c, t.t00);
  if (hasNext) {
    store_dk(starts.x, c + 1u, t.t01);
  }
  if (count > 1u) {
    store_dk(starts.y, c, t.t10);
    if (hasNext) {
      store_dk(starts.y, c + 1u, t.t11);
    }
  }
  if (count > 2u) {
    store_dk(starts.z, c, t.t20);
    if (hasNext) {
      store_dk(starts.z, c + 1u, t.t21);
    }
  }
  if (count > 3u) {
    store_dk(starts.w, c, t.t30);
    if (hasNext) {
      store_dk(starts.w, c + 1u, t.t31);
    }
  }
}
// end helpers/head_tile.wgsl

// begin helpers/head_tile.wgsl for dv (generated: edit there)
// Chunks c and c + 1 of the four heads that start at dv[starts]; where c is the last chunk, the
// second half of the tile is not used.
fn load_tile_dv(starts: vec4u, c: u32) -> Tile4x8 {
  let next = min(c + 1u, CHUNKS - 1u);
  return Tile4x8(
    load_dv(starts.x, c), load_dv(starts.x, next),
    load_dv(starts.y, c), load_dv(starts.y, next),
    load_dv(starts.z, c), load_dv(starts.z, next),
    load_dv(starts.w, c), load_dv(starts.w, next),
  );
}

// Writes chunks c and c + 1 of the first `count` of the four heads.
fn store_tile_dv(starts: vec4u, count: u32, c: u32, t: Tile4x8) {
  let hasNext = c + 1u < CHUNKS;
  store_dv(starts.x, c, t.t00);
  if (hasNext) {
    store_dv(starts.x, c + 1u, t.t01);
  }
  if (count > 1u) {
    store_dv(starts.y, c, t.t10);
    if (hasNext) {
      store_dv(starts.y, c + 1u, t.t11);
    }
  }
  if (count > 2u) {
    store_dv(starts.z, c, t.t20);
    if (hasNext) {
      store_dv(starts.z, c + 1u, t.t21);
    }
  }
  if (count > 3u) {
    store_dv(starts.w, c, t.t30);
    if (hasNext) {
      store_dv(starts.w, c + 1u, t.t31);
    }
  }
}
// end helpers/head_tile.wgsl

// Marks in VISIBLE which keys of the panel, j0 .. j0 + count - 1, are visible. Keys that pad the
// panel to a multiple of 8 are not. Returns false, and writes nothing, where all are visible.
fn mark_visible_keys(b: u32, j0: u32, count: u32) -> bool {
  if (params.hasMask == 0u && count % 8u == 0u) {
    return false;
  }
  for (var n = 0u; n < 8u * ((count + 7u) / 8u); n++) {
    var isVisible = n < count;
    if (params.hasMask != 0u) {
      isVisible = isVisible && mask[b * params.S + min(j0 + n, params.S - 1u)] != 0u;
    }
    memory[VISIBLE + n] = select(0.0, 1.0, isVisible);
  }
  return true;
}

// The scores s of query i against keys j0 + n .. j0 + n + 3 of the panel that starts at key j0,
// with MASKED for the keys that it may not see. isMarked: mark_visible_keys wrote VISIBLE.
fn mask_scores4(s: vec4f, isMarked: bool, i: u32, j0: u32, n: u32, threshold: f32) -> vec4f {
  var masked = s;
  if (isMarked) {
    masked = select(vec4f(MASKED), masked, load4(VISIBLE + n) != vec4f());
  }
  if (params.causal != 0u) {
    let j = j0 + n;
    masked = select(vec4f(MASKED), masked, vec4u(j, j + 1u, j + 2u, j + 3u) <= vec4u(i));
  }
  if (params.sparse != 0u) {
    // NaN is below no threshold, and reaches the output.
    masked = select(masked, vec4f(MASKED), masked < vec4f(threshold));
  }
  return masked;
}

// The same for a tile: four queries against eight keys.
fn mask_tile(
  s: Tile4x8, isMarked: bool, i: vec4u, j0: u32, n: u32, threshold: vec4f,
) -> Tile4x8 {
  if (!isMarked && params.causal == 0u && params.sparse == 0u) {
    return s;
  }
  return Tile4x8(
    mask_scores4(s.t00, isMarked, i.x, j0, n, threshold.x),
    mask_scores4(s.t01, isMarked, i.x, j0, n + 4u, threshold.x),
    mask_scores4(s.t10, isMarked, i.y, j0, n, threshold.y),
    mask_scores4(s.t11, isMarked, i.y, j0, n + 4u, threshold.y),
    mask_scores4(s.t20, isMarked, i.z, j0, n, threshold.z),
    mask_scores4(s.t21, isMarked, i.z, j0, n + 4u, threshold.z),
    mask_scores4(s.t30, isMarked, i.w, j0, n, threshold.w),
    mask_scores4(s.t31, isMarked, i.w, j0, n + 4u, threshold.w),
  );
}

// Columns n .. n + 7 of a score tile [4, TILE].

fn store_scores(scores: u32, n: u32, t: Tile4x8) {
  store4(scores + n, t.t00);
  store4(scores + n + 4u, t.t01);
  store4(scores + TILE + n, t.t10);
  store4(scores + TILE + n + 4u, t.t11);
  store4(scores + 2u * TILE + n, t.t20);
  store4(scores + 2u * TILE + n + 4u, t.t21);
  store4(scores + 3u * TILE + n, t.t30);
  store4(scores + 3u * TILE + n + 4u, t.t31);
}

fn load_scores(scores: u32, n: u32) -> Tile4x8 {
  return Tile4x8(
    load4(scores + n), load4(scores + n + 4u),
    load4(scores + TILE + n), load4(scores + TILE + n + 4u),
    load4(scores + 2u * TILE + n), load4(scores + 2u * TILE + n + 4u),
    load4(scores + 3u * TILE + n), load4(scores + 3u * TILE + n + 4u),
  );
}

// (sum of a, sum of b, sum of c, sum of d), each over the four components.
fn component_sums(a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> vec4f {
  let t = transpose(mat4x4f(a, b, c, d));
  return (t[0] + t[1]) + (t[2] + t[3]);
}

// (max of a, max of b, max of c, max of d), each over the four components.
fn component_maxima(a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> vec4f {
  let t = transpose(mat4x4f(a, b, c, d));
  return max(max(t[0], t[1]), max(t[2], t[3]));
}

// Row r of the tile times factors[r].
fn scale_rows(t: Tile4x8, factors: vec4f) -> Tile4x8 {
  return Tile4x8(
    t.t00 * factors.x, t.t01 * factors.x, t.t10 * factors.y, t.t11 * factors.y,
    t.t20 * factors.z, t.t21 * factors.z, t.t30 * factors.w, t.t31 * factors.w,
  );
}

// The block of scores that a workgroup computes: queries startQuery .. startQuery + ROWS - 1 of one
// head, against one range of the keys.
struct Block {
  b: u32,
  h: u32,
  split: u32,
  startQuery: u32,
  startKey: u32,
  endKey: u32,
}

// Workgroups are numbered by block of queries, then range of keys, then head, then batch row.
fn workgroup_block(flat: u32) -> Block {
  let blocks = (params.T + ROWS - 1u) / ROWS;
  let split = (flat / blocks) % params.splits;
  let startQuery = (flat % blocks) * ROWS;
  // Ranges of keys are whole panels. Under a causal mask they end at the last query.
  let panels = (params.S + TILE - 1u) / TILE;
  let perSplit = (panels + params.splits - 1u) / params.splits;
  let startKey = split * perSplit * TILE;
  var endKey = min(params.S, startKey + perSplit * TILE);
  if (params.causal != 0u) {
    endKey = min(endKey, startQuery + ROWS);
  }
  let h = (flat / (blocks * params.splits)) % params.H;
  let b = flat / (blocks * params.splits * params.H);
  return Block(b, h, split, startQuery, startKey, endKey);
}

// Replaces the scores s [4, count] of four queries i in SCORES_A by p = exp(s - max) after dropout,
// where max is over all keys so far. Updates ROW_MAX and ROW_SUM, and returns the factors that
// rescale earlier sums to the new maxima.
fn softmax_rows(scoreBlock: Block, i: vec4u, j0: u32, count: u32) -> vec4f {
  let slot = i.x - scoreBlock.startQuery;
  let oldMax = load4(ROW_MAX + slot);
  // The new maxima: four partial maxima per row, then one.
  var m0 = vec4f(oldMax.x);
  var m1 = vec4f(oldMax.y);
  var m2 = vec4f(oldMax.z);
  var m3 = vec4f(oldMax.w);
  for (var n = 0u; n < count; n += 4u) {
    m0 = max(m0, load4(SCORES_A + n));
    m1 = max(m1, load4(SCORES_A + TILE + n));
    m2 = max(m2, load4(SCORES_A + 2u * TILE + n));
    m3 = max(m3, load4(SCORES_A + 3u * TILE + n));
  }
  let rowMax = component_maxima(m0, m1, m2, m3);
  // p and its sums. Dropout applies to what is stored, not to the sums.
  let row = (scoreBlock.b * params.H + scoreBlock.h) * params.T + i;
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  for (var n = 0u; n < count; n += 4u) {
    let p0 = exp(load4(SCORES_A + n) - rowMax.x);
    sum0 += p0;
    store4(SCORES_A + n, p0 * score_dropout4(row.x, j0 + n));
    let p1 = exp(load4(SCORES_A + TILE + n) - rowMax.y);
    sum1 += p1;
    store4(SCORES_A + TILE + n, p1 * score_dropout4(row.y, j0 + n));
    let p2 = exp(load4(SCORES_A + 2u * TILE + n) - rowMax.z);
    sum2 += p2;
    store4(SCORES_A + 2u * TILE + n, p2 * score_dropout4(row.z, j0 + n));
    let p3 = exp(load4(SCORES_A + 3u * TILE + n) - rowMax.w);
    sum3 += p3;
    store4(SCORES_A + 3u * TILE + n, p3 * score_dropout4(row.w, j0 + n));
  }
  let rescale = exp(oldMax - rowMax);
  let panelSum = component_sums(sum0, sum1, sum2, sum3);
  store4(ROW_MAX + slot, rowMax);
  store4(ROW_SUM + slot, load4(ROW_SUM + slot) * rescale + panelSum);
  return rescale;
}

// begin helpers/log_sum_exp.wgsl (generated: edit there)
// l of a row from its maximum and its sum of exp(s - max); NO_L where no key was visible.
fn log_sum_exp(rowMax: f32, rowSum: f32) -> f32 {
  return select(NO_L, rowMax + log(rowSum), rowSum > 0.0);
}
// end helpers/log_sum_exp.wgsl

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let scoreBlock = workgroup_block(group.x + group.y * groups.x);
  if (scoreBlock.b >= params.B) {
    return;
  }
  let C = params.H * D;
  let lastQuery = params.T - 1u;
  let headOffset = scoreBlock.h * D;
  let keyBase = scoreBlock.b * params.S * C + headOffset;
  let queryBase = scoreBlock.b * params.T * C + headOffset;
  let outBase = scoreBlock.split * params.B * params.T * C + queryBase;
  let rowBase = (scoreBlock.b * params.H + scoreBlock.h) * params.T;
  let endQuery = min(scoreBlock.startQuery + ROWS, params.T);
  for (var n = 0u; n < ROWS; n++) {
    memory[ROW_MAX + n] = NO_MAX;
    memory[ROW_SUM + n] = 0.0;
  }

  for (var j0 = scoreBlock.startKey; j0 < scoreBlock.endKey; j0 += TILE) {
    let count = min(TILE, scoreBlock.endKey - j0);
    pack_key(PANEL_A, keyBase, j0, count);
    let isMarked = mark_visible_keys(scoreBlock.b, j0, count);
    for (var i = scoreBlock.startQuery; i < endQuery; i += 4u) {
      // Four queries. Past the last one, it is processed again, and the result is not written.
      let i4 = min(vec4u(i, i + 1u, i + 2u, i + 3u), vec4u(lastQuery));
      stage_queries(ROWS_A, queryBase + i4 * C);
      var threshold = vec4f(MASKED);
      if (params.sparse != 0u) {
        threshold = vec4f(
          newRowStats[rowBase + i4.x].z, newRowStats[rowBase + i4.y].z,
          newRowStats[rowBase + i4.z].z, newRowStats[rowBase + i4.w].z,
        );
      }
      // s [4, count] = q . k
      for (var n = 0u; n < count; n += 8u) {
        let s = dot_products(ROWS_A, PANEL_A + n * PADDED);
        store_scores(SCORES_A, n, mask_tile(s, isMarked, i4, j0, n, threshold));
      }
      // p [4, count]. Keys that pad the last panel are masked, so that their p is 0.
      let rescale = softmax_rows(scoreBlock, vec4u(i, i + 1u, i + 2u, i + 3u), j0, count);
      // o [4, D] = rescale * o + p . v, two chunks at a time.
      let starts = outBase + i4 * C;
      for (var c = 0u; c < CHUNKS; c += 2u) {
        var t = Tile4x8();
        if (j0 > scoreBlock.startKey) {
          t = scale_rows(load_tile_o(starts, c), rescale);
        }
        t = add_weighted_value(t, SCORES_A, keyBase + j0 * C, count, c);
        store_tile_o(starts, endQuery - i, c, t);
      }
    }
  }

  // Without any key the loop has written nothing: o is 0.
  if (scoreBlock.startKey >= scoreBlock.endKey) {
    for (var i = scoreBlock.startQuery; i < endQuery; i++) {
      for (var c = 0u; c < CHUNKS; c++) {
        store_o(outBase + i * C, c, vec4f());
      }
    }
  }

  // Without splits, divide o by the sum and write l. With splits, leave (max, sum) to merge.
  let partialBase = scoreBlock.split * params.B * params.H * params.T + rowBase;
  for (var i = scoreBlock.startQuery; i < endQuery; i++) {
    let rowMax = memory[ROW_MAX + i - scoreBlock.startQuery];
    let rowSum = memory[ROW_SUM + i - scoreBlock.startQuery];
    if (params.splits > 1u) {
      partials[partialBase + i] = vec2f(rowMax, rowSum);
    } else {
      let inverseSum = select(0.0, 1.0 / rowSum, rowSum > 0.0);
      for (var c = 0u; c < CHUNKS; c++) {
        store_o(outBase + i * C, c, load_o(outBase + i * C, c) * inverseSum);
      }
      // One invocation owns the vector.
      newRowStats[rowBase + i].x = log_sum_exp(rowMax, rowSum);
    }
  }
}

// The terms are added in the order of dot_products: for a query that sees a single key, dp and
// delta are then the same bits, and ds is exactly 0.
@compute @workgroup_size(WG)
fn delta(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = group.x + group.y * groups.x;
  if (row >= params.B * params.H * params.T) {
    return;
  }
  let i = row % params.T;
  let h = (row / params.T) % params.H;
  let b = row / (params.T * params.H);
  let start = ((b * params.T + i) * params.H + h) * D;
  var sum = 0.0;
  for (var d = 0u; d < D; d++) {
    sum += do_[start + d] * forwardO[start + d];
  }
  // One invocation owns the vector.
  newRowStats[row].y = sum;
}

// p = exp(s - l) of four queries and eight keys.
fn tile_probabilities(s: Tile4x8, l: vec4f) -> Tile4x8 {
  return Tile4x8(
    exp(s.t00 - l.x), exp(s.t01 - l.x), exp(s.t10 - l.y), exp(s.t11 - l.y),
    exp(s.t20 - l.z), exp(s.t21 - l.z), exp(s.t30 - l.w), exp(s.t31 - l.w),
  );
}

@compute @workgroup_size(WG)
fn compute_dq(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let scoreBlock = workgroup_block(group.x + group.y * groups.x);
  if (scoreBlock.b >= params.B) {
    return;
  }
  let C = params.H * D;
  let lastQuery = params.T - 1u;
  let headOffset = scoreBlock.h * D;
  let keyBase = scoreBlock.b * params.S * C + headOffset;
  let queryBase = scoreBlock.b * params.T * C + headOffset;
  let outBase = scoreBlock.split * params.B * params.T * C + queryBase;
  let rowBase = (scoreBlock.b * params.H + scoreBlock.h) * params.T;
  let endQuery = min(scoreBlock.startQuery + ROWS, params.T);

  for (var j0 = scoreBlock.startKey; j0 < scoreBlock.endKey; j0 += TILE) {
    let count = min(TILE, scoreBlock.endKey - j0);
    pack_key(PANEL_A, keyBase, j0, count);
    pack_value(PANEL_B, keyBase, j0, count);
    let isMarked = mark_visible_keys(scoreBlock.b, j0, count);
    for (var i = scoreBlock.startQuery; i < endQuery; i += 4u) {
      let i4 = min(vec4u(i, i + 1u, i + 2u, i + 3u), vec4u(lastQuery));
      stage_queries(ROWS_A, queryBase + i4 * C);
      stage_do(ROWS_B, queryBase + i4 * C);
      // Four rows of stats, transposed: l, delta and threshold of the four queries.
      let row = rowBase + i4;
      let stats = transpose(
        mat4x4f(rowStats[row.x], rowStats[row.y], rowStats[row.z], rowStats[row.w]),
      );
      let l = stats[0];
      let delta = stats[1];
      for (var n = 0u; n < count; n += 8u) {
        // s [4, 8] = q . k, then p. p is kept in memory while dpDropped [4, 8] = do . v is
        // computed, as two tiles do not fit into the registers.
        let s = mask_tile(
          dot_products(ROWS_A, PANEL_A + n * PADDED), isMarked, i4, j0, n, stats[2],
        );
        store_scores(SCORES_A, n, tile_probabilities(s, l));
        let dpDropped = dot_products(ROWS_B, PANEL_B + n * PADDED);
        let p = load_scores(SCORES_A, n);
        // scale * ds [4, 8] = scale * p (keep dpDropped - delta)
        let j = j0 + n;
        store_scores(SCORES_A, n, Tile4x8(
          params.scale * p.t00 * (dpDropped.t00 * score_dropout4(row.x, j) - delta.x),
          params.scale * p.t01 * (dpDropped.t01 * score_dropout4(row.x, j + 4u) - delta.x),
          params.scale * p.t10 * (dpDropped.t10 * score_dropout4(row.y, j) - delta.y),
          params.scale * p.t11 * (dpDropped.t11 * score_dropout4(row.y, j + 4u) - delta.y),
          params.scale * p.t20 * (dpDropped.t20 * score_dropout4(row.z, j) - delta.z),
          params.scale * p.t21 * (dpDropped.t21 * score_dropout4(row.z, j + 4u) - delta.z),
          params.scale * p.t30 * (dpDropped.t30 * score_dropout4(row.w, j) - delta.w),
          params.scale * p.t31 * (dpDropped.t31 * score_dropout4(row.w, j + 4u) - delta.w),
        ));
      }
      // dq [4, D] += scale * ds . k, two chunks at a time.
      let starts = outBase + i4 * C;
      for (var c = 0u; c < CHUNKS; c += 2u) {
        var t = Tile4x8();
        if (j0 > scoreBlock.startKey) {
          t = load_tile_dq(starts, c);
        }
        t = add_weighted_key(t, SCORES_A, keyBase + j0 * C, count, c);
        store_tile_dq(starts, endQuery - i, c, t);
      }
    }
  }
  // Without any key the loop has written nothing: dq is 0.
  if (scoreBlock.startKey >= scoreBlock.endKey) {
    for (var i = scoreBlock.startQuery; i < endQuery; i++) {
      for (var c = 0u; c < CHUNKS; c++) {
        store_dq(outBase + i * C, c, vec4f());
      }
    }
  }
}

// Copies l, delta and threshold of the panel's queries, i0 .. i0 + count - 1, into memory. Queries
// that pad the panel to a multiple of 8 get NO_L, so that their p is 0.
fn stage_row_stats(rowBase: u32, i0: u32, count: u32) {
  for (var n = 0u; n < 8u * ((count + 7u) / 8u); n++) {
    let stats = rowStats[rowBase + min(i0 + n, params.T - 1u)];
    memory[ROW_L + n] = select(NO_L, stats.x, n < count);
    memory[ROW_DELTA + n] = stats.y;
    memory[ROW_THRESHOLD + n] = stats.z;
  }
}

// The dropout factors of keys j .. j + 3 in four rows; column n belongs to key j + n.
fn score_dropout_columns(row: vec4u, j: u32) -> mat4x4f {
  if (params.keepScale == 1.0) {
    return mat4x4f(vec4f(1.0), vec4f(1.0), vec4f(1.0), vec4f(1.0));
  }
  return transpose(mat4x4f(
    score_dropout4(row.x, j), score_dropout4(row.y, j),
    score_dropout4(row.z, j), score_dropout4(row.w, j),
  ));
}

// p of key j for queries i0 + n .. i0 + n + 3, from their scores s; 0 for queries that may not see
// it.
fn key_probabilities(s: vec4f, j: u32, i0: u32, n: u32) -> vec4f {
  var p = exp(s - load4(ROW_L + n));
  if (params.causal != 0u) {
    let i = i0 + n;
    p = select(vec4f(), p, vec4u(j) <= vec4u(i, i + 1u, i + 2u, i + 3u));
  }
  if (params.sparse != 0u) {
    p = select(vec4f(), p, s >= load4(ROW_THRESHOLD + n));
  }
  return p;
}

// begin helpers/is_key_masked.wgsl (generated: edit there)
// Whether no query may see key j of batch row b: it is past the last key, or masked by the host.
fn is_key_masked(b: u32, j: u32) -> bool {
  return j >= params.S
    || (params.hasMask != 0u && mask[b * params.S + min(j, params.S - 1u)] == 0u);
}
// end helpers/is_key_masked.wgsl

@compute @workgroup_size(WG)
fn compute_dkdv(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  // Workgroups are numbered by block of keys, then head, then batch row.
  let blocks = (params.S + ROWS - 1u) / ROWS;
  let flat = group.x + group.y * groups.x;
  let startKey = (flat % blocks) * ROWS;
  let h = (flat / blocks) % params.H;
  let b = flat / (blocks * params.H);
  if (b >= params.B) {
    return;
  }
  let C = params.H * D;
  let lastKey = params.S - 1u;
  let keyBase = b * params.S * C + h * D;
  let queryBase = b * params.T * C + h * D;
  let rowBase = (b * params.H + h) * params.T;
  let endKey = min(startKey + ROWS, params.S);
  // Under a causal mask no query before the first key sees any of them: start at the panel that
  // contains it.
  let startQuery = select(0u, (startKey / TILE) * TILE, params.causal != 0u);

  for (var i0 = startQuery; i0 < params.T; i0 += TILE) {
    let count = min(TILE, params.T - i0);
    pack_query(PANEL_A, queryBase, i0, count);
    pack_do_(PANEL_B, queryBase, i0, count);
    stage_row_stats(rowBase, i0, count);
    for (var j = startKey; j < endKey; j += 4u) {
      // Four keys. Past the last one, it is processed again, and the result is not written.
      let j4 = min(vec4u(j, j + 1u, j + 2u, j + 3u), vec4u(lastKey));
      let starts = keyBase + j4 * C;
      stage_keys(ROWS_A, starts);
      stage_values(ROWS_B, starts);
      for (var n = 0u; n < count; n += 8u) {
        // s [4, 8] = k . q, then p. p is kept in memory while dpDropped [4, 8] = v . do is
        // computed, as two tiles do not fit into the registers.
        let s = dot_products(ROWS_A, PANEL_A + n * PADDED);
        store_scores(SCORES_B, n, Tile4x8(
          key_probabilities(s.t00, j, i0, n), key_probabilities(s.t01, j, i0, n + 4u),
          key_probabilities(s.t10, j + 1u, i0, n), key_probabilities(s.t11, j + 1u, i0, n + 4u),
          key_probabilities(s.t20, j + 2u, i0, n), key_probabilities(s.t21, j + 2u, i0, n + 4u),
          key_probabilities(s.t30, j + 3u, i0, n), key_probabilities(s.t31, j + 3u, i0, n + 4u),
        ));
        let dpDropped = dot_products(ROWS_B, PANEL_B + n * PADDED);
        let p = load_scores(SCORES_B, n);
        let delta0 = load4(ROW_DELTA + n);
        let delta1 = load4(ROW_DELTA + n + 4u);
        let row = rowBase + i0 + n;
        let keep0 = score_dropout_columns(vec4u(row, row + 1u, row + 2u, row + 3u), j);
        let keep1 = score_dropout_columns(vec4u(row + 4u, row + 5u, row + 6u, row + 7u), j);
        // pDropped [4, 8] = keep p, the weights of do in dv.
        store_scores(SCORES_A, n, Tile4x8(
          p.t00 * keep0[0], p.t01 * keep1[0], p.t10 * keep0[1], p.t11 * keep1[1],
          p.t20 * keep0[2], p.t21 * keep1[2], p.t30 * keep0[3], p.t31 * keep1[3],
        ));
        // scale * ds [4, 8] = scale * p (keep dpDropped - delta), the weights of q in dk.
        store_scores(SCORES_B, n, Tile4x8(
          params.scale * p.t00 * (dpDropped.t00 * keep0[0] - delta0),
          params.scale * p.t01 * (dpDropped.t01 * keep1[0] - delta1),
          params.scale * p.t10 * (dpDropped.t10 * keep0[1] - delta0),
          params.scale * p.t11 * (dpDropped.t11 * keep1[1] - delta1),
          params.scale * p.t20 * (dpDropped.t20 * keep0[2] - delta0),
          params.scale * p.t21 * (dpDropped.t21 * keep1[2] - delta1),
          params.scale * p.t30 * (dpDropped.t30 * keep0[3] - delta0),
          params.scale * p.t31 * (dpDropped.t31 * keep1[3] - delta1),
        ));
      }
      // dk [4, D] += scale * ds . q and dv [4, D] += pDropped . do, two chunks at a time.
      for (var c = 0u; c < CHUNKS; c += 2u) {
        var dkTile = Tile4x8();
        var dvTile = Tile4x8();
        if (i0 > startQuery) {
          dkTile = load_tile_dk(starts, c);
          dvTile = load_tile_dv(starts, c);
        }
        let rows = queryBase + i0 * C;
        store_tile_dk(starts, endKey - j, c, add_weighted_query(dkTile, SCORES_B, rows, count, c));
        store_tile_dv(starts, endKey - j, c, add_weighted_do_(dvTile, SCORES_A, rows, count, c));
      }
    }
  }

  // A masked key has zero gradients, whatever the loop computed. So has a key without any query,
  // for which the loop has written nothing.
  for (var j = startKey; j < endKey; j++) {
    if (startQuery >= params.T || is_key_masked(b, j)) {
      for (var c = 0u; c < CHUNKS; c++) {
        store_dk(keyBase + j * C, c, vec4f());
        store_dv(keyBase + j * C, c, vec4f());
      }
    }
  }
}
