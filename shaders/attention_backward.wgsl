// Attention backward, in two kernels that recompute the scores instead of reading stored ones.
//
//   s_ij         = scale * q_i . k_j
//   p_ij         = exp(s_ij - l_i)                         l_i is that of the forward pass
//   pDropped_ij  = keep_ij p_ij                            keep_ij is its dropout factor
//   dpDropped_ij = do_i . v_j
//   dp_ij        = keep_ij dpDropped_ij
//   delta_i      = sum_j p_ij dp_ij = do_i . o_i
//   ds_ij        = p_ij (dp_ij - delta_i)
//   dq_i         = scale * sum_j ds_ij k_j
//   dk_j         = scale * sum_i ds_ij q_i
//   dv_j         = sum_i pDropped_ij do_i
//
// Shapes   query, o, do_, dq [B, T, H * D], where do_ is do, a reserved word of WGSL; key, value,
//          dk, dv [B, S, H * D]; mask [B, S] u32, 0 masks a key; rowStats [B, H, T] vec4 = (l,
//          delta, threshold, 0), whose delta is written by entry delta.
// Grid     delta: one invocation per row. compute_dq: as in attention_forward, an invocation owns
//          ROWS queries and loops over the keys, which are split over workgroups where queries are
//          few; dq is then [splits, B, T, H * D], and matmul_reduce adds its parts. compute_dkdv:
//          an invocation owns ROWS (1 or 2) keys of one head and loops over all queries.
// Memory   O(T + S). Workgroup: two tiles of TILE rows, 2 * TILE * CHUNKS vec4, at most 16 KiB.
// Numerics f32, sums in a fixed order. Each gradient is computed by one invocation, so no atomics
//          are needed.

const WG = 64u;
const ROWS = 1u;
const TILE = 32u;

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
@group(0) @binding(4) var<storage, read> do_: array<f32>;
@group(0) @binding(5) var<storage, read> rowStats: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dq: array<f32>;
@group(0) @binding(6) var<storage, read_write> dk: array<f32>;
@group(0) @binding(7) var<storage, read_write> dv: array<f32>;
@group(0) @binding(8) var<uniform> random: Random;

@group(0) @binding(0) var<storage, read> o: array<f32>;
@group(0) @binding(5) var<storage, read_write> newRowStats: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

// Tiles of one head, [TILE, CHUNKS] vec4 each: keys and values in compute_dq, queries and do in
// compute_dkdv.
var<workgroup> tileA: array<vec4f, TILE * CHUNKS>;
var<workgroup> tileB: array<vec4f, TILE * CHUNKS>;

// begin helpers/dropout_words.wgsl (generated: edit there)
// The random words of four neighboring keys of one score row, for dropout of their probabilities;
// key4 is the first key / 4.
fn dropout_words(row: u32, key4: u32) -> vec4u {
  return hash4(vec4u(key4, row, random.stream.x, random.stream.y ^ params.site));
}
// end helpers/dropout_words.wgsl

// begin helpers/visible_keys.wgsl (generated: edit there)
// Which of the keys at four positions query i of batch row b may see: none past the last, after a
// causal query, or masked by the host.
fn visible_keys(b: u32, i: u32, positions: vec4u) -> vec4<bool> {
  var isVisible = positions < vec4u(params.S);
  if (params.causal != 0u) {
    isVisible &= positions <= vec4u(i);
  }
  if (params.hasMask != 0u) {
    let j = b * params.S + min(positions, vec4u(params.S - 1u));
    isVisible &= vec4u(mask[j.x], mask[j.y], mask[j.z], mask[j.w]) != vec4u();
  }
  return isVisible;
}
// end helpers/visible_keys.wgsl

// begin helpers/mask_scores.wgsl (generated: edit there)
// The scores s of query i of batch row b against the keys at four positions: MASKED where the query
// may not see the key, or the score is below the row's threshold. NaN is below no threshold: it
// reaches the output, where it is noticed.
fn mask_scores(b: u32, i: u32, positions: vec4u, threshold: f32, s: vec4f) -> vec4f {
  let visible = select(vec4f(MASKED), s, visible_keys(b, i, positions));
  return select(visible, vec4f(MASKED), s < vec4f(threshold));
}
// end helpers/mask_scores.wgsl

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

// Chunk c of the staged rows row .. row + 3 as columns: a row vector times this is four partial dot
// products, and this times a column vector is a weighted sum of the four rows.
fn rows4_a(row: u32, c: u32) -> mat4x4f {
  let i = row * CHUNKS + c;
  return mat4x4f(tileA[i], tileA[i + CHUNKS], tileA[i + 2u * CHUNKS], tileA[i + 3u * CHUNKS]);
}

fn rows4_b(row: u32, c: u32) -> mat4x4f {
  let i = row * CHUNKS + c;
  return mat4x4f(tileB[i], tileB[i + CHUNKS], tileB[i + 2u * CHUNKS], tileB[i + 3u * CHUNKS]);
}

@compute @workgroup_size(WG)
fn delta(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.x + group.y * groups.x) * WG + local;
  if (row >= params.B * params.H * params.T) {
    return;
  }
  let i = row % params.T;
  let h = (row / params.T) % params.H;
  let b = row / (params.T * params.H);
  let offset = ((b * params.T + i) * params.H + h) * D;
  var sum = 0.0;
  for (var c = 0u; c < CHUNKS; c++) {
    sum += dot(load_do_(offset, c), load_o(offset, c));
  }
  // One invocation owns the vector.
  newRowStats[row].y = sum;
}

// ds of one row for keys j .. j + 3, from their s and dpDropped.
fn score_gradients(stats: vec4f, row: u32, j: u32, s: vec4f, dpDropped: vec4f) -> vec4f {
  var dp = dpDropped;
  if (params.keepScale != 1.0) {
    let isKept = dropout_words(row, j / 4u) < vec4u(params.keepThreshold);
    dp = select(vec4f(), dp * params.keepScale, isKept);
  }
  return exp(s - stats.x) * (dp - stats.y);
}

@compute @workgroup_size(WG)
fn compute_dq(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  // The workgroup's block of queries, range of keys, head and batch row, and the treatment of
  // queries past the last one, are those of attention_forward.
  let blocks = (params.T + WG * ROWS - 1u) / (WG * ROWS);
  let flat = group.x + group.y * groups.x;
  let queryBlock = flat % blocks;
  let split = (flat / blocks) % params.splits;
  let h = (flat / (blocks * params.splits)) % params.H;
  let b = flat / (blocks * params.splits * params.H);
  if (b >= params.B) {
    return;
  }
  let C = params.H * D;
  let lastQuery = params.T - 1u;
  let i0 = (queryBlock * WG + local) * ROWS;
  let i1 = i0 + ROWS - 1u;
  let offset0 = (b * params.T + min(i0, lastQuery)) * C + h * D;
  let offset1 = (b * params.T + min(i1, lastQuery)) * C + h * D;
  let row0 = (b * params.H + h) * params.T + min(i0, lastQuery);
  let row1 = (b * params.H + h) * params.T + min(i1, lastQuery);
  let stats0 = rowStats[row0];
  let stats1 = rowStats[row1];
  let needsMasking = params.causal != 0u || params.hasMask != 0u || params.sparse != 0u;
  let threshold0 = select(MASKED, stats0.z, params.sparse != 0u);
  let threshold1 = select(MASKED, stats1.z, params.sparse != 0u);

  let tiles = (params.S + TILE - 1u) / TILE;
  let perSplit = (tiles + params.splits - 1u) / params.splits;
  let startKey = split * perSplit * TILE;
  var endKey = min(params.S, startKey + perSplit * TILE);
  if (params.causal != 0u) {
    endKey = min(endKey, (queryBlock + 1u) * WG * ROWS);
  }
  let endVisible = select(endKey, min(endKey, i1 + 1u), params.causal != 0u);

  // q, scaled, and do [ROWS, D] stay in registers; dq [ROWS, D] starts at 0.
  var q0: array<vec4f, CHUNKS>;
  var q1: array<vec4f, CHUNKS>;
  var do0: array<vec4f, CHUNKS>;
  var do1: array<vec4f, CHUNKS>;
  var dq0: array<vec4f, CHUNKS>;
  var dq1: array<vec4f, CHUNKS>;
  for (var c = 0u; c < CHUNKS; c++) {
    q0[c] = load_query(offset0, c) * params.scale;
    do0[c] = load_do_(offset0, c);
    if (ROWS == 2u) {
      q1[c] = load_query(offset1, c) * params.scale;
      do1[c] = load_do_(offset1, c);
    }
  }

  for (var tile = startKey; tile < endKey; tile += TILE) {
    // Stage keys in A and values in B [TILE, D], once all invocations have read the previous tiles.
    workgroupBarrier();
    for (var n = local; n < TILE * CHUNKS; n += WG) {
      let j = min(tile + n / CHUNKS, params.S - 1u);
      let source = (b * params.S + j) * C + h * D;
      tileA[n] = load_key(source, n % CHUNKS);
      tileB[n] = load_value(source, n % CHUNKS);
    }
    workgroupBarrier();
    for (var j = tile; j < min(tile + TILE, endVisible); j += 4u) {
      // s and dpDropped [ROWS, 4] = q . k and do . v, for keys j .. j + 3. Two rows share the
      // loads.
      let positions = vec4u(j, j + 1u, j + 2u, j + 3u);
      var s0 = vec4f();
      var s1 = vec4f();
      var dpDropped0 = vec4f();
      var dpDropped1 = vec4f();
      for (var c = 0u; c < CHUNKS; c++) {
        let k = rows4_a(j - tile, c);
        let v = rows4_b(j - tile, c);
        s0 += q0[c] * k;
        dpDropped0 += do0[c] * v;
        if (ROWS == 2u) {
          s1 += q1[c] * k;
          dpDropped1 += do1[c] * v;
        }
      }
      if (needsMasking || j + 4u > params.S) {
        s0 = mask_scores(b, i0, positions, threshold0, s0);
        s1 = mask_scores(b, i1, positions, threshold1, s1);
      }
      // ds [ROWS, 4] = p (dp - delta). It is 0 for masked keys, whose p is 0.
      let ds0 = score_gradients(stats0, row0, j, s0, dpDropped0);
      var ds1 = vec4f();
      if (ROWS == 2u) {
        ds1 = score_gradients(stats1, row1, j, s1, dpDropped1);
      }
      // dq [ROWS, D] += ds . k
      for (var c = 0u; c < CHUNKS; c++) {
        let k = rows4_a(j - tile, c);
        dq0[c] += k * ds0;
        if (ROWS == 2u) {
          dq1[c] += k * ds1;
        }
      }
    }
  }

  let base = split * params.B * params.T * C;
  for (var c = 0u; c < CHUNKS; c++) {
    if (i0 < params.T) {
      store_dq(base + offset0, c, dq0[c] * params.scale);
    }
    if (ROWS == 2u && i1 < params.T) {
      store_dq(base + offset1, c, dq1[c] * params.scale);
    }
  }
}

// ds and pDropped of one key and four queries.
struct KeyColumn {
  ds: vec4f,
  pDropped: vec4f,
}

// ds and pDropped of key j for the queries at four positions, from their s and dpDropped.
fn key_column(rowBase: u32, i: vec4u, j: u32, s: vec4f, dpDropped: vec4f) -> KeyColumn {
  // Four rows of stats, transposed: l, delta and threshold of the four queries.
  let lastQuery = params.T - 1u;
  let row = rowBase + min(i, vec4u(lastQuery));
  let stats = transpose(
    mat4x4f(rowStats[row.x], rowStats[row.y], rowStats[row.z], rowStats[row.w]),
  );
  let l = stats[0];
  let delta = stats[1];
  // p is 0 for a query past the last, for one before the key under a causal mask, and for a score
  // below the threshold. The caller handles a key that the host has masked.
  var p = exp(s - l);
  if (params.causal != 0u || params.sparse != 0u || i.w > lastQuery) {
    var isVisible = i <= vec4u(lastQuery);
    if (params.causal != 0u) {
      isVisible &= vec4u(j) <= i;
    }
    if (params.sparse != 0u) {
      isVisible &= s >= stats[2];
    }
    p = select(vec4f(), p, isVisible);
  }
  // The dropout factors of the forward pass, from key j's random word in each row.
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
  return KeyColumn(p * (dpDropped * keep - delta), p * keep);
}

// begin helpers/is_key_masked.wgsl (generated: edit there)
// Whether no query may see key j of batch row b: it is past the last key, or masked by the host.
fn is_key_masked(b: u32, j: u32) -> bool {
  return j >= params.S
    || (params.hasMask != 0u && mask[b * params.S + min(j, params.S - 1u)] == 0u);
}
// end helpers/is_key_masked.wgsl

@compute @workgroup_size(WG)
fn compute_dkdv(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  // Workgroups are numbered by block of keys, then head, then batch row.
  let blocks = (params.S + WG * ROWS - 1u) / (WG * ROWS);
  let flat = group.x + group.y * groups.x;
  let keyBlock = flat % blocks;
  let h = (flat / blocks) % params.H;
  let b = flat / (blocks * params.H);
  if (b >= params.B) {
    return;
  }
  // This invocation's keys; with ROWS = 1 both are the same. Past the last key, that key is
  // processed again, and the result is not written.
  let C = params.H * D;
  let lastKey = params.S - 1u;
  let j0 = (keyBlock * WG + local) * ROWS;
  let j1 = j0 + ROWS - 1u;
  let offset0 = (b * params.S + min(j0, lastKey)) * C + h * D;
  let offset1 = (b * params.S + min(j1, lastKey)) * C + h * D;
  let rowBase = (b * params.H + h) * params.T;

  // k, scaled, and v [ROWS, D] stay in registers; dk and dv [ROWS, D] start at 0.
  var k0: array<vec4f, CHUNKS>;
  var k1: array<vec4f, CHUNKS>;
  var v0: array<vec4f, CHUNKS>;
  var v1: array<vec4f, CHUNKS>;
  var dk0: array<vec4f, CHUNKS>;
  var dk1: array<vec4f, CHUNKS>;
  var dv0: array<vec4f, CHUNKS>;
  var dv1: array<vec4f, CHUNKS>;
  for (var c = 0u; c < CHUNKS; c++) {
    k0[c] = load_key(offset0, c) * params.scale;
    v0[c] = load_value(offset0, c);
    if (ROWS == 2u) {
      k1[c] = load_key(offset1, c) * params.scale;
      v1[c] = load_value(offset1, c);
    }
  }
  // Under a causal mask no query before a key sees it: the workgroup starts at the tile that
  // contains its first key, the invocation at the four queries that contain its own.
  let startQuery = select(0u, (keyBlock * WG * ROWS / TILE) * TILE, params.causal != 0u);
  let startVisible = select(0u, j0 & ~3u, params.causal != 0u);
  let allMasked = is_key_masked(b, j0) && is_key_masked(b, j1);

  for (var tile = startQuery; tile < params.T; tile += TILE) {
    // Stage queries in A and do in B [TILE, D], once all invocations have read the previous tiles.
    workgroupBarrier();
    for (var n = local; n < TILE * CHUNKS; n += WG) {
      let i = min(tile + n / CHUNKS, params.T - 1u);
      let source = (b * params.T + i) * C + h * D;
      tileA[n] = load_query(source, n % CHUNKS);
      tileB[n] = load_do_(source, n % CHUNKS);
    }
    workgroupBarrier();
    // An invocation whose keys are all masked skips the loop, and still reaches the barriers.
    let end = select(min(tile + TILE, params.T), 0u, allMasked);
    for (var i = max(tile, startVisible); i < end; i += 4u) {
      // s and dpDropped [ROWS, 4] = k . q and v . do, for queries i .. i + 3.
      let positions = vec4u(i, i + 1u, i + 2u, i + 3u);
      var s0 = vec4f();
      var s1 = vec4f();
      var dpDropped0 = vec4f();
      var dpDropped1 = vec4f();
      for (var c = 0u; c < CHUNKS; c++) {
        let q4 = rows4_a(i - tile, c);
        let do4 = rows4_b(i - tile, c);
        s0 += k0[c] * q4;
        dpDropped0 += v0[c] * do4;
        if (ROWS == 2u) {
          s1 += k1[c] * q4;
          dpDropped1 += v1[c] * do4;
        }
      }
      let column0 = key_column(rowBase, positions, j0, s0, dpDropped0);
      var column1 = KeyColumn(vec4f(), vec4f());
      if (ROWS == 2u) {
        column1 = key_column(rowBase, positions, j1, s1, dpDropped1);
      }
      // dk [ROWS, D] += ds . q and dv [ROWS, D] += pDropped . do
      for (var c = 0u; c < CHUNKS; c++) {
        let q4 = rows4_a(i - tile, c);
        let do4 = rows4_b(i - tile, c);
        dk0[c] += q4 * column0.ds;
        dv0[c] += do4 * column0.pDropped;
        if (ROWS == 2u) {
          dk1[c] += q4 * column1.ds;
          dv1[c] += do4 * column1.pDropped;
        }
      }
    }
  }

  // A masked key has zero gradients. Where only one of two keys is masked, the loop ran for both,
  // and the sums of the masked one, which may have overflowed, are discarded here.
  let isMasked0 = is_key_masked(b, j0);
  let isMasked1 = is_key_masked(b, j1);
  for (var c = 0u; c < CHUNKS; c++) {
    if (j0 < params.S) {
      store_dk(offset0, c, select(dk0[c] * params.scale, vec4f(), isMasked0));
      store_dv(offset0, c, select(dv0[c], vec4f(), isMasked0));
    }
    if (ROWS == 2u && j1 < params.S) {
      store_dk(offset1, c, select(dk1[c] * params.scale, vec4f(), isMasked1));
      store_dv(offset1, c, select(dv1[c], vec4f(), isMasked1));
    }
  }
}
