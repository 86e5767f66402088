// Matrix product without workgroup memory, for adapters where a barrier is dear.
//
//   out[b] = epilogue(alpha * A[b] . B[b])       A[b] is M x K, B[b] is K x N, out[b] is M x N
//
// Layouts  nt   A stored [M, K], B stored [N, K]     x . W^T, the forward of a linear layer
//          nn   A stored [M, K], B stored [K, N]     dy . W, the gradient of its input
//          tn   A stored [K, M], B stored [K, N]     dy^T . x, the gradient of its weight
//          strided   any layout and any size: element (m, k) of A is at m * aM + k * aK, and so on
//          nt, nn and tn read vec4: every stored row and every batch stride is a multiple of 4.
// Grid     one invocation makes an 8 x 4 tile of out; a workgroup is a 4 x 4 patch of tiles (32 rows,
//          16 columns), its invocations side by side along N so that they read the same words of A.
// Memory   none but registers: 8 vec4 sums, all named. SwiftShader keeps a loop's body in one basic
//          block, and so in SSE registers, only when nothing in it is an indexed array.
// Numerics f32, sums in order of k. The epilogue, in this order and by flag: add bias; keep
//          the activation's input in aux; GELU; times GELU'(aux); dropout; add residual; add to out.
//          columnSums (tn only) adds sum_k A[k, m] to aux[m]: the bias gradient of the same layer.

const WG = 16u;
const PATCH_M = 4u;
const PATCH_N = 4u;

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
  aM: u32,
  aK: u32,
  bK: u32,
  bN: u32,
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

// Where an invocation's tile lies; rows past M are clamped for reading and skipped when writing.
struct Tile {
  batch: u32,
  m: u32,
  n: u32,
  inside: bool,
}

fn place(group: vec3u, groups: vec3u, local: u32) -> Tile {
  let tilesN = (params.N + 4u * PATCH_N - 1u) / (4u * PATCH_N);
  let tilesM = (params.M + 8u * PATCH_M - 1u) / (8u * PATCH_M);
  let flat = group.x + group.y * groups.x;
  let inBatch = flat % (tilesN * tilesM);
  let batch = flat / (tilesN * tilesM);
  let m = ((inBatch / tilesN) * PATCH_M + local / PATCH_N) * 8u;
  let n = ((inBatch % tilesN) * PATCH_N + local % PATCH_N) * 4u;
  return Tile(batch, m, n, batch < params.batch && m < params.M && n < params.N);
}

fn row(tile: Tile, i: u32) -> u32 {
  return min(tile.m + i, params.M - 1u);
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

fn finish(tile: Tile, i: u32, sums: vec4f) {
  if (tile.m + i >= params.M) {
    return;
  }
  let start = (tile.batch * params.M + tile.m + i) * params.N + tile.n;
  let columns = min(4u, params.N - tile.n);
  for (var j = 0u; j < columns; j++) {
    var value = params.alpha * sums[j];
    if ((params.flags & BIAS) != 0u) {
      value += bias[tile.n + j];
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

fn add_column_sums(tile: Tile, columns: array<f32, 8>) {
  var columnSum = columns;
  for (var i = 0u; i < min(8u, params.M - tile.m); i++) {
    aux[tile.m + i] += columnSum[i];
  }
}

@compute @workgroup_size(WG)
fn nt(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tile = place(group, groups, local);
  if (!tile.inside) {
    return;
  }
  let K4 = params.K / 4u;
  let baseA = tile.batch * (params.strideA / 4u);
  let baseB = tile.batch * (params.strideB / 4u);
  let lastN = params.N - 1u;
  let r0 = baseA + row(tile, 0u) * K4;
  let r1 = baseA + row(tile, 1u) * K4;
  let r2 = baseA + row(tile, 2u) * K4;
  let r3 = baseA + row(tile, 3u) * K4;
  let r4 = baseA + row(tile, 4u) * K4;
  let r5 = baseA + row(tile, 5u) * K4;
  let r6 = baseA + row(tile, 6u) * K4;
  let r7 = baseA + row(tile, 7u) * K4;
  let c0 = baseB + min(tile.n + 0u, lastN) * K4;
  let c1 = baseB + min(tile.n + 1u, lastN) * K4;
  let c2 = baseB + min(tile.n + 2u, lastN) * K4;
  let c3 = baseB + min(tile.n + 3u, lastN) * K4;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var s4 = vec4f();
  var s5 = vec4f();
  var s6 = vec4f();
  var s7 = vec4f();
  for (var k = 0u; k < K4; k++) {
    // Columns of w are rows of B: x * w holds the dot products of x with four of them.
    let w = mat4x4f(bVec[c0 + k], bVec[c1 + k], bVec[c2 + k], bVec[c3 + k]);
    s0 += aVec[r0 + k] * w;
    s1 += aVec[r1 + k] * w;
    s2 += aVec[r2 + k] * w;
    s3 += aVec[r3 + k] * w;
    s4 += aVec[r4 + k] * w;
    s5 += aVec[r5 + k] * w;
    s6 += aVec[r6 + k] * w;
    s7 += aVec[r7 + k] * w;
  }
  var sums = array<vec4f, 8>(s0, s1, s2, s3, s4, s5, s6, s7);
  for (var i = 0u; i < 8u; i++) {
    finish(tile, i, sums[i]);
  }
}

@compute @workgroup_size(WG)
fn nn(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tile = place(group, groups, local);
  if (!tile.inside) {
    return;
  }
  let K4 = params.K / 4u;
  let N4 = params.N / 4u;
  let baseA = tile.batch * (params.strideA / 4u);
  let baseB = tile.batch * (params.strideB / 4u) + tile.n / 4u;
  let r0 = baseA + row(tile, 0u) * K4;
  let r1 = baseA + row(tile, 1u) * K4;
  let r2 = baseA + row(tile, 2u) * K4;
  let r3 = baseA + row(tile, 3u) * K4;
  let r4 = baseA + row(tile, 4u) * K4;
  let r5 = baseA + row(tile, 5u) * K4;
  let r6 = baseA + row(tile, 6u) * K4;
  let r7 = baseA + row(tile, 7u) * K4;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var s4 = vec4f();
  var s5 = vec4f();
  var s6 = vec4f();
  var s7 = vec4f();
  for (var k = 0u; k < K4; k++) {
    let c = baseB + 4u * k * N4;
    let w = mat4x4f(bVec[c], bVec[c + N4], bVec[c + 2u * N4], bVec[c + 3u * N4]);
    s0 += w * aVec[r0 + k];
    s1 += w * aVec[r1 + k];
    s2 += w * aVec[r2 + k];
    s3 += w * aVec[r3 + k];
    s4 += w * aVec[r4 + k];
    s5 += w * aVec[r5 + k];
    s6 += w * aVec[r6 + k];
    s7 += w * aVec[r7 + k];
  }
  var sums = array<vec4f, 8>(s0, s1, s2, s3, s4, s5, s6, s7);
  for (var i = 0u; i < 8u; i++) {
    finish(tile, i, sums[i]);
  }
}

@compute @workgroup_size(WG)
fn tn(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tile = place(group, groups, local);
  if (!tile.inside) {
    return;
  }
  let M4 = params.M / 4u;
  let N4 = params.N / 4u;
  let baseA = tile.batch * (params.strideA / 4u) + tile.m / 4u;
  let baseB = tile.batch * (params.strideB / 4u) + tile.n / 4u;
  // The tile's second four rows of out; past M they are read twice and written never.
  let low = select(0u, 1u, tile.m + 4u < params.M);
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var s4 = vec4f();
  var s5 = vec4f();
  var s6 = vec4f();
  var s7 = vec4f();
  for (var k = 0u; k < params.K; k++) {
    let upper = aVec[baseA + k * M4];
    let lower = aVec[baseA + k * M4 + low];
    let w = bVec[baseB + k * N4];
    s0 += upper.x * w;
    s1 += upper.y * w;
    s2 += upper.z * w;
    s3 += upper.w * w;
    s4 += lower.x * w;
    s5 += lower.y * w;
    s6 += lower.z * w;
    s7 += lower.w * w;
  }
  var sums = array<vec4f, 8>(s0, s1, s2, s3, s4, s5, s6, s7);
  for (var i = 0u; i < 8u; i++) {
    finish(tile, i, sums[i]);
  }
  if ((params.flags & COLUMN_SUMS) != 0u && tile.n == 0u) {
    var upper = vec4f();
    var lower = vec4f();
    for (var k = 0u; k < params.K; k++) {
      upper += aVec[baseA + k * M4];
      lower += aVec[baseA + k * M4 + low];
    }
    add_column_sums(tile, array<f32, 8>(
      upper.x, upper.y, upper.z, upper.w, lower.x, lower.y, lower.z, lower.w,
    ));
  }
}

@compute @workgroup_size(WG)
fn strided(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let tile = place(group, groups, local);
  if (!tile.inside) {
    return;
  }
  let baseA = tile.batch * params.strideA;
  let baseB = tile.batch * params.strideB;
  let lastN = params.N - 1u;
  let r0 = baseA + row(tile, 0u) * params.aM;
  let r1 = baseA + row(tile, 1u) * params.aM;
  let r2 = baseA + row(tile, 2u) * params.aM;
  let r3 = baseA + row(tile, 3u) * params.aM;
  let r4 = baseA + row(tile, 4u) * params.aM;
  let r5 = baseA + row(tile, 5u) * params.aM;
  let r6 = baseA + row(tile, 6u) * params.aM;
  let r7 = baseA + row(tile, 7u) * params.aM;
  let c0 = baseB + min(tile.n + 0u, lastN) * params.bN;
  let c1 = baseB + min(tile.n + 1u, lastN) * params.bN;
  let c2 = baseB + min(tile.n + 2u, lastN) * params.bN;
  let c3 = baseB + min(tile.n + 3u, lastN) * params.bN;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var s4 = vec4f();
  var s5 = vec4f();
  var s6 = vec4f();
  var s7 = vec4f();
  for (var k = 0u; k < params.K; k++) {
    let ka = k * params.aK;
    let kb = k * params.bK;
    let w = vec4f(b[c0 + kb], b[c1 + kb], b[c2 + kb], b[c3 + kb]);
    s0 += a[r0 + ka] * w;
    s1 += a[r1 + ka] * w;
    s2 += a[r2 + ka] * w;
    s3 += a[r3 + ka] * w;
    s4 += a[r4 + ka] * w;
    s5 += a[r5 + ka] * w;
    s6 += a[r6 + ka] * w;
    s7 += a[r7 + ka] * w;
  }
  var sums = array<vec4f, 8>(s0, s1, s2, s3, s4, s5, s6, s7);
  for (var i = 0u; i < 8u; i++) {
    finish(tile, i, sums[i]);
  }
  if ((params.flags & COLUMN_SUMS) != 0u && tile.n == 0u) {
    var columns = array<f32, 8>();
    for (var i = 0u; i < 8u; i++) {
      let start = baseA + row(tile, i) * params.aM;
      for (var k = 0u; k < params.K; k++) {
        columns[i] += a[start + k * params.aK];
      }
    }
    add_column_sums(tile, columns);
  }
}
