// Matrix product staged through workgroup memory, for GPUs.
//
//   out[b] = epilogue(alpha * A[b] . B[b])       A[b] is M x K, B[b] is K x N, out[b] is M x N
//
// Layouts  A's element (m, k) is at m * aM + k * aK and B's (k, n) at k * bK + n * bN. A_ALONG_K and
//          B_ALONG_K say which of the two strides is 1, hence along which axis neighbours are loaded.
//          Entry wide reads vec4 and wants every stored row and every batch stride to be a multiple of 4; narrow takes
//          any size. The two differ in their loads only.
// Grid     a workgroup makes a TILE_M x TILE_N tile of out over one of `splits` ranges of K; an invocation
//          makes ROWS x 4 of it. WG = (TILE_M / ROWS) * (TILE_N / 4).
// Memory   workgroup: TILE_K * (TILE_M + TILE_N) * 4 bytes, 4 KiB as declared, 8 KiB at 64 x 64.
// Numerics f32, sums in order of k within a range. With splits > 1 the raw sums go to out as
//          [splits, M * N + M]; matmul_reduce adds them in order, so the result does not depend on timing.
//          Epilogue and columnSums as in matmul_direct.

const TILE_M = 32u;
const TILE_N = 32u;
const TILE_K = 16u;
const ROWS = 4u;
const WG = 64u;
const A_ALONG_K = true;
const B_ALONG_K = true;

const BIAS = 1u;
const GELU = 2u;
const GELU_GRAD = 4u;
const DROPOUT = 8u;
const RESIDUAL = 16u;
const ACCUMULATE = 32u;
const COLUMN_SUMS = 64u;
const KEEP_INPUT = 128u;

struct Params {
  M: u32,
  N: u32,
  K: u32,
  batch: u32,
  strideA: u32,
  strideB: u32,
  lineA: u32,
  lineB: u32,
  splits: u32,
  alpha: f32,
  flags: u32,
  keepThreshold: u32,
  keepScale: f32,
  site: u32,
}

// The stream of one seed and step, mixed by the host.
struct Random {
  stream: vec2u,
}

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

// Both tiles are kept with k outermost: tileA[k][m / 4], tileB[k][n / 4].
var<workgroup> tileA: array<array<vec4f, TILE_M / 4u>, TILE_K>;
var<workgroup> tileB: array<array<vec4f, TILE_N / 4u>, TILE_K>;

struct Place {
  batch: u32,
  split: u32,
  m: u32,
  n: u32,
  firstK: u32,
  endK: u32,
}

fn place(group: vec3u, groups: vec3u) -> Place {
  let tilesN = (params.N + TILE_N - 1u) / TILE_N;
  let tilesM = (params.M + TILE_M - 1u) / TILE_M;
  let flat = group.x + group.y * groups.x;
  let inBatch = flat % (tilesN * tilesM);
  let outer = flat / (tilesN * tilesM);
  let split = outer % params.splits;
  let steps = (params.K + TILE_K - 1u) / TILE_K;
  let perSplit = (steps + params.splits - 1u) / params.splits;
  let firstK = min(split * perSplit * TILE_K, params.K);
  let endK = min(firstK + perSplit * TILE_K, params.K);
  return Place(outer / params.splits, split, (inBatch / tilesN) * TILE_M, (inBatch % tilesN) * TILE_N,
    firstK, endK);
}

// pcg4d of Jarzynski and Olano, Hash Functions for GPU Rendering, JCGT 9(3), 2020: four words.
fn hash4(key: vec4u) -> vec4u {
  var v = key * 1664525u + 1013904223u;
  v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
  v ^= v >> vec4u(16u);
  v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
  return v;
}

// 0 where element is dropped, 1 / (1 - rate) where it is kept.
fn keep(element: u32) -> f32 {
  let words = hash4(vec4u(element / 4u, params.site, random.stream));
  return select(0.0, params.keepScale, words[element % 4u] < params.keepThreshold);
}

// Cumulative normal: erfc by the Chebyshev fit of Press et al., Numerical Recipes, section 6.2,
// whose relative error is below 1.2e-7 everywhere.
fn normal_cdf(x: f32) -> f32 {
  let z = abs(x) * 0.70710678;
  let t = 1.0 / (1.0 + 0.5 * z);
  let p = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806
    + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  let tail = 0.5 * t * exp(p - z * z);
  return select(tail, 1.0 - tail, x > 0.0);
}

fn gelu_grad(x: f32) -> f32 {
  return normal_cdf(x) + x * 0.39894228 * exp(-0.5 * x * x);
}

fn finish(at: Place, m: u32, n: u32, sums: vec4f) {
  if (m >= params.M || n >= params.N) {
    return;
  }
  let columns = min(4u, params.N - n);
  if (params.splits > 1u) {
    let start = at.split * (params.M * params.N + params.M) + m * params.N + n;
    for (var j = 0u; j < columns; j++) {
      out[start + j] = sums[j];
    }
    return;
  }
  let start = (at.batch * params.M + m) * params.N + n;
  for (var j = 0u; j < columns; j++) {
    var value = params.alpha * sums[j];
    if ((params.flags & BIAS) != 0u) {
      value += bias[n + j];
    }
    if ((params.flags & KEEP_INPUT) != 0u) {
      aux[start + j] = value;
    }
    if ((params.flags & GELU) != 0u) {
      value *= normal_cdf(value);
    }
    if ((params.flags & GELU_GRAD) != 0u) {
      value *= gelu_grad(aux[start + j]);
    }
    if ((params.flags & DROPOUT) != 0u) {
      value *= keep(start + j);
    }
    if ((params.flags & RESIDUAL) != 0u) {
      value += residual[start + j];
    }
    if ((params.flags & ACCUMULATE) != 0u) {
      value += out[start + j];
    }
    out[start + j] = value;
  }
}

fn add_column_sum(at: Place, m: u32, sum: f32) {
  if (params.splits > 1u) {
    out[at.split * (params.M * params.N + params.M) + params.M * params.N + m] = sum;
  } else {
    aux[m] += sum;
  }
}

// The product of the staged tiles, added to an invocation's ROWS x 4 sums.
fn multiply(sums: ptr<function, array<vec4f, ROWS>>, local: u32) {
  let row = (local / (TILE_N / 4u)) * (ROWS / 4u);
  let column = local % (TILE_N / 4u);
  for (var k = 0u; k < TILE_K; k++) {
    let w = tileB[k][column];
    for (var r = 0u; r < ROWS / 4u; r++) {
      let x = tileA[k][row + r];
      (*sums)[4u * r] += x.x * w;
      (*sums)[4u * r + 1u] += x.y * w;
      (*sums)[4u * r + 2u] += x.z * w;
      (*sums)[4u * r + 3u] += x.w * w;
    }
  }
}

fn staged_column(local: u32) -> f32 {
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
  let at = place(group, groups);
  if (at.batch >= params.batch) {
    return;
  }
  let baseA = at.batch * params.strideA;
  let baseB = at.batch * params.strideB;
  let wantsColumns = (params.flags & COLUMN_SUMS) != 0u && at.n == 0u;
  var sums: array<vec4f, ROWS>;
  var columnSum = 0.0;
  for (var k = at.firstK; k < at.endK; k += TILE_K) {
    if (A_ALONG_K) {
      // Four k of one line, spread over four rows of the tile.
      for (var i = local; i < TILE_M * (TILE_K / 4u); i += WG) {
        let line = i / (TILE_K / 4u);
        let q = i % (TILE_K / 4u);
        let inside = at.m + line < params.M && k + 4u * q < at.endK;
        let at4 = (baseA + (at.m + line) * params.lineA + k + 4u * q) / 4u;
        let word = select(vec4f(), aVec[select(0u, at4, inside)], inside);
        tileA[4u * q][line / 4u][line % 4u] = word.x;
        tileA[4u * q + 1u][line / 4u][line % 4u] = word.y;
        tileA[4u * q + 2u][line / 4u][line % 4u] = word.z;
        tileA[4u * q + 3u][line / 4u][line % 4u] = word.w;
      }
    } else {
      for (var i = local; i < TILE_K * (TILE_M / 4u); i += WG) {
        let line = i / (TILE_M / 4u);
        let q = i % (TILE_M / 4u);
        let inside = at.m + 4u * q < params.M && k + line < at.endK;
        let at4 = (baseA + (k + line) * params.lineA + at.m + 4u * q) / 4u;
        tileA[line][q] = select(vec4f(), aVec[select(0u, at4, inside)], inside);
      }
    }
    if (B_ALONG_K) {
      // Four k of one line, spread over four rows of the tile.
      for (var i = local; i < TILE_N * (TILE_K / 4u); i += WG) {
        let line = i / (TILE_K / 4u);
        let q = i % (TILE_K / 4u);
        let inside = at.n + line < params.N && k + 4u * q < at.endK;
        let at4 = (baseB + (at.n + line) * params.lineB + k + 4u * q) / 4u;
        let word = select(vec4f(), bVec[select(0u, at4, inside)], inside);
        tileB[4u * q][line / 4u][line % 4u] = word.x;
        tileB[4u * q + 1u][line / 4u][line % 4u] = word.y;
        tileB[4u * q + 2u][line / 4u][line % 4u] = word.z;
        tileB[4u * q + 3u][line / 4u][line % 4u] = word.w;
      }
    } else {
      for (var i = local; i < TILE_K * (TILE_N / 4u); i += WG) {
        let line = i / (TILE_N / 4u);
        let q = i % (TILE_N / 4u);
        let inside = at.n + 4u * q < params.N && k + line < at.endK;
        let at4 = (baseB + (k + line) * params.lineB + at.n + 4u * q) / 4u;
        tileB[line][q] = select(vec4f(), bVec[select(0u, at4, inside)], inside);
      }
    }
    workgroupBarrier();
    multiply(&sums, local);
    if (wantsColumns && local < TILE_M) {
      columnSum += staged_column(local);
    }
    workgroupBarrier();
  }
  let m = at.m + (local / (TILE_N / 4u)) * ROWS;
  let n = at.n + (local % (TILE_N / 4u)) * 4u;
  for (var r = 0u; r < ROWS; r++) {
    finish(at, m + r, n, sums[r]);
  }
  if (wantsColumns && local < TILE_M && at.m + local < params.M) {
    add_column_sum(at, at.m + local, columnSum);
  }
}

@compute @workgroup_size(WG)
fn narrow(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let at = place(group, groups);
  if (at.batch >= params.batch) {
    return;
  }
  let baseA = at.batch * params.strideA;
  let baseB = at.batch * params.strideB;
  let wantsColumns = (params.flags & COLUMN_SUMS) != 0u && at.n == 0u;
  var sums: array<vec4f, ROWS>;
  var columnSum = 0.0;
  for (var k = at.firstK; k < at.endK; k += TILE_K) {
    for (var i = local; i < TILE_K * TILE_M; i += WG) {
      let line = select(i % TILE_M, i / TILE_K, A_ALONG_K);
      let kk = select(i / TILE_M, i % TILE_K, A_ALONG_K);
      let inside = at.m + line < params.M && k + kk < at.endK;
      let along = (at.m + line) * params.lineA + k + kk;
      let across = (k + kk) * params.lineA + at.m + line;
      let word = baseA + select(across, along, A_ALONG_K);
      tileA[kk][line / 4u][line % 4u] = select(0.0, a[select(0u, word, inside)], inside);
    }
    for (var i = local; i < TILE_K * TILE_N; i += WG) {
      let line = select(i % TILE_N, i / TILE_K, B_ALONG_K);
      let kk = select(i / TILE_N, i % TILE_K, B_ALONG_K);
      let inside = at.n + line < params.N && k + kk < at.endK;
      let along = (at.n + line) * params.lineB + k + kk;
      let across = (k + kk) * params.lineB + at.n + line;
      let word = baseB + select(across, along, B_ALONG_K);
      tileB[kk][line / 4u][line % 4u] = select(0.0, b[select(0u, word, inside)], inside);
    }
    workgroupBarrier();
    multiply(&sums, local);
    if (wantsColumns && local < TILE_M) {
      columnSum += staged_column(local);
    }
    workgroupBarrier();
  }
  let m = at.m + (local / (TILE_N / 4u)) * ROWS;
  let n = at.n + (local % (TILE_N / 4u)) * 4u;
  for (var r = 0u; r < ROWS; r++) {
    finish(at, m + r, n, sums[r]);
  }
  if (wantsColumns && local < TILE_M && at.m + local < params.M) {
    add_column_sum(at, at.m + local, columnSum);
  }
}
