// Matrix product without workgroup barriers, for the CPU: a workgroup is one invocation.
//
//   out[b] = epilogue(alpha * A[b] . B[b])       A[b] is M x K, B[b] is K x N, out[b] is M x N
//
// Layouts  nt   A stored [M, K], B stored [N, K]     x . W^T, the forward of a linear layer
//          nn   A stored [M, K], B stored [K, N]     dy . W, the gradient of its input
//          tn   A stored [K, M], B stored [K, N]     dy^T . x, the gradient of its weight
//          strided   any layout and any size: element (m, k) of A is at m * aM + k * aK, and so on
//          nt, nn and tn read vec4: every stored row and every batch stride is a multiple of 4.
// Grid     a workgroup makes a block of out: BLOCK_M x BLOCK_N, TN_M x TN_N for tn. It packs B into panels of 8 columns,
//          DEPTH (TN_DEPTH) of k at a time, and goes down the rows in tiles of 4 x 8.
// Memory   workgroup: a panel and a column of partial sums, 10 KiB; tn packs A as well, 13.5 KiB. In a panel the 8 values of
//          one k are neighbors: rows of B that lie a power of two apart would push each other out of the cache.
// Numerics f32, sums in order of k. The epilogue, in this order and by flag: add bias; keep the activation's input in
//          aux; GELU; times GELU'(aux); dropout; add residual; add to out. tn only accumulates, and columnSums adds
//          sum_k A[k, m] to aux[m]: the bias gradient of the same layer.
//
// Why 4 x 8: eight vec4 sums, two of B and one of A at a time fit into the 16 vector registers of x64 and the 32 of Arm.
// 8 x 4 and 6 x 8 spill; with k unrolled, V8 loads all of a turn's values first and spills, too.

const WG = 1u;
const BLOCK_M = 64u;
const BLOCK_N = 32u;
const DEPTH = 256u;
const TN_M = 64u;
const TN_N = 32u;
const TN_DEPTH = 48u;

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

// B[k, n .. n + 7] at 2 k and 2 k + 1.
var<workgroup> panel: array<vec4f, 2 * DEPTH>;
// The eight sums of each tile of a panel: while K is longer than DEPTH, and on their way through the epilogue.
var<workgroup> partial: array<vec4f, 2 * BLOCK_M>;
// The same panel for tn, and A[k, m .. m + 3] at (m / 4) TN_DEPTH + k.
var<workgroup> panelTn: array<vec4f, 2 * TN_DEPTH>;
var<workgroup> packedA: array<vec4f, TN_DEPTH * TN_M / 4u>;

// A tile of out: rows 0 to 3, each as two vec4.
struct Sums {
  s00: vec4f, s01: vec4f,
  s10: vec4f, s11: vec4f,
  s20: vec4f, s21: vec4f,
  s30: vec4f, s31: vec4f,
}

// Where a workgroup's block of out lies.
struct Area {
  batch: u32,
  m: u32,
  n: u32,
}

fn place(flat: u32, blockM: u32, blockN: u32) -> Area {
  let blocksN = (params.N + blockN - 1u) / blockN;
  let blocksM = (params.M + blockM - 1u) / blockM;
  let inBatch = flat % (blocksN * blocksM);
  return Area(flat / (blocksN * blocksM), (inBatch / blocksN) * blockM, (inBatch % blocksN) * blockN);
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

// Four vec4 of one tile.
struct Four {
  a: vec4f, b: vec4f, c: vec4f, d: vec4f,
}

// normal_cdf of four vec4, by turns: each step waits for the one before it, and four of them wait at the same time.
fn normal_cdfs(v: Four) -> Four {
  let z = Four(abs(v.a) * 0.70710678, abs(v.b) * 0.70710678, abs(v.c) * 0.70710678, abs(v.d) * 0.70710678);
  let t = Four(
    1.0 / (1.0 + 0.5 * z.a), 1.0 / (1.0 + 0.5 * z.b), 1.0 / (1.0 + 0.5 * z.c), 1.0 / (1.0 + 0.5 * z.d),
  );
  let one = vec4f(0.17087277);
  var p = Four(one, one, one, one);
  p = next_term(p, t, -0.82215223);
  p = next_term(p, t, 1.48851587);
  p = next_term(p, t, -1.13520398);
  p = next_term(p, t, 0.27886807);
  p = next_term(p, t, -0.18628806);
  p = next_term(p, t, 0.09678418);
  p = next_term(p, t, 0.37409196);
  p = next_term(p, t, 1.00002368);
  p = next_term(p, t, -1.26551223);
  let tail = Four(
    0.5 * t.a * exp(p.a - z.a * z.a), 0.5 * t.b * exp(p.b - z.b * z.b),
    0.5 * t.c * exp(p.c - z.c * z.c), 0.5 * t.d * exp(p.d - z.d * z.d),
  );
  return Four(
    select(tail.a, 1.0 - tail.a, v.a > vec4f()), select(tail.b, 1.0 - tail.b, v.b > vec4f()),
    select(tail.c, 1.0 - tail.c, v.c > vec4f()), select(tail.d, 1.0 - tail.d, v.d > vec4f()),
  );
}

// Horner's rule, four at a time.
fn next_term(p: Four, t: Four, term: f32) -> Four {
  return Four(term + t.a * p.a, term + t.b * p.b, term + t.c * p.c, term + t.d * p.d);
}

fn gelu_grads(v: Four) -> Four {
  let cdf = normal_cdfs(v);
  return Four(
    cdf.a + v.a * 0.39894228 * exp(-0.5 * v.a * v.a), cdf.b + v.b * 0.39894228 * exp(-0.5 * v.b * v.b),
    cdf.c + v.c * 0.39894228 * exp(-0.5 * v.c * v.c), cdf.d + v.d * 0.39894228 * exp(-0.5 * v.d * v.d),
  );
}

fn times(p: Four, q: Four) -> Four {
  return Four(p.a * q.a, p.b * q.b, p.c * q.c, p.d * q.d);
}

fn plus(p: Four, q: Four) -> Four {
  return Four(p.a + q.a, p.b + q.b, p.c + q.c, p.d + q.d);
}

// keep of four neighboring elements; element is a multiple of 4.
fn keep_vec(element: u32) -> vec4f {
  let words = hash4(vec4u(element / 4u, params.site, random.stream));
  return select(vec4f(), vec4f(params.keepScale), words < vec4u(params.keepThreshold));
}

fn residual4(i: u32) -> vec4f {
  return vec4f(residual[i], residual[i + 1u], residual[i + 2u], residual[i + 3u]);
}

fn aux4(i: u32) -> vec4f {
  return vec4f(aux[i], aux[i + 1u], aux[i + 2u], aux[i + 3u]);
}

fn out4(i: u32) -> vec4f {
  return vec4f(out[i], out[i + 1u], out[i + 2u], out[i + 3u]);
}

fn bias4(i: u32) -> vec4f {
  return vec4f(bias[i], bias[i + 1u], bias[i + 2u], bias[i + 3u]);
}

fn set_aux4(i: u32, v: vec4f) {
  aux[i] = v.x;
  aux[i + 1u] = v.y;
  aux[i + 2u] = v.z;
  aux[i + 3u] = v.w;
}

fn set_out4(i: u32, v: vec4f) {
  out[i] = v.x;
  out[i + 1u] = v.y;
  out[i + 2u] = v.z;
  out[i + 3u] = v.w;
}

fn put_row(at: u32, left: vec4f, right: vec4f) {
  set_out4(at, left);
  set_out4(at + 4u, right);
}

fn put_row_added(at: u32, left: vec4f, right: vec4f) {
  set_out4(at, left + residual4(at));
  set_out4(at + 4u, right + residual4(at + 4u));
}

// The epilogue of a whole tile with bias and residual at most, as most have: the flags are asked once, the bias is read
// once, and the sums stay in registers.
fn finish_plain(batch: u32, m: u32, n: u32, s: Sums) {
  var left = vec4f();
  var right = vec4f();
  if ((params.flags & BIAS) != 0u) {
    left = bias4(n);
    right = bias4(n + 4u);
  }
  let at = (batch * params.M + m) * params.N + n;
  if ((params.flags & RESIDUAL) != 0u) {
    put_row_added(at, params.alpha * s.s00 + left, params.alpha * s.s01 + right);
    put_row_added(at + params.N, params.alpha * s.s10 + left, params.alpha * s.s11 + right);
    put_row_added(at + 2u * params.N, params.alpha * s.s20 + left, params.alpha * s.s21 + right);
    put_row_added(at + 3u * params.N, params.alpha * s.s30 + left, params.alpha * s.s31 + right);
  } else {
    put_row(at, params.alpha * s.s00 + left, params.alpha * s.s01 + right);
    put_row(at + params.N, params.alpha * s.s10 + left, params.alpha * s.s11 + right);
    put_row(at + 2u * params.N, params.alpha * s.s20 + left, params.alpha * s.s21 + right);
    put_row(at + 3u * params.N, params.alpha * s.s30 + left, params.alpha * s.s31 + right);
  }
}

// Four vec4 of each array: eight columns of two rows that begin at p and q.
fn residuals(p: u32, q: u32) -> Four {
  return Four(residual4(p), residual4(p + 4u), residual4(q), residual4(q + 4u));
}

fn auxes(p: u32, q: u32) -> Four {
  return Four(aux4(p), aux4(p + 4u), aux4(q), aux4(q + 4u));
}

fn outs(p: u32, q: u32) -> Four {
  return Four(out4(p), out4(p + 4u), out4(q), out4(q + 4u));
}

fn keeps(p: u32, q: u32) -> Four {
  return Four(keep_vec(p), keep_vec(p + 4u), keep_vec(q), keep_vec(q + 4u));
}

// The epilogue of a whole tile whose sums are in partial, two rows at a time, so that each flag is asked twice and not once
// an element. Dropout draws for four elements at a time: with it N is a multiple of 4.
fn finish_tile(batch: u32, m: u32, n: u32, slot: u32) {
  for (var row = 0u; row < 4u; row += 2u) {
    let p = (batch * params.M + m + row) * params.N + n;
    let q = p + params.N;
    let i = slot + 2u * row;
    var v = Four(
      params.alpha * partial[i], params.alpha * partial[i + 1u],
      params.alpha * partial[i + 2u], params.alpha * partial[i + 3u],
    );
    if ((params.flags & BIAS) != 0u) {
      let left = bias4(n);
      let right = bias4(n + 4u);
      v = plus(v, Four(left, right, left, right));
    }
    if ((params.flags & KEEP_INPUT) != 0u) {
      set_aux4(p, v.a);
      set_aux4(p + 4u, v.b);
      set_aux4(q, v.c);
      set_aux4(q + 4u, v.d);
    }
    if ((params.flags & GELU) != 0u) {
      v = times(v, normal_cdfs(v));
    }
    if ((params.flags & GELU_GRAD) != 0u) {
      v = times(v, gelu_grads(auxes(p, q)));
    }
    if ((params.flags & DROPOUT) != 0u) {
      v = times(v, keeps(p, q));
    }
    if ((params.flags & RESIDUAL) != 0u) {
      v = plus(v, residuals(p, q));
    }
    if ((params.flags & ACCUMULATE) != 0u) {
      v = plus(v, outs(p, q));
    }
    set_out4(p, v.a);
    set_out4(p + 4u, v.b);
    set_out4(q, v.c);
    set_out4(q + 4u, v.d);
  }
}

// The epilogue of one element, for tiles at the edge.
fn finish_element(start: u32, n: u32, sum: f32) {
  var value = params.alpha * sum;
  if ((params.flags & BIAS) != 0u) {
    value += bias[n];
  }
  if ((params.flags & KEEP_INPUT) != 0u) {
    aux[start] = value;
  }
  if ((params.flags & GELU) != 0u) {
    value *= normal_cdf(value);
  }
  if ((params.flags & GELU_GRAD) != 0u) {
    value *= gelu_grad(aux[start]);
  }
  if ((params.flags & DROPOUT) != 0u) {
    value *= keep(start);
  }
  if ((params.flags & RESIDUAL) != 0u) {
    value += residual[start];
  }
  if ((params.flags & ACCUMULATE) != 0u) {
    value += out[start];
  }
  out[start] = value;
}

// The epilogue of a tile at the edge, element by element.
fn finish_edge(batch: u32, m: u32, n: u32, slot: u32) {
  for (var row = m; row < min(m + 4u, params.M); row++) {
    for (var column = n; column < min(n + 8u, params.N); column++) {
      let start = (batch * params.M + row) * params.N + column;
      let sums = partial[slot + 2u * (row - m) + (column - n) / 4u];
      finish_element(start, column, sums[(column - n) % 4u]);
    }
  }
}

// Adds `count` of k to a tile whose rows of A begin at r; step is the way from one k to the next.
fn multiply(start: Sums, r: vec4u, step: u32, count: u32) -> Sums {
  var s = start;
  var at = 0u;
  for (var k = 0u; k < count; k++) {
    let b0 = panel[2u * k];
    let b1 = panel[2u * k + 1u];
    let x0 = vec4f(a[r.x + at]);
    s.s00 += x0 * b0;
    s.s01 += x0 * b1;
    let x1 = vec4f(a[r.y + at]);
    s.s10 += x1 * b0;
    s.s11 += x1 * b1;
    let x2 = vec4f(a[r.z + at]);
    s.s20 += x2 * b0;
    s.s21 += x2 * b1;
    let x3 = vec4f(a[r.w + at]);
    s.s30 += x3 * b0;
    s.s31 += x3 * b1;
    at += step;
  }
  return s;
}

// The tiles of a panel, down from the first row of the area, for `count` of k from `first` on. What is more than plain is
// finished in a loop of its own, which has the registers to itself.
fn go_down(area: Area, n: u32, first: u32, count: u32, baseA: u32, aM: u32, aK: u32) {
  let last = params.M - 1u;
  let end = min(area.m + BLOCK_M, params.M);
  let isLast = first + count == params.K;
  let isWhole = n + 8u <= params.N;
  let isPlain = isLast && isWhole && (params.flags & ~(BIAS | RESIDUAL)) == 0u;
  for (var m = area.m; m < end; m += 4u) {
    let rows = min(vec4u(m, m + 1u, m + 2u, m + 3u), vec4u(last));
    let slot = 2u * (m - area.m);
    var s = Sums();
    if (first > 0u) {
      s = Sums(
        partial[slot], partial[slot + 1u], partial[slot + 2u], partial[slot + 3u],
        partial[slot + 4u], partial[slot + 5u], partial[slot + 6u], partial[slot + 7u],
      );
    }
    s = multiply(s, vec4u(baseA + first * aK) + rows * aM, aK, count);
    if (isPlain && m + 4u <= params.M) {
      finish_plain(area.batch, m, n, s);
    } else {
      partial[slot] = s.s00;
      partial[slot + 1u] = s.s01;
      partial[slot + 2u] = s.s10;
      partial[slot + 3u] = s.s11;
      partial[slot + 4u] = s.s20;
      partial[slot + 5u] = s.s21;
      partial[slot + 6u] = s.s30;
      partial[slot + 7u] = s.s31;
    }
  }
  if (!isLast) {
    return;
  }
  let inVectors = isWhole && ((params.flags & DROPOUT) == 0u || params.N % 4u == 0u);
  for (var m = area.m; m < end; m += 4u) {
    let slot = 2u * (m - area.m);
    if (!inVectors || m + 4u > params.M) {
      finish_edge(area.batch, m, n, slot);
    } else if (!isPlain) {
      finish_tile(area.batch, m, n, slot);
    }
  }
}

@compute @workgroup_size(WG)
fn nt(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let area = place(group.x + group.y * groups.x, BLOCK_M, BLOCK_N);
  if (area.batch >= params.batch) {
    return;
  }
  let K4 = params.K / 4u;
  let baseB = area.batch * (params.strideB / 4u);
  let last = params.N - 1u;
  for (var n = area.n; n < min(area.n + BLOCK_N, params.N); n += 8u) {
    let c0 = baseB + min(n, last) * K4;
    let c1 = baseB + min(n + 1u, last) * K4;
    let c2 = baseB + min(n + 2u, last) * K4;
    let c3 = baseB + min(n + 3u, last) * K4;
    let c4 = baseB + min(n + 4u, last) * K4;
    let c5 = baseB + min(n + 5u, last) * K4;
    let c6 = baseB + min(n + 6u, last) * K4;
    let c7 = baseB + min(n + 7u, last) * K4;
    for (var first = 0u; first < params.K; first += DEPTH) {
      let count = min(DEPTH, params.K - first);
      for (var k = 0u; k < count / 4u; k++) {
        // Four k of eight columns: two matrices, turned so that a row is one k.
        let q = first / 4u + k;
        let left = transpose(mat4x4f(bVec[c0 + q], bVec[c1 + q], bVec[c2 + q], bVec[c3 + q]));
        panel[8u * k] = left[0];
        panel[8u * k + 2u] = left[1];
        panel[8u * k + 4u] = left[2];
        panel[8u * k + 6u] = left[3];
        let right = transpose(mat4x4f(bVec[c4 + q], bVec[c5 + q], bVec[c6 + q], bVec[c7 + q]));
        panel[8u * k + 1u] = right[0];
        panel[8u * k + 3u] = right[1];
        panel[8u * k + 5u] = right[2];
        panel[8u * k + 7u] = right[3];
      }
      go_down(area, n, first, count, area.batch * params.strideA, params.K, 1u);
    }
  }
}

@compute @workgroup_size(WG)
fn nn(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let area = place(group.x + group.y * groups.x, BLOCK_M, BLOCK_N);
  if (area.batch >= params.batch) {
    return;
  }
  let N4 = params.N / 4u;
  let baseB = area.batch * (params.strideB / 4u);
  for (var n = area.n; n < min(area.n + BLOCK_N, params.N); n += 8u) {
    // The panel's second four columns; past N they are read twice and written never.
    let second = select(0u, 1u, n + 4u < params.N);
    for (var first = 0u; first < params.K; first += DEPTH) {
      let count = min(DEPTH, params.K - first);
      for (var k = 0u; k < count; k++) {
        let row = baseB + (first + k) * N4 + n / 4u;
        panel[2u * k] = bVec[row];
        panel[2u * k + 1u] = bVec[row + second];
      }
      go_down(area, n, first, count, area.batch * params.strideA, params.K, 1u);
    }
  }
}

@compute @workgroup_size(WG)
fn strided(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let area = place(group.x + group.y * groups.x, BLOCK_M, BLOCK_N);
  if (area.batch >= params.batch) {
    return;
  }
  let baseA = area.batch * params.strideA;
  let baseB = area.batch * params.strideB;
  let last = params.N - 1u;
  for (var n = area.n; n < min(area.n + BLOCK_N, params.N); n += 8u) {
    let left = baseB + min(vec4u(n, n + 1u, n + 2u, n + 3u), vec4u(last)) * params.bN;
    let right = baseB + min(vec4u(n + 4u, n + 5u, n + 6u, n + 7u), vec4u(last)) * params.bN;
    for (var first = 0u; first < params.K; first += DEPTH) {
      let count = min(DEPTH, params.K - first);
      for (var k = 0u; k < count; k++) {
        let row = (first + k) * params.bK;
        panel[2u * k] = vec4f(b[left.x + row], b[left.y + row], b[left.z + row], b[left.w + row]);
        panel[2u * k + 1u] = vec4f(b[right.x + row], b[right.y + row], b[right.z + row], b[right.w + row]);
      }
      go_down(area, n, first, count, baseA, params.aM, params.aK);
    }
  }
  if ((params.flags & COLUMN_SUMS) != 0u && area.n == 0u) {
    for (var m = area.m; m < min(area.m + BLOCK_M, params.M); m++) {
      var sum = 0.0;
      for (var k = 0u; k < params.K; k++) {
        sum += a[baseA + m * params.aM + k * params.aK];
      }
      aux[m] += sum;
    }
  }
}

// Adds `count` of k to a tile, both sides packed.
fn multiply_packed(start: Sums, column: u32, count: u32) -> Sums {
  var s = start;
  for (var k = 0u; k < count; k++) {
    let b0 = panelTn[2u * k];
    let b1 = panelTn[2u * k + 1u];
    let x0 = vec4f(packedA[column + k].x);
    s.s00 += x0 * b0;
    s.s01 += x0 * b1;
    let x1 = vec4f(packedA[column + k].y);
    s.s10 += x1 * b0;
    s.s11 += x1 * b1;
    let x2 = vec4f(packedA[column + k].z);
    s.s20 += x2 * b0;
    s.s21 += x2 * b1;
    let x3 = vec4f(packedA[column + k].w);
    s.s30 += x3 * b0;
    s.s31 += x3 * b1;
  }
  return s;
}

// Adds a tile to out, or writes it there; rows are whole vec4, so only the second four columns may be outside.
fn put_tile(m: u32, n: u32, adds: bool, s: Sums) {
  let at = m * params.N + n;
  var v = array<vec4f, 8>(s.s00, s.s01, s.s10, s.s11, s.s20, s.s21, s.s30, s.s31);
  for (var t = 0u; t < 8u; t++) {
    let i = at + (t / 2u) * params.N + 4u * (t % 2u);
    if (t % 2u == 0u || n + 4u < params.N) {
      var value = params.alpha * v[t];
      if (adds) {
        value += out4(i);
      }
      set_out4(i, value);
    }
  }
}

@compute @workgroup_size(WG)
fn tn(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let area = place(group.x + group.y * groups.x, TN_M, TN_N);
  if (area.batch >= params.batch) {
    return;
  }
  let M4 = params.M / 4u;
  let N4 = params.N / 4u;
  let baseA = area.batch * (params.strideA / 4u) + area.m / 4u;
  let baseB = area.batch * (params.strideB / 4u);
  let tiles = min(TN_M, params.M - area.m) / 4u;
  let sumsColumns = (params.flags & COLUMN_SUMS) != 0u && area.n == 0u;
  let firstRow = area.batch * params.M + area.m;
  for (var first = 0u; first < params.K; first += TN_DEPTH) {
    let count = min(TN_DEPTH, params.K - first);
    for (var k = 0u; k < count; k++) {
      for (var t = 0u; t < tiles; t++) {
        packedA[t * TN_DEPTH + k] = aVec[baseA + (first + k) * M4 + t];
      }
    }
    let adds = first > 0u || (params.flags & ACCUMULATE) != 0u;
    for (var n = area.n; n < min(area.n + TN_N, params.N); n += 8u) {
      let second = select(0u, 1u, n + 4u < params.N);
      for (var k = 0u; k < count; k++) {
        let row = baseB + (first + k) * N4 + n / 4u;
        panelTn[2u * k] = bVec[row];
        panelTn[2u * k + 1u] = bVec[row + second];
      }
      for (var t = 0u; t < tiles; t++) {
        let s = multiply_packed(Sums(), t * TN_DEPTH, count);
        put_tile(firstRow + 4u * t, n, adds, s);
      }
    }
    if (sumsColumns) {
      for (var t = 0u; t < tiles; t++) {
        var sum = vec4f();
        for (var k = 0u; k < count; k++) {
          sum += packedA[t * TN_DEPTH + k];
        }
        let m = area.m + 4u * t;
        aux[m] += sum.x;
        aux[m + 1u] += sum.y;
        aux[m + 2u] += sum.z;
        aux[m + 3u] += sum.w;
      }
    }
  }
}
