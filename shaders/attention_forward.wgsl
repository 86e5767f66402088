// Attention forward, without ever storing the score matrix.
//
//   s_ij = scale * q_i . k_j           masked where query i may not see key j
//   l_i  = log sum_j exp(s_ij)
//   p_ij = exp(s_ij - l_i)
//   o_i  = sum_j keep_ij p_ij v_j      keep_ij is the dropout factor, 0 or 1 / (1 - rate)
//
// Shapes   query, o [B, T, H * D]; key, value [B, S, H * D]; mask [B, S] u32, 0 masks a key;
//          rowStats [B, H, T] vec4 = (l, delta, threshold, 0): l is written here, delta by
//          attention_backward, threshold by attention_rows (lower scores are masked). Where splits
//          is 2 or more, forward writes an unnormalized o [splits, B, T, H * D] and partials
//          [splits, B, H, T] = (max, sum), which merge combines into o and l.
// Grid     forward: an invocation owns ROWS (1 or 2) queries of one head; a workgroup has WG
//          invocations and one of `splits` ranges of the keys. merge: one invocation per row and
//          vec4 of o.
// Memory   O(T + S): scores stay in registers, four keys at a time, under a running maximum
//          (Milakov and Gimelshein 2018; Dao et al. 2022). Workgroup: a tile of keys and one of
//          values, 2 * TILE * CHUNKS vec4, at most 16 KiB.
// Numerics f32. A masked score is a finite -1e38; a query that sees no key has o = 0 and l = 1e38.
//          Dropout acts on p after l is computed.
//
// attention_direct.wgsl is the same without workgroup barriers, for the CPU.

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
@group(0) @binding(4) var<storage, read_write> o: array<f32>;
@group(0) @binding(5) var<storage, read_write> rowStats: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> partials: array<vec2f>;
@group(0) @binding(7) var<uniform> random: Random;

@group(0) @binding(0) var<storage, read> partialO: array<f32>;
@group(0) @binding(1) var<storage, read> partialSums: array<vec2f>;
@group(1) @binding(0) var<uniform> params: Params;

// Tiles of the keys and values of one head, [TILE, CHUNKS] vec4 each.
var<workgroup> tileK: array<vec4f, TILE * CHUNKS>;
var<workgroup> tileV: array<vec4f, TILE * CHUNKS>;

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

// begin helpers/store_chunk.wgsl for o (generated: edit there)
// Writes chunk c of the head that starts at o[start], up to the head's end.
fn store_o(start: u32, c: u32, values: vec4f) {
  for (var i = 0u; i < min(4u, D - 4u * c); i++) {
    o[start + 4u * c + i] = values[i];
  }
}
// end helpers/store_chunk.wgsl

// Chunk c of the staged keys row .. row + 3, as columns: a vec4 of a query times this is four
// partial dot products.
fn keys4(row: u32, c: u32) -> mat4x4f {
  let i = row * CHUNKS + c;
  return mat4x4f(tileK[i], tileK[i + CHUNKS], tileK[i + 2u * CHUNKS], tileK[i + 3u * CHUNKS]);
}

// Chunk c of the staged values row .. row + 3, as columns: this times a vec4 of probabilities is
// their weighted sum.
fn values4(row: u32, c: u32) -> mat4x4f {
  let i = row * CHUNKS + c;
  return mat4x4f(tileV[i], tileV[i + CHUNKS], tileV[i + 2u * CHUNKS], tileV[i + 3u * CHUNKS]);
}

// begin helpers/load_chunk.wgsl for partialO (generated: edit there)
// Chunk c of the head that starts at partialO[start], with 0 for the components past its end.
fn load_partialO(start: u32, c: u32) -> vec4f {
  let i = start + 4u * c;
  if (TAIL == 0u || c + 1u < CHUNKS) {
    return vec4f(partialO[i], partialO[i + 1u], partialO[i + 2u], partialO[i + 3u]);
  }
  // min keeps the index inside the head, as the buffer may end there.
  return vec4f(
    partialO[i],
    select(0.0, partialO[i + min(1u, LAST)], TAIL > 1u),
    select(0.0, partialO[i + min(2u, LAST)], TAIL > 2u),
    0.0,
  );
}
// end helpers/load_chunk.wgsl

// The running softmax of a row: the maximum of its scores so far, the sum of exp(s - rowMax), the
// factor that rescales earlier sums to this maximum, and p = exp(s - rowMax) of the latest four
// keys.
struct Softmax {
  rowMax: f32,
  rowSum: f32,
  rescale: f32,
  p: vec4f,
}

// The running softmax after four more scores.
fn next_softmax(before: Softmax, s: vec4f) -> Softmax {
  let rowMax = max(before.rowMax, max(max(s.x, s.y), max(s.z, s.w)));
  let rescale = exp(before.rowMax - rowMax);
  let p = exp(s - rowMax);
  return Softmax(rowMax, before.rowSum * rescale + (p.x + p.y) + (p.z + p.w), rescale, p);
}

@compute @workgroup_size(WG)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  // Workgroups are numbered by block of queries, then range of keys, then head, then batch row.
  let blocks = (params.T + WG * ROWS - 1u) / (WG * ROWS);
  let flat = group.x + group.y * groups.x;
  let queryBlock = flat % blocks;
  let split = (flat / blocks) % params.splits;
  let h = (flat / (blocks * params.splits)) % params.H;
  let b = flat / (blocks * params.splits * params.H);
  // The same for all invocations of the workgroup, so that none misses a barrier.
  if (b >= params.B) {
    return;
  }

  // This invocation's queries; with ROWS = 1 both are the same. Past the last query, that query is
  // processed again, so that every invocation reaches the barriers; the result is not written.
  let C = params.H * D;
  let lastQuery = params.T - 1u;
  let i0 = (queryBlock * WG + local) * ROWS;
  let i1 = i0 + ROWS - 1u;
  let offset0 = (b * params.T + min(i0, lastQuery)) * C + h * D;
  let offset1 = (b * params.T + min(i1, lastQuery)) * C + h * D;
  let row0 = (b * params.H + h) * params.T + min(i0, lastQuery);
  let row1 = (b * params.H + h) * params.T + min(i1, lastQuery);

  // The keys of this split, in whole tiles. Under a causal mask the workgroup stops at the last of
  // its queries, and each invocation at the last of its own.
  let tiles = (params.S + TILE - 1u) / TILE;
  let perSplit = (tiles + params.splits - 1u) / params.splits;
  let startKey = split * perSplit * TILE;
  var endKey = min(params.S, startKey + perSplit * TILE);
  if (params.causal != 0u) {
    endKey = min(endKey, (queryBlock + 1u) * WG * ROWS);
  }
  let endVisible = select(endKey, min(endKey, i1 + 1u), params.causal != 0u);

  // q [ROWS, D], scaled here once instead of scaling every score; o [ROWS, D] starts at 0.
  var q0: array<vec4f, CHUNKS>;
  var q1: array<vec4f, CHUNKS>;
  var o0: array<vec4f, CHUNKS>;
  var o1: array<vec4f, CHUNKS>;
  for (var c = 0u; c < CHUNKS; c++) {
    q0[c] = load_query(offset0, c) * params.scale;
    if (ROWS == 2u) {
      q1[c] = load_query(offset1, c) * params.scale;
    }
  }
  var threshold0 = MASKED;
  var threshold1 = MASKED;
  if (params.sparse != 0u) {
    threshold0 = rowStats[row0].z;
    threshold1 = rowStats[row1].z;
  }
  let needsMasking = params.causal != 0u || params.hasMask != 0u || params.sparse != 0u;
  var softmax0 = Softmax(NO_MAX, 0.0, 1.0, vec4f());
  var softmax1 = softmax0;

  for (var tile = startKey; tile < endKey; tile += TILE) {
    // Stage keys and values [TILE, D]. The first barrier waits until all invocations have read the
    // previous tile, the second until this one is complete. Rows past the last key are copies of
    // it, and are masked below.
    workgroupBarrier();
    for (var n = local; n < TILE * CHUNKS; n += WG) {
      let j = min(tile + n / CHUNKS, params.S - 1u);
      let source = (b * params.S + j) * C + h * D;
      tileK[n] = load_key(source, n % CHUNKS);
      tileV[n] = load_value(source, n % CHUNKS);
    }
    workgroupBarrier();
    for (var j = tile; j < min(tile + TILE, endVisible); j += 4u) {
      // s [ROWS, 4] = q . k, for keys j .. j + 3. Two rows share each load of keys and values.
      let positions = vec4u(j, j + 1u, j + 2u, j + 3u);
      var s0 = vec4f();
      var s1 = vec4f();
      for (var c = 0u; c < CHUNKS; c++) {
        let k = keys4(j - tile, c);
        s0 += q0[c] * k;
        if (ROWS == 2u) {
          s1 += q1[c] * k;
        }
      }
      if (needsMasking || j + 4u > params.S) {
        s0 = mask_scores(b, i0, positions, threshold0, s0);
        s1 = mask_scores(b, i1, positions, threshold1, s1);
      }
      // p [ROWS, 4] = exp(s - max). Dropout applies to o, not to the sum.
      softmax0 = next_softmax(softmax0, s0);
      let p0 = softmax0.p * score_dropout4(row0, j);
      var p1 = vec4f();
      if (ROWS == 2u) {
        softmax1 = next_softmax(softmax1, s1);
        p1 = softmax1.p * score_dropout4(row1, j);
      }
      // o [ROWS, D] = rescale * o + p . v, where rescale is 1 unless the maximum rose.
      for (var c = 0u; c < CHUNKS; c++) {
        let v = values4(j - tile, c);
        o0[c] = o0[c] * softmax0.rescale + v * p0;
        if (ROWS == 2u) {
          o1[c] = o1[c] * softmax1.rescale + v * p1;
        }
      }
    }
  }

  if (i0 < params.T) {
    store_row(split, row0, offset0, softmax0, o0);
  }
  if (ROWS == 2u && i1 < params.T) {
    store_row(split, row1, offset1, softmax1, o1);
  }
}

// begin helpers/log_sum_exp.wgsl (generated: edit there)
// l of a row from its maximum and its sum of exp(s - max); NO_L where no key was visible.
fn log_sum_exp(rowMax: f32, rowSum: f32) -> f32 {
  return select(NO_L, rowMax + log(rowSum), rowSum > 0.0);
}
// end helpers/log_sum_exp.wgsl

// Writes o and l of a row. With splits it writes the unnormalized o and (max, sum) of its keys, for
// merge.
fn store_row(
  split: u32, row: u32, offset: u32, softmax: Softmax, unnormalized: array<vec4f, CHUNKS>,
) {
  var sums = unnormalized;
  if (params.splits > 1u) {
    let start = split * params.B * params.T * params.H * D + offset;
    for (var c = 0u; c < CHUNKS; c++) {
      store_o(start, c, sums[c]);
    }
    partials[split * params.B * params.H * params.T + row] =
      vec2f(softmax.rowMax, softmax.rowSum);
    return;
  }
  // A row that sees no key has sum 0, and o = 0.
  let inverseSum = select(0.0, 1.0 / softmax.rowSum, softmax.rowSum > 0.0);
  for (var c = 0u; c < CHUNKS; c++) {
    store_o(offset, c, sums[c] * inverseSum);
  }
  // One invocation owns the vector.
  rowStats[row].x = log_sum_exp(softmax.rowMax, softmax.rowSum);
}

// One invocation per row and chunk of o.
@compute @workgroup_size(WG)
fn merge(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let n = (group.x + group.y * groups.x) * WG + local;
  let c = n % CHUNKS;
  let row = n / CHUNKS;
  let rows = params.B * params.H * params.T;
  if (row >= rows) {
    return;
  }
  let i = row % params.T;
  let h = (row / params.T) % params.H;
  let b = row / (params.T * params.H);
  let offset = ((b * params.T + i) * params.H + h) * D;
  // The maximum of the row over all splits.
  var rowMax = NO_MAX;
  for (var split = 0u; split < params.splits; split++) {
    rowMax = max(rowMax, partialSums[split * rows + row].x);
  }
  // The sums and the parts of o, rescaled to that maximum and added in the order of the splits. A
  // split in which the row sees no key has sum 0 and weight 0.
  var rowSum = 0.0;
  var sums = vec4f();
  for (var split = 0u; split < params.splits; split++) {
    let part = partialSums[split * rows + row];
    let weight = select(0.0, exp(part.x - rowMax), part.y > 0.0);
    rowSum += weight * part.y;
    sums += weight * load_partialO(split * rows * D + offset, c);
  }
  store_o(offset, c, sums * select(0.0, 1.0 / rowSum, rowSum > 0.0));
  if (c == 0u) {
    // One invocation owns the vector.
    rowStats[row].x = log_sum_exp(rowMax, rowSum);
  }
}
