// Matrix product without workgroup barriers, for the CPU: a workgroup is one invocation.
//
//   out[z] = epilogue(alpha * A[z] . B[z]) for every z of the batch
//
// Shapes   A is M x K, B is K x N, out [batch, M, N]; bias [N]; residual and aux as out, or aux [M]
//          for column sums. An entry point for every layout:
//            nt        A stored [M, K], B stored [N, K]    x . W^T, the forward of a linear layer
//            nn        A stored [M, K], B stored [K, N]    dy . W, the gradient of its input
//            tn        A stored [K, M], B stored [K, N]    dy^T . x, the gradient of its weight
//            strided   any layout and size: A's element (m, k) is at m * aM + k * aK, B's (k, n) at
//                      k * bK + n * bN
//          Matrices of the batch are batchStrideA and batchStrideB apart. nt, nn and tn read vec4:
//          stored rows and batch strides are multiples of 4.
// Grid     a workgroup computes a block of out, BLOCK_M x BLOCK_N (tn: TN_M x TN_N). It packs B
//          into panels of 8 columns and DEPTH (tn: TN_DEPTH) of k, and multiplies each panel with
//          the rows of the block in tiles of 4 x 8.
// Memory   workgroup: a panel and a column of partial sums, 10 KiB; tn packs A as well, 13.5 KiB.
//          The 8 values of one k are neighbors in a panel: rows of B that are a power of two apart
//          would evict each other from the cache.
// Numerics f32, sums in order of k. The epilogue, in this order and each step by its flag: add
//          bias; keep the activation's input in aux; GELU; times GELU'(aux); dropout; add residual;
//          add to out. tn has only the last step. COLUMN_SUMS adds sum_k A[k, m] to aux[m]: where
//          tn computes the gradient of a weight, this is the gradient of its bias.
//
// Why 4 x 8: eight vec4 sums, two vec4 of B and one of A fit into the 16 vector registers of x64
// and the 32 of Arm. 8 x 4 and 6 x 8 spill. With the loop over k unrolled, V8 loads the values of
// all iterations first, and spills as well.

const WG = 1u;
const BLOCK_M = 64u;
const BLOCK_N = 32u;
const DEPTH = 256u;
const TN_M = 64u;
const TN_N = 32u;
const TN_DEPTH = 48u;

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

// B[k, n .. n + 7] at 2 k and 2 k + 1.
var<workgroup> panel: array<vec4f, 2 * DEPTH>;
// The sums of every tile of a panel, eight vec4 each. They are kept here between ranges of k where
// K is longer than DEPTH, and for the epilogue.
var<workgroup> partial: array<vec4f, 2 * BLOCK_M>;
// For tn: the same panel, and A[k, m .. m + 3] at (m / 4) TN_DEPTH + k, where m counts from the
// first row of the block.
var<workgroup> panelTn: array<vec4f, 2 * TN_DEPTH>;
var<workgroup> packedA: array<vec4f, TN_DEPTH * TN_M / 4u>;

// begin helpers/tile4x8.wgsl (generated: edit there)
// A register tile of 4 rows and 8 columns: row r is the two vec4 tr0 and tr1.
struct Tile4x8 {
  t00: vec4f, t01: vec4f,
  t10: vec4f, t11: vec4f,
  t20: vec4f, t21: vec4f,
  t30: vec4f, t31: vec4f,
}
// end helpers/tile4x8.wgsl

// The block of out that a workgroup computes: the matrix of the batch, the first row and the first
// column.
struct Block {
  batch: u32,
  m: u32,
  n: u32,
}

// Blocks of a matrix are numbered row by row, inside the batch.
fn workgroup_block(flat: u32, blockM: u32, blockN: u32) -> Block {
  let blocksN = (params.N + blockN - 1u) / blockN;
  let blocksM = (params.M + blockM - 1u) / blockM;
  let index = flat % (blocksN * blocksM);
  return Block(flat / (blocksN * blocksM), (index / blocksN) * blockM, (index % blocksN) * blockN);
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

// Sixteen elements: eight columns of two rows of a tile.
struct Vec16 {
  a: vec4f, b: vec4f, c: vec4f, d: vec4f,
}

// normal_cdf of sixteen elements. Each step of the polynomial waits for the one before it; with
// four polynomials interleaved, four steps are under way at a time.
fn normal_cdf16(v: Vec16) -> Vec16 {
  let z = Vec16(
    abs(v.a) * 0.70710678, abs(v.b) * 0.70710678, abs(v.c) * 0.70710678, abs(v.d) * 0.70710678,
  );
  let t = Vec16(
    1.0 / (1.0 + 0.5 * z.a), 1.0 / (1.0 + 0.5 * z.b),
    1.0 / (1.0 + 0.5 * z.c), 1.0 / (1.0 + 0.5 * z.d),
  );
  let highest = vec4f(0.17087277);
  var p = Vec16(highest, highest, highest, highest);
  p = horner_step(p, t, -0.82215223);
  p = horner_step(p, t, 1.48851587);
  p = horner_step(p, t, -1.13520398);
  p = horner_step(p, t, 0.27886807);
  p = horner_step(p, t, -0.18628806);
  p = horner_step(p, t, 0.09678418);
  p = horner_step(p, t, 0.37409196);
  p = horner_step(p, t, 1.00002368);
  p = horner_step(p, t, -1.26551223);
  let tail = Vec16(
    0.5 * t.a * exp(p.a - z.a * z.a), 0.5 * t.b * exp(p.b - z.b * z.b),
    0.5 * t.c * exp(p.c - z.c * z.c), 0.5 * t.d * exp(p.d - z.d * z.d),
  );
  return Vec16(
    select(tail.a, 1.0 - tail.a, v.a > vec4f()), select(tail.b, 1.0 - tail.b, v.b > vec4f()),
    select(tail.c, 1.0 - tail.c, v.c > vec4f()), select(tail.d, 1.0 - tail.d, v.d > vec4f()),
  );
}

// coefficient + t p, one step of Horner's rule.
fn horner_step(p: Vec16, t: Vec16, coefficient: f32) -> Vec16 {
  return Vec16(
    coefficient + t.a * p.a, coefficient + t.b * p.b,
    coefficient + t.c * p.c, coefficient + t.d * p.d,
  );
}

fn gelu_grad16(v: Vec16) -> Vec16 {
  let cdf = normal_cdf16(v);
  return Vec16(
    cdf.a + v.a * 0.39894228 * exp(-0.5 * v.a * v.a),
    cdf.b + v.b * 0.39894228 * exp(-0.5 * v.b * v.b),
    cdf.c + v.c * 0.39894228 * exp(-0.5 * v.c * v.c),
    cdf.d + v.d * 0.39894228 * exp(-0.5 * v.d * v.d),
  );
}

fn multiply16(p: Vec16, q: Vec16) -> Vec16 {
  return Vec16(p.a * q.a, p.b * q.b, p.c * q.c, p.d * q.d);
}

fn add16(p: Vec16, q: Vec16) -> Vec16 {
  return Vec16(p.a + q.a, p.b + q.b, p.c + q.c, p.d + q.d);
}

// begin helpers/dropout_factor4.wgsl (generated: edit there)
// The dropout factors of elements element .. element + 3; element is a multiple of 4.
fn dropout_factor4(element: u32) -> vec4f {
  let words = hash4(vec4u(element / 4u, params.site, random.stream));
  return select(vec4f(), vec4f(params.keepScale), words < vec4u(params.keepThreshold));
}
// end helpers/dropout_factor4.wgsl

// Four neighboring words. The buffers are arrays of f32, as a row need not be a multiple of 4; the
// CPU device joins the four accesses into one.

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

fn store_aux4(i: u32, v: vec4f) {
  aux[i] = v.x;
  aux[i + 1u] = v.y;
  aux[i + 2u] = v.z;
  aux[i + 3u] = v.w;
}

fn store_out4(i: u32, v: vec4f) {
  out[i] = v.x;
  out[i + 1u] = v.y;
  out[i + 2u] = v.z;
  out[i + 3u] = v.w;
}

// Eight columns of a row.
fn store_out8(i: u32, left: vec4f, right: vec4f) {
  store_out4(i, left);
  store_out4(i + 4u, right);
}

fn store_out8_with_residual(i: u32, left: vec4f, right: vec4f) {
  store_out4(i, left + residual4(i));
  store_out4(i + 4u, right + residual4(i + 4u));
}

// The epilogue of a complete tile with no step but bias and residual, which is the common case:
// each flag is tested once, the bias is read once, and the sums stay in registers.
fn epilogue_plain(batch: u32, m: u32, n: u32, t: Tile4x8) {
  var left = vec4f();
  var right = vec4f();
  if ((params.flags & BIAS) != 0u) {
    left = bias4(n);
    right = bias4(n + 4u);
  }
  let i = (batch * params.M + m) * params.N + n;
  let alpha = params.alpha;
  let N = params.N;
  if ((params.flags & RESIDUAL) != 0u) {
    store_out8_with_residual(i, alpha * t.t00 + left, alpha * t.t01 + right);
    store_out8_with_residual(i + N, alpha * t.t10 + left, alpha * t.t11 + right);
    store_out8_with_residual(i + 2u * N, alpha * t.t20 + left, alpha * t.t21 + right);
    store_out8_with_residual(i + 3u * N, alpha * t.t30 + left, alpha * t.t31 + right);
  } else {
    store_out8(i, alpha * t.t00 + left, alpha * t.t01 + right);
    store_out8(i + N, alpha * t.t10 + left, alpha * t.t11 + right);
    store_out8(i + 2u * N, alpha * t.t20 + left, alpha * t.t21 + right);
    store_out8(i + 3u * N, alpha * t.t30 + left, alpha * t.t31 + right);
  }
}

// Eight columns of two rows, which begin at p and q.

fn residual16(p: u32, q: u32) -> Vec16 {
  return Vec16(residual4(p), residual4(p + 4u), residual4(q), residual4(q + 4u));
}

fn aux16(p: u32, q: u32) -> Vec16 {
  return Vec16(aux4(p), aux4(p + 4u), aux4(q), aux4(q + 4u));
}

fn out16(p: u32, q: u32) -> Vec16 {
  return Vec16(out4(p), out4(p + 4u), out4(q), out4(q + 4u));
}

fn dropout_factor16(p: u32, q: u32) -> Vec16 {
  return Vec16(
    dropout_factor4(p), dropout_factor4(p + 4u), dropout_factor4(q), dropout_factor4(q + 4u),
  );
}

// The epilogue of a complete tile with any steps; the sums are in `partial` from slot on. It takes
// two rows at a time, so that each flag is tested twice per tile and not once per element. Dropout
// draws for four elements at a time, and requires that N is a multiple of 4.
fn epilogue_tile(batch: u32, m: u32, n: u32, slot: u32) {
  for (var row = 0u; row < 4u; row += 2u) {
    let p = (batch * params.M + m + row) * params.N + n;
    let q = p + params.N;
    let i = slot + 2u * row;
    var v = Vec16(
      params.alpha * partial[i], params.alpha * partial[i + 1u],
      params.alpha * partial[i + 2u], params.alpha * partial[i + 3u],
    );
    if ((params.flags & BIAS) != 0u) {
      let left = bias4(n);
      let right = bias4(n + 4u);
      v = add16(v, Vec16(left, right, left, right));
    }
    if ((params.flags & KEEP_INPUT) != 0u) {
      store_aux4(p, v.a);
      store_aux4(p + 4u, v.b);
      store_aux4(q, v.c);
      store_aux4(q + 4u, v.d);
    }
    if ((params.flags & GELU) != 0u) {
      v = multiply16(v, normal_cdf16(v));
    }
    if ((params.flags & GELU_GRAD) != 0u) {
      v = multiply16(v, gelu_grad16(aux16(p, q)));
    }
    if ((params.flags & DROPOUT) != 0u) {
      v = multiply16(v, dropout_factor16(p, q));
    }
    if ((params.flags & RESIDUAL) != 0u) {
      v = add16(v, residual16(p, q));
    }
    if ((params.flags & ACCUMULATE) != 0u) {
      v = add16(v, out16(p, q));
    }
    store_out4(p, v.a);
    store_out4(p + 4u, v.b);
    store_out4(q, v.c);
    store_out4(q + 4u, v.d);
  }
}

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

// The epilogue of a tile at the edge of out, for the elements that exist.
fn epilogue_edge(batch: u32, m: u32, n: u32, slot: u32) {
  for (var row = m; row < min(m + 4u, params.M); row++) {
    for (var column = n; column < min(n + 8u, params.N); column++) {
      let i = (batch * params.M + row) * params.N + column;
      let sums = partial[slot + 2u * (row - m) + (column - n) / 4u];
      epilogue_element(i, column, sums[(column - n) % 4u]);
    }
  }
}

// sums + A[4, count] . panel[count, 8]: for every k the outer product of four elements of A and
// eight of B. r holds the offsets of the four rows of A; stepK is the stride from one k to the
// next.
fn multiply(sums: Tile4x8, r: vec4u, stepK: u32, count: u32) -> Tile4x8 {
  var t = sums;
  var offset = 0u;
  for (var k = 0u; k < count; k++) {
    let b0 = panel[2u * k];
    let b1 = panel[2u * k + 1u];
    let a0 = vec4f(a[r.x + offset]);
    t.t00 += a0 * b0;
    t.t01 += a0 * b1;
    let a1 = vec4f(a[r.y + offset]);
    t.t10 += a1 * b0;
    t.t11 += a1 * b1;
    let a2 = vec4f(a[r.z + offset]);
    t.t20 += a2 * b0;
    t.t21 += a2 * b1;
    let a3 = vec4f(a[r.w + offset]);
    t.t30 += a3 * b0;
    t.t31 += a3 * b1;
    offset += stepK;
  }
  return t;
}

// Multiplies all rows of the block with the panel of columns n .. n + 7 and
// k = startK .. startK + count - 1. After the last k it also runs the epilogue.
fn multiply_panel(
  outBlock: Block, n: u32, startK: u32, count: u32, baseA: u32, aM: u32, aK: u32,
) {
  let lastRow = params.M - 1u;
  let endM = min(outBlock.m + BLOCK_M, params.M);
  let isLast = startK + count == params.K;
  let isWhole = n + 8u <= params.N;
  let isPlain = isLast && isWhole && (params.flags & ~(BIAS | RESIDUAL)) == 0u;
  for (var m = outBlock.m; m < endM; m += 4u) {
    // Past the last row, it is read again; those sums are never written.
    let rows = min(vec4u(m, m + 1u, m + 2u, m + 3u), vec4u(lastRow));
    let slot = 2u * (m - outBlock.m);
    var t = Tile4x8();
    if (startK > 0u) {
      t = Tile4x8(
        partial[slot], partial[slot + 1u], partial[slot + 2u], partial[slot + 3u],
        partial[slot + 4u], partial[slot + 5u], partial[slot + 6u], partial[slot + 7u],
      );
    }
    t = multiply(t, vec4u(baseA + startK * aK) + rows * aM, aK, count);
    if (isPlain && m + 4u <= params.M) {
      epilogue_plain(outBlock.batch, m, n, t);
    } else {
      partial[slot] = t.t00;
      partial[slot + 1u] = t.t01;
      partial[slot + 2u] = t.t10;
      partial[slot + 3u] = t.t11;
      partial[slot + 4u] = t.t20;
      partial[slot + 5u] = t.t21;
      partial[slot + 6u] = t.t30;
      partial[slot + 7u] = t.t31;
    }
  }
  if (!isLast) {
    return;
  }
  // Other epilogues run in a loop of their own, where they do not compete with the product for
  // registers.
  let isVectorized = isWhole && ((params.flags & DROPOUT) == 0u || params.N % 4u == 0u);
  for (var m = outBlock.m; m < endM; m += 4u) {
    let slot = 2u * (m - outBlock.m);
    if (!isVectorized || m + 4u > params.M) {
      epilogue_edge(outBlock.batch, m, n, slot);
    } else if (!isPlain) {
      epilogue_tile(outBlock.batch, m, n, slot);
    }
  }
}

@compute @workgroup_size(WG)
fn nt(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let outBlock = workgroup_block(group.x + group.y * groups.x, BLOCK_M, BLOCK_N);
  if (outBlock.batch >= params.batch) {
    return;
  }
  let K4 = params.K / 4u;
  let baseA = outBlock.batch * params.batchStrideA;
  let baseB = outBlock.batch * (params.batchStrideB / 4u);
  let lastColumn = params.N - 1u;
  for (var n = outBlock.n; n < min(outBlock.n + BLOCK_N, params.N); n += 8u) {
    // The offsets of the stored rows of B for the eight columns; past N, the last one again.
    let c0 = baseB + min(n, lastColumn) * K4;
    let c1 = baseB + min(n + 1u, lastColumn) * K4;
    let c2 = baseB + min(n + 2u, lastColumn) * K4;
    let c3 = baseB + min(n + 3u, lastColumn) * K4;
    let c4 = baseB + min(n + 4u, lastColumn) * K4;
    let c5 = baseB + min(n + 5u, lastColumn) * K4;
    let c6 = baseB + min(n + 6u, lastColumn) * K4;
    let c7 = baseB + min(n + 7u, lastColumn) * K4;
    for (var startK = 0u; startK < params.K; startK += DEPTH) {
      let count = min(DEPTH, params.K - startK);
      // Pack four k of eight columns at a time: two 4 x 4 matrices, transposed so that a row is one
      // k.
      for (var k4 = 0u; k4 < count / 4u; k4++) {
        let q = startK / 4u + k4;
        let left = transpose(mat4x4f(bVec[c0 + q], bVec[c1 + q], bVec[c2 + q], bVec[c3 + q]));
        panel[8u * k4] = left[0];
        panel[8u * k4 + 2u] = left[1];
        panel[8u * k4 + 4u] = left[2];
        panel[8u * k4 + 6u] = left[3];
        let right = transpose(mat4x4f(bVec[c4 + q], bVec[c5 + q], bVec[c6 + q], bVec[c7 + q]));
        panel[8u * k4 + 1u] = right[0];
        panel[8u * k4 + 3u] = right[1];
        panel[8u * k4 + 5u] = right[2];
        panel[8u * k4 + 7u] = right[3];
      }
      multiply_panel(outBlock, n, startK, count, baseA, params.K, 1u);
    }
  }
}

@compute @workgroup_size(WG)
fn nn(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let outBlock = workgroup_block(group.x + group.y * groups.x, BLOCK_M, BLOCK_N);
  if (outBlock.batch >= params.batch) {
    return;
  }
  let N4 = params.N / 4u;
  let baseA = outBlock.batch * params.batchStrideA;
  let baseB = outBlock.batch * (params.batchStrideB / 4u);
  for (var n = outBlock.n; n < min(outBlock.n + BLOCK_N, params.N); n += 8u) {
    // The offset of the panel's right four columns. Past N, the left four are read again; those
    // sums are never written.
    let right = select(0u, 1u, n + 4u < params.N);
    for (var startK = 0u; startK < params.K; startK += DEPTH) {
      let count = min(DEPTH, params.K - startK);
      for (var k = 0u; k < count; k++) {
        let row = baseB + (startK + k) * N4 + n / 4u;
        panel[2u * k] = bVec[row];
        panel[2u * k + 1u] = bVec[row + right];
      }
      multiply_panel(outBlock, n, startK, count, baseA, params.K, 1u);
    }
  }
}

@compute @workgroup_size(WG)
fn strided(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let outBlock = workgroup_block(group.x + group.y * groups.x, BLOCK_M, BLOCK_N);
  if (outBlock.batch >= params.batch) {
    return;
  }
  let baseA = outBlock.batch * params.batchStrideA;
  let baseB = outBlock.batch * params.batchStrideB;
  let lastColumn = params.N - 1u;
  for (var n = outBlock.n; n < min(outBlock.n + BLOCK_N, params.N); n += 8u) {
    // The offsets of B[0, n .. n + 7]; past N, the last column again.
    let left = baseB + min(vec4u(n, n + 1u, n + 2u, n + 3u), vec4u(lastColumn)) * params.bN;
    let right = baseB + min(vec4u(n + 4u, n + 5u, n + 6u, n + 7u), vec4u(lastColumn)) * params.bN;
    // Once where K is 0, for the epilogue of an empty sum.
    for (var startK = 0u; startK < max(params.K, 1u); startK += DEPTH) {
      let count = min(DEPTH, params.K - startK);
      for (var k = 0u; k < count; k++) {
        let row = (startK + k) * params.bK;
        panel[2u * k] = vec4f(b[left.x + row], b[left.y + row], b[left.z + row], b[left.w + row]);
        panel[2u * k + 1u] =
          vec4f(b[right.x + row], b[right.y + row], b[right.z + row], b[right.w + row]);
      }
      multiply_panel(outBlock, n, startK, count, baseA, params.aM, params.aK);
    }
  }
  // All blocks of one m multiply the same A: the first one also computes the column sums.
  if ((params.flags & COLUMN_SUMS) != 0u && outBlock.n == 0u) {
    for (var m = outBlock.m; m < min(outBlock.m + BLOCK_M, params.M); m++) {
      var sum = 0.0;
      for (var k = 0u; k < params.K; k++) {
        sum += a[baseA + m * params.aM + k * params.aK];
      }
      aux[m] += sum;
    }
  }
}

// sums + packedA[4, count] . panelTn[count, 8], as multiply.
fn multiply_packed(sums: Tile4x8, columnA: u32, count: u32) -> Tile4x8 {
  var t = sums;
  for (var k = 0u; k < count; k++) {
    let b0 = panelTn[2u * k];
    let b1 = panelTn[2u * k + 1u];
    let a0 = vec4f(packedA[columnA + k].x);
    t.t00 += a0 * b0;
    t.t01 += a0 * b1;
    let a1 = vec4f(packedA[columnA + k].y);
    t.t10 += a1 * b0;
    t.t11 += a1 * b1;
    let a2 = vec4f(packedA[columnA + k].z);
    t.t20 += a2 * b0;
    t.t21 += a2 * b1;
    let a3 = vec4f(packedA[columnA + k].w);
    t.t30 += a3 * b0;
    t.t31 += a3 * b1;
  }
  return t;
}

// out[4, 8] = alpha * t, or += with accumulate. Rows of out are whole vec4 here, so only the right
// four columns may be outside.
fn store_tile(m: u32, n: u32, accumulate: bool, t: Tile4x8) {
  let base = m * params.N + n;
  var v = array<vec4f, 8>(t.t00, t.t01, t.t10, t.t11, t.t20, t.t21, t.t30, t.t31);
  for (var j = 0u; j < 8u; j++) {
    let i = base + (j / 2u) * params.N + 4u * (j % 2u);
    if (j % 2u == 0u || n + 4u < params.N) {
      var value = params.alpha * v[j];
      if (accumulate) {
        value += out4(i);
      }
      store_out4(i, value);
    }
  }
}

@compute @workgroup_size(WG)
fn tn(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let outBlock = workgroup_block(group.x + group.y * groups.x, TN_M, TN_N);
  if (outBlock.batch >= params.batch) {
    return;
  }
  let M4 = params.M / 4u;
  let N4 = params.N / 4u;
  let baseA = outBlock.batch * (params.batchStrideA / 4u) + outBlock.m / 4u;
  let baseB = outBlock.batch * (params.batchStrideB / 4u);
  let tiles = min(TN_M, params.M - outBlock.m) / 4u;
  let wantsColumns = (params.flags & COLUMN_SUMS) != 0u && outBlock.n == 0u;
  let startRow = outBlock.batch * params.M + outBlock.m;
  // k is the long axis here: the rows of a batch. Out is added to after every TN_DEPTH of k, so
  // that the block of A is packed once for all panels of B.
  for (var startK = 0u; startK < params.K; startK += TN_DEPTH) {
    let count = min(TN_DEPTH, params.K - startK);
    for (var k = 0u; k < count; k++) {
      for (var tile = 0u; tile < tiles; tile++) {
        packedA[tile * TN_DEPTH + k] = aVec[baseA + (startK + k) * M4 + tile];
      }
    }
    let accumulate = startK > 0u || (params.flags & ACCUMULATE) != 0u;
    for (var n = outBlock.n; n < min(outBlock.n + TN_N, params.N); n += 8u) {
      // As in nn.
      let right = select(0u, 1u, n + 4u < params.N);
      for (var k = 0u; k < count; k++) {
        let row = baseB + (startK + k) * N4 + n / 4u;
        panelTn[2u * k] = bVec[row];
        panelTn[2u * k + 1u] = bVec[row + right];
      }
      for (var tile = 0u; tile < tiles; tile++) {
        let t = multiply_packed(Tile4x8(), tile * TN_DEPTH, count);
        store_tile(startRow + 4u * tile, n, accumulate, t);
      }
    }
    // The sums of A[k, m] over this range of k, four columns at a time.
    if (wantsColumns) {
      for (var tile = 0u; tile < tiles; tile++) {
        var sum = vec4f();
        for (var k = 0u; k < count; k++) {
          sum += packedA[tile * TN_DEPTH + k];
        }
        let m = outBlock.m + 4u * tile;
        aux[m] += sum.x;
        aux[m + 1u] += sum.y;
        aux[m + 2u] += sum.z;
        aux[m + 3u] += sum.w;
      }
    }
  }
}
