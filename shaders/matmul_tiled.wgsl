// Matrix product staged through workgroup memory, for GPUs.
//
//   out[z] = epilogue(alpha * A[z] . B[z]) for every z of the batch
//
// Shapes   A is M x K, stored [M, K] where A_ALONG_K, else [K, M]; B is K x N, stored [N, K] where
//          B_ALONG_K, else [K, N]. Stored rows are rowStrideA and rowStrideB apart, matrices of the
//          batch batchStrideA and batchStrideB. out, residual [batch, M, N]; bias [N]; aux as out,
//          or [M] for column sums. Entry wide reads vec4 and requires strides that are multiples of
//          4; narrow takes any size. The two differ in their loads only.
// Grid     a workgroup computes a TILE_M x TILE_N tile of out over one of `splits` ranges of K; an
//          invocation computes ROWS x 4 of it. WG = (TILE_M / ROWS) * (TILE_N / 4).
// Memory   workgroup: TILE_K * (TILE_M + TILE_N) * 4 bytes, 4 KiB as declared, 8 KiB at 64 x 64.
// Numerics f32, sums in order of k within a range. Where splits is 2 or more, out is
//          [splits, M * N + M] and receives the raw sums; matmul_reduce adds them in order, so the
//          result does not depend on timing. The epilogue and the column sums are those of
//          matmul_direct.

const TILE_M = 32u;
const TILE_N = 32u;
const TILE_K = 16u;
const ROWS = 4u;
const WG = 64u;
const A_ALONG_K = true;
const B_ALONG_K = true;

// begin helpers/epilogue_flags.wgsl (generated: edit there)
// The steps of the epilogue as bits of params.flags. They run in the order that matmul_direct's
// header gives, not in the order of the bits.
const BIAS = 1u;
const GELU = 2u;
const GELU_GRAD = 4u;
const DROPOUT = 8u;
const RESIDUAL = 16u;
const ACCUMULATE = 32u;
const COLUMN_SUMS = 64u;
const KEEP_INPUT = 128u;
// end helpers/epilogue_flags.wgsl

struct Params {
  M: u32,
  N: u32,
  K: u32,
  batch: u32,
  batchStrideA: u32,
  batchStrideB: u32,
  rowStrideA: u32,
  rowStrideB: u32,
  splits: u32,
  alpha: f32,
  flags: u32,
  keepThreshold: u32,
  keepScale: f32,
  site: u32,
}

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

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(0) var<storage, read> aVec: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(1) var<storage, read> bVec: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> aux: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(0) @binding(6) var<uniform> random: Random;
@group(1) @binding(0) var<uniform> params: Params;

// Both tiles have k outermost, however A and B are stored: tileA[k][m / 4], tileB[k][n / 4].
var<workgroup> tileA: array<array<vec4f, TILE_M / 4u>, TILE_K>;
var<workgroup> tileB: array<array<vec4f, TILE_N / 4u>, TILE_K>;

// The work of a workgroup: a tile of out, and a range of K.
struct Tile {
  batch: u32,
  split: u32,
  m: u32,
  n: u32,
  startK: u32,
  endK: u32,
}

fn workgroup_tile(group: vec3u, groups: vec3u) -> Tile {
  // Tiles of a matrix are numbered row by row, inside a split, inside the batch.
  let tilesN = (params.N + TILE_N - 1u) / TILE_N;
  let tilesM = (params.M + TILE_M - 1u) / TILE_M;
  let flat = group.x + group.y * groups.x;
  let index = flat % (tilesN * tilesM);
  let outer = flat / (tilesN * tilesM);
  let split = outer % params.splits;
  // Ranges of K are whole steps of TILE_K; the last ones may be shorter or empty.
  let steps = (params.K + TILE_K - 1u) / TILE_K;
  let perSplit = (steps + params.splits - 1u) / params.splits;
  let startK = min(split * perSplit * TILE_K, params.K);
  let endK = min(startK + perSplit * TILE_K, params.K);
  let m = (index / tilesN) * TILE_M;
  let n = (index % tilesN) * TILE_N;
  return Tile(outer / params.splits, split, m, n, startK, endK);
}

// begin helpers/dropout_factor.wgsl (generated: edit there)
// The dropout factor of one element: 0 where it is dropped, 1 / (1 - rate) where it is kept. Four
// neighboring elements share one hash, as in dropout_factor4, which returns the same factors.
fn dropout_factor(element: u32) -> f32 {
  let words = hash4(vec4u(element / 4u, params.site, random.stream));
  return select(0.0, params.keepScale, words[element % 4u] < params.keepThreshold);
}
// end helpers/dropout_factor.wgsl

// begin helpers/gelu.wgsl (generated: edit there)
// The cumulative normal distribution, 0.5 erfc(-v / sqrt(2)). erfc is the Chebyshev fit of Press et
// al., Numerical Recipes, section 6.2, with a relative error below 1.2e-7 everywhere.
fn normal_cdf(v: f32) -> f32 {
  let z = abs(v) * 0.70710678;
  let t = 1.0 / (1.0 + 0.5 * z);
  let p = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806
    + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587
    + t * (-0.82215223 + t * 0.17087277))))))));
  let tail = 0.5 * t * exp(p - z * z);
  return select(tail, 1.0 - tail, v > 0.0);
}

// GELU'(v) for GELU(v) = v * normal_cdf(v): cdf(v) + v * pdf(v), 0.39894228 = 1 / sqrt(2 pi).
fn gelu_grad(v: f32) -> f32 {
  return normal_cdf(v) + v * 0.39894228 * exp(-0.5 * v * v);
}
// end helpers/gelu.wgsl

// begin helpers/epilogue_element.wgsl (generated: edit there)
// The epilogue of out[i], which is in column n.
fn epilogue_element(i: u32, n: u32, sum: f32) {
  var value = params.alpha * sum;
  if ((params.flags & BIAS) != 0u) {
    value += bias[n];
  }
  if ((params.flags & KEEP_INPUT) != 0u) {
    aux[i] = value;
  }
  if ((params.flags & GELU) != 0u) {
    value *= normal_cdf(value);
  }
  if ((params.flags & GELU_GRAD) != 0u) {
    value *= gelu_grad(aux[i]);
  }
  if ((params.flags & DROPOUT) != 0u) {
    value *= dropout_factor(i);
  }
  if ((params.flags & RESIDUAL) != 0u) {
    value += residual[i];
  }
  if ((params.flags & ACCUMULATE) != 0u) {
    value += out[i];
  }
  out[i] = value;
}
// end helpers/epilogue_element.wgsl

// Finishes the sums of out[m, n .. n + 3], element by element: the flags are the same for all
// invocations, so no branch diverges.
fn epilogue(tile: Tile, m: u32, n: u32, sums: vec4f) {
  if (m >= params.M || n >= params.N) {
    return;
  }
  let columns = min(4u, params.N - n);
  // With splits this is a part of the sum, which matmul_reduce finishes.
  if (params.splits > 1u) {
    let start = tile.split * (params.M * params.N + params.M) + m * params.N + n;
    for (var j = 0u; j < columns; j++) {
      out[start + j] = sums[j];
    }
    return;
  }
  let start = (tile.batch * params.M + m) * params.N + n;
  for (var j = 0u; j < columns; j++) {
    epilogue_element(start + j, n + j, sums[j]);
  }
}

// Adds a column sum, that of A[k, m] over k, to aux[m]. With splits, writes the split's part of it
// after the split's part of the product.
fn store_column_sum(tile: Tile, m: u32, sum: f32) {
  if (params.splits > 1u) {
    out[tile.split * (params.M * params.N + params.M) + params.M * params.N + m] = sum;
  } else {
    aux[m] += sum;
  }
}

// Loads for the tiles. Outside the matrix they read word 0 and return zeros, so that multiply needs
// no bounds. The tiles are stored by whole vec4: WGSL lets a write to one component access the
// others, which other invocations would be writing.

// A[m, k .. k + 3].
fn a_along_k(base: u32, m: u32, k: u32, endK: u32) -> vec4f {
  let isInside = m < params.M && k < endK;
  let index = (base + m * params.rowStrideA + k) / 4u;
  return select(vec4f(), aVec[select(0u, index, isInside)], isInside);
}

// B[k .. k + 3, n].
fn b_along_k(base: u32, n: u32, k: u32, endK: u32) -> vec4f {
  let isInside = n < params.N && k < endK;
  let index = (base + n * params.rowStrideB + k) / 4u;
  return select(vec4f(), bVec[select(0u, index, isInside)], isInside);
}

// A[m, k].
fn a_element(base: u32, m: u32, k: u32, endK: u32) -> f32 {
  let isInside = m < params.M && k < endK;
  let index = select(k * params.rowStrideA + m, m * params.rowStrideA + k, A_ALONG_K);
  return select(0.0, a[select(0u, base + index, isInside)], isInside);
}

// B[k, n].
fn b_element(base: u32, n: u32, k: u32, endK: u32) -> f32 {
  let isInside = n < params.N && k < endK;
  let index = select(k * params.rowStrideB + n, n * params.rowStrideB + k, B_ALONG_K);
  return select(0.0, b[select(0u, base + index, isInside)], isInside);
}

// Adds the product of the staged tiles to an invocation's sums [ROWS, 4]: for every k, the outer
// product of ROWS elements of A and 4 of B, one vec4 of B serving all rows.
fn multiply(sums: ptr<function, array<vec4f, ROWS>>, local: u32) {
  let row4 = (local / (TILE_N / 4u)) * (ROWS / 4u);
  let column4 = local % (TILE_N / 4u);
  for (var k = 0u; k < TILE_K; k++) {
    let bRow = tileB[k][column4];
    for (var r = 0u; r < ROWS / 4u; r++) {
      let aColumn = tileA[k][row4 + r];
      (*sums)[4u * r] += aColumn.x * bRow;
      (*sums)[4u * r + 1u] += aColumn.y * bRow;
      (*sums)[4u * r + 2u] += aColumn.z * bRow;
      (*sums)[4u * r + 3u] += aColumn.w * bRow;
    }
  }
}

// The sum over k of the staged A[k, m], where m is the invocation's index.
fn staged_column_sum(local: u32) -> f32 {
  var sum = 0.0;
  for (var k = 0u; k < TILE_K; k++) {
    sum += tileA[k][local / 4u][local % 4u];
  }
  return sum;
}

@compute @workgroup_size(WG)
fn wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tile = workgroup_tile(group, groups);
  // The same for all invocations of the workgroup, so that none misses a barrier.
  if (tile.batch >= params.batch) {
    return;
  }
  let baseA = tile.batch * params.batchStrideA;
  let baseB = tile.batch * params.batchStrideB;
  // All tiles of one m stage the same A: the first one also computes the column sums.
  let wantsColumns = (params.flags & COLUMN_SUMS) != 0u && tile.n == 0u;
  var sums: array<vec4f, ROWS>;
  var columnSum = 0.0;
  for (var k = tile.startK; k < tile.endK; k += TILE_K) {
    // Stage A [TILE_K, TILE_M] and B [TILE_K, TILE_N], zeros outside the matrices. Indices that end
    // in 4 count vec4.
    if (A_ALONG_K) {
      // A vec4 holds four k of one row m, the tile's hold four m of one k: an invocation stages
      // 4 x 4 elements, transposed.
      for (var i = local; i < (TILE_M / 4u) * (TILE_K / 4u); i += WG) {
        let mm4 = i / (TILE_K / 4u);
        let kk4 = i % (TILE_K / 4u);
        let m = tile.m + 4u * mm4;
        let kFirst = k + 4u * kk4;
        let words = transpose(mat4x4f(
          a_along_k(baseA, m, kFirst, tile.endK),
          a_along_k(baseA, m + 1u, kFirst, tile.endK),
          a_along_k(baseA, m + 2u, kFirst, tile.endK),
          a_along_k(baseA, m + 3u, kFirst, tile.endK),
        ));
        tileA[4u * kk4][mm4] = words[0];
        tileA[4u * kk4 + 1u][mm4] = words[1];
        tileA[4u * kk4 + 2u][mm4] = words[2];
        tileA[4u * kk4 + 3u][mm4] = words[3];
      }
    } else {
      // A vec4 holds four m of one k, as the tile does.
      for (var i = local; i < TILE_K * (TILE_M / 4u); i += WG) {
        let kk = i / (TILE_M / 4u);
        let mm4 = i % (TILE_M / 4u);
        let isInside = tile.m + 4u * mm4 < params.M && k + kk < tile.endK;
        let index = (baseA + (k + kk) * params.rowStrideA + tile.m + 4u * mm4) / 4u;
        tileA[kk][mm4] = select(vec4f(), aVec[select(0u, index, isInside)], isInside);
      }
    }
    if (B_ALONG_K) {
      // A vec4 holds four k of one column n, the tile's hold four n of one k: an invocation stages
      // 4 x 4 elements, transposed.
      for (var i = local; i < (TILE_N / 4u) * (TILE_K / 4u); i += WG) {
        let nn4 = i / (TILE_K / 4u);
        let kk4 = i % (TILE_K / 4u);
        let n = tile.n + 4u * nn4;
        let kFirst = k + 4u * kk4;
        let words = transpose(mat4x4f(
          b_along_k(baseB, n, kFirst, tile.endK),
          b_along_k(baseB, n + 1u, kFirst, tile.endK),
          b_along_k(baseB, n + 2u, kFirst, tile.endK),
          b_along_k(baseB, n + 3u, kFirst, tile.endK),
        ));
        tileB[4u * kk4][nn4] = words[0];
        tileB[4u * kk4 + 1u][nn4] = words[1];
        tileB[4u * kk4 + 2u][nn4] = words[2];
        tileB[4u * kk4 + 3u][nn4] = words[3];
      }
    } else {
      // A vec4 holds four n of one k, as the tile does.
      for (var i = local; i < TILE_K * (TILE_N / 4u); i += WG) {
        let kk = i / (TILE_N / 4u);
        let nn4 = i % (TILE_N / 4u);
        let isInside = tile.n + 4u * nn4 < params.N && k + kk < tile.endK;
        let index = (baseB + (k + kk) * params.rowStrideB + tile.n + 4u * nn4) / 4u;
        tileB[kk][nn4] = select(vec4f(), bVec[select(0u, index, isInside)], isInside);
      }
    }
    // Both tiles are complete before any invocation reads them.
    workgroupBarrier();
    multiply(&sums, local);
    if (wantsColumns && local < TILE_M) {
      columnSum += staged_column_sum(local);
    }
    // All invocations have read both tiles before the next ones overwrite them.
    workgroupBarrier();
  }
  let m = tile.m + (local / (TILE_N / 4u)) * ROWS;
  let n = tile.n + (local % (TILE_N / 4u)) * 4u;
  for (var r = 0u; r < ROWS; r++) {
    epilogue(tile, m + r, n, sums[r]);
  }
  if (wantsColumns && local < TILE_M && tile.m + local < params.M) {
    store_column_sum(tile, tile.m + local, columnSum);
  }
}

// As wide, loading one element at a time.
@compute @workgroup_size(WG)
fn narrow(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tile = workgroup_tile(group, groups);
  if (tile.batch >= params.batch) {
    return;
  }
  let baseA = tile.batch * params.batchStrideA;
  let baseB = tile.batch * params.batchStrideB;
  let wantsColumns = (params.flags & COLUMN_SUMS) != 0u && tile.n == 0u;
  var sums: array<vec4f, ROWS>;
  var columnSum = 0.0;
  for (var k = tile.startK; k < tile.endK; k += TILE_K) {
    // Neighboring invocations load neighboring words, whichever axis that is: an invocation loads
    // the four elements of a vec4 of the tile, and stores it whole.
    for (var i = local; i < TILE_K * (TILE_M / 4u); i += WG) {
      let mm4 = select(i % (TILE_M / 4u), i / TILE_K, A_ALONG_K);
      let kk = select(i / (TILE_M / 4u), i % TILE_K, A_ALONG_K);
      let m = tile.m + 4u * mm4;
      tileA[kk][mm4] = vec4f(
        a_element(baseA, m, k + kk, tile.endK),
        a_element(baseA, m + 1u, k + kk, tile.endK),
        a_element(baseA, m + 2u, k + kk, tile.endK),
        a_element(baseA, m + 3u, k + kk, tile.endK),
      );
    }
    for (var i = local; i < TILE_K * (TILE_N / 4u); i += WG) {
      let nn4 = select(i % (TILE_N / 4u), i / TILE_K, B_ALONG_K);
      let kk = select(i / (TILE_N / 4u), i % TILE_K, B_ALONG_K);
      let n = tile.n + 4u * nn4;
      tileB[kk][nn4] = vec4f(
        b_element(baseB, n, k + kk, tile.endK),
        b_element(baseB, n + 1u, k + kk, tile.endK),
        b_element(baseB, n + 2u, k + kk, tile.endK),
        b_element(baseB, n + 3u, k + kk, tile.endK),
      );
    }
    workgroupBarrier();
    multiply(&sums, local);
    if (wantsColumns && local < TILE_M) {
      columnSum += staged_column_sum(local);
    }
    workgroupBarrier();
  }
  let m = tile.m + (local / (TILE_N / 4u)) * ROWS;
  let n = tile.n + (local % (TILE_N / 4u)) * 4u;
  for (var r = 0u; r < ROWS; r++) {
    epilogue(tile, m + r, n, sums[r]);
  }
  if (wantsColumns && local < TILE_M && tile.m + local < params.M) {
    store_column_sum(tile, tile.m + local, columnSum);
  }
}
