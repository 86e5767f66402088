// Results that need a complete score row: the threshold of sparse attention, and the probabilities,
// which analysis asks for.
//
//   threshold       rowStats[r].z = halfway between the topK-th largest visible score of row r and
//                   the largest one below it; -1e38 where either does not exist
//   probabilities   p[b, h, i, j] = exp(s_ij - l_i) where query i sees key j, else 0
//
// Shapes   query [B, T, H * D]; key [B, S, H * D]; mask [B, S] u32, 0 masks a key; rowStats
//          [B, H, T] vec4 = (l, delta, threshold, 0); probability p [B, H, T, S].
// Grid     threshold: one invocation per row. probabilities: one invocation per row and four keys.
// Memory   registers only. The topK-th score is found by bisecting the 32 bits of an
//          order-preserving code; the scores are recomputed for every bit. Sparse attention is for
//          accuracy here: it saves no time.
// Numerics f32. Other kernels may round a score differently. With the threshold halfway between two
//          scores, s >= threshold keeps the topK largest, and ties, as long as the two differ by
//          more than the rounding of a score.

const WG = 64u;

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

struct Params {
  B: u32,
  H: u32,
  // Queries.
  T: u32,
  // Keys.
  S: u32,
  causal: u32,
  hasMask: u32,
  sparse: u32,
  topK: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> query: array<f32>;
@group(0) @binding(1) var<storage, read> key: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<u32>;
@group(0) @binding(3) var<storage, read_write> rowStats: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> probability: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

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

// A score row: its batch row and query, the offset of that query's head, and the offset of the same
// head in the first key.
struct Row {
  b: u32,
  i: u32,
  queryOffset: u32,
  keyOffset: u32,
}

fn locate_row(row: u32) -> Row {
  let i = row % params.T;
  let h = (row / params.T) % params.H;
  let b = row / (params.T * params.H);
  let C = params.H * D;
  return Row(b, i, (b * params.T + i) * C + h * D, b * params.S * C + h * D);
}

// The scores s of the keys at four positions: each chunk of the query times a chunk of four keys as
// columns. Past the last key, its score is repeated.
fn scores4(row: Row, positions: vec4u) -> vec4f {
  let k = row.keyOffset + min(positions, vec4u(params.S - 1u)) * params.H * D;
  var s = vec4f();
  for (var c = 0u; c < CHUNKS; c++) {
    s += load_query(row.queryOffset, c) * params.scale
      * mat4x4f(load_key(k.x, c), load_key(k.y, c), load_key(k.z, c), load_key(k.w, c));
  }
  return s;
}

// Order-preserving code of four floats: a larger float has a larger code. Positive floats are
// ordered like their bits, negative ones in reverse.
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
  let index = (group.x + group.y * groups.x) * WG + local;
  if (index >= params.B * params.H * params.T) {
    return;
  }
  let row = locate_row(index);
  // The code of the topK-th largest score, from the highest bit down: a bit stays set if at least
  // topK visible scores have a code at or above the one with it. 0 where fewer than topK are
  // visible.
  var kth = 0u;
  for (var bit = 0u; bit < 32u; bit++) {
    let candidate = kth | (0x80000000u >> bit);
    var count = vec4u();
    for (var j = 0u; j < params.S; j += 4u) {
      let positions = vec4u(j, j + 1u, j + 2u, j + 3u);
      let isAbove = code4(scores4(row, positions)) >= vec4u(candidate);
      let isCounted = visible_keys(row.b, row.i, positions) & isAbove;
      count += select(vec4u(), vec4u(1u), isCounted);
    }
    if (count.x + count.y + count.z + count.w >= params.topK) {
      kth = candidate;
    }
  }
  // The largest visible code below it.
  var below = 0u;
  for (var j = 0u; j < params.S; j += 4u) {
    let positions = vec4u(j, j + 1u, j + 2u, j + 3u);
    let code = code4(scores4(row, positions));
    let isBelow = visible_keys(row.b, row.i, positions) & (code < vec4u(kth));
    let lower = select(vec4u(), code, isBelow);
    below = max(below, max(max(lower.x, lower.y), max(lower.z, lower.w)));
  }
  // No score has code 0, so 0 means that there is none.
  var cut = MASKED;
  if (kth != 0u && below != 0u) {
    cut = 0.5 * decode(kth) + 0.5 * decode(below);
  }
  // One invocation owns the vector.
  rowStats[index].z = cut;
}

@compute @workgroup_size(WG)
fn probabilities(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let n = (group.x + group.y * groups.x) * WG + local;
  let quads = (params.S + 3u) / 4u;
  let index = n / quads;
  if (index >= params.B * params.H * params.T) {
    return;
  }
  let row = locate_row(index);
  let j = (n % quads) * 4u;
  let positions = vec4u(j, j + 1u, j + 2u, j + 3u);
  let s = scores4(row, positions);
  let isVisible = visible_keys(row.b, row.i, positions);
  var p = select(vec4f(), exp(s - rowStats[index].x), isVisible);
  if (params.sparse != 0u) {
    p = select(p, vec4f(), s < vec4f(rowStats[index].z));
  }
  for (var k = 0u; k < min(4u, params.S - j); k++) {
    probability[index * params.S + j + k] = p[k];
  }
}
