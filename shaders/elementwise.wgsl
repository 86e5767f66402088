// Functions of one element at a time: activations, their gradients, dropout, sums.
//
//   activate        out[i] = f(x[i])
//   activate_grad   out[i] (+)= x[i] * f'(saved[i])           x is the incoming gradient
//   dropout         out[i] (+)= x[i] * keep(i) / (1 - rate)   forward and backward alike
//   combine         out[i] (+)= alpha * x[i] + beta * y[i]
//
// f is GELU (erf form), ReLU, tanh, sigmoid, softplus or log1p; saved is its output for tanh and
// sigmoid, its input for all others. keep(i), 0 or 1, is drawn again in backward and never stored.
//
// Shapes   x, y, saved, out [n], where n is a multiple of 4 for the entries called wide. Every (+)=
//          adds where accumulate is 1 and overwrites where it is 0.
// Grid     an invocation takes ITEMS elements, WG apart, so that neighboring invocations touch
//          neighboring words. The entries called wide take ITEMS vec4.
// Memory   registers only.
// Numerics f32. GELU has a relative error below 5e-6 down to x = -6.

const WG = 64u;
const ITEMS = 4u;

// Values of params.kind; 5 is log1p.
const GELU = 0u;
const RELU = 1u;
const TANH = 2u;
const SIGMOID = 3u;
const SOFTPLUS = 4u;

struct Params {
  n: u32,
  kind: u32,
  accumulate: u32,
  alpha: f32,
  beta: f32,
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

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> saved: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> random: Random;

@group(0) @binding(0) var<storage, read> xVec: array<vec4f>;
@group(0) @binding(1) var<storage, read> savedVec: array<vec4f>;
@group(0) @binding(1) var<storage, read> yVec: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> outVec: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

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

// begin helpers/tanh_stable.wgsl (generated: edit there)
// tanh by exp(-2 |v|), which cannot overflow.
fn tanh_stable(v: f32) -> f32 {
  let e = exp(-2.0 * abs(v));
  // Below 0.1 the quotient loses digits; the Taylor series is within 2 ulp there.
  let series = v * (1.0 - v * v * (0.33333333 - v * v * 0.13333333));
  return select(sign(v) * (1.0 - e) / (1.0 + e), series, abs(v) < 0.1);
}
// end helpers/tanh_stable.wgsl

// begin helpers/sigmoid_stable.wgsl (generated: edit there)
// The logistic function. Beyond -88 exp would overflow, and WGSL does not say what follows; there
// the result stays at 6e-39. NaN is kept, which min and exp may drop.
fn sigmoid_stable(v: f32) -> f32 {
  return select(v, 1.0 / (1.0 + exp(min(-v, 88.0))), v == v);
}
// end helpers/sigmoid_stable.wgsl

// v, or 0 where it is below. A comparison keeps NaN, which max may drop.
fn at_least_zero(v: f32) -> f32 {
  return select(v, 0.0, v < 0.0);
}

// log(1 + exp(v)) without overflow.
fn softplus(v: f32) -> f32 {
  return select(v, at_least_zero(v) + log(1.0 + exp(-abs(v))), v == v);
}

// log(1 + v), of numbers below 0 as of 0. Where 1 + v loses digits, by its Taylor series.
fn log1p(v: f32) -> f32 {
  let u = at_least_zero(v);
  let sum = select(log(1.0 + u), u * (1.0 - u * (0.5 - u * 0.33333333)), u < 0.01);
  return select(v, sum, v == v);
}

fn f(v: f32) -> f32 {
  switch params.kind {
    case GELU: { return v * normal_cdf(v); }
    case RELU: { return at_least_zero(v); }
    case TANH: { return tanh_stable(v); }
    case SIGMOID: { return sigmoid_stable(v); }
    case SOFTPLUS: { return softplus(v); }
    default: { return log1p(v); }
  }
}

// f' from what the forward pass saved: tanh' = 1 - tanh^2, sigmoid' = sigmoid (1 - sigmoid) and
// softplus' = sigmoid.
fn derivative(s: f32) -> f32 {
  switch params.kind {
    case GELU: { return gelu_grad(s); }
    case RELU: { return select(0.0, 1.0, s > 0.0); }
    case TANH: { return 1.0 - s * s; }
    case SIGMOID: { return s * (1.0 - s); }
    case SOFTPLUS: { return sigmoid_stable(s); }
    default: { return select(0.0, 1.0 / (1.0 + s), s >= 0.0); }
  }
}

// begin helpers/store_or_add.wgsl for out (generated: edit there)
// out[i] = value, or += where the host asks for accumulation.
fn store_or_add_out(i: u32, value: f32) {
  if (params.accumulate != 0u) {
    out[i] += value;
  } else {
    out[i] = value;
  }
}
// end helpers/store_or_add.wgsl

@compute @workgroup_size(WG)
fn activate(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, params.n); i += WG) {
    out[i] = f(x[i]);
  }
}

@compute @workgroup_size(WG)
fn activate_grad(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, params.n); i += WG) {
    store_or_add_out(i, x[i] * derivative(saved[i]));
  }
}

@compute @workgroup_size(WG)
fn dropout(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, params.n); i += WG) {
    store_or_add_out(i, x[i] * dropout_factor(i));
  }
}

@compute @workgroup_size(WG)
fn combine(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, params.n); i += WG) {
    var value = params.alpha * x[i];
    // With beta = 0, y may be a placeholder of one word.
    if (params.beta != 0.0) {
      value += params.beta * y[i];
    }
    store_or_add_out(i, value);
  }
}

// The same functions of four elements; those of one element explain their steps.

fn normal_cdf4(v: vec4f) -> vec4f {
  let z = abs(v) * 0.70710678;
  let t = 1.0 / (1.0 + 0.5 * z);
  let p = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806
    + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587
    + t * (-0.82215223 + t * 0.17087277))))))));
  let tail = 0.5 * t * exp(p - z * z);
  return select(tail, 1.0 - tail, v > vec4f());
}

fn gelu_grad4(v: vec4f) -> vec4f {
  return normal_cdf4(v) + v * 0.39894228 * exp(-0.5 * v * v);
}

fn tanh_stable4(v: vec4f) -> vec4f {
  let e = exp(-2.0 * abs(v));
  let series = v * (1.0 - v * v * (0.33333333 - v * v * 0.13333333));
  return select(sign(v) * (1.0 - e) / (1.0 + e), series, abs(v) < vec4f(0.1));
}

fn sigmoid_stable4(v: vec4f) -> vec4f {
  return select(v, 1.0 / (1.0 + exp(min(-v, vec4f(88.0)))), v == v);
}

fn at_least_zero4(v: vec4f) -> vec4f {
  return select(v, vec4f(), v < vec4f());
}

fn softplus4(v: vec4f) -> vec4f {
  return select(v, at_least_zero4(v) + log(1.0 + exp(-abs(v))), v == v);
}

fn log1p4(v: vec4f) -> vec4f {
  let u = at_least_zero4(v);
  let sum = select(log(1.0 + u), u * (1.0 - u * (0.5 - u * 0.33333333)), u < vec4f(0.01));
  return select(v, sum, v == v);
}

fn f4(v: vec4f) -> vec4f {
  switch params.kind {
    case GELU: { return v * normal_cdf4(v); }
    case RELU: { return at_least_zero4(v); }
    case TANH: { return tanh_stable4(v); }
    case SIGMOID: { return sigmoid_stable4(v); }
    case SOFTPLUS: { return softplus4(v); }
    default: { return log1p4(v); }
  }
}

fn derivative4(s: vec4f) -> vec4f {
  switch params.kind {
    case GELU: { return gelu_grad4(s); }
    case RELU: { return select(vec4f(), vec4f(1.0), s > vec4f()); }
    case TANH: { return 1.0 - s * s; }
    case SIGMOID: { return s * (1.0 - s); }
    case SOFTPLUS: { return sigmoid_stable4(s); }
    default: { return select(vec4f(), 1.0 / (1.0 + s), s >= vec4f()); }
  }
}

// begin helpers/dropout_factor4.wgsl (generated: edit there)
// The dropout factors of elements element .. element + 3; element is a multiple of 4.
fn dropout_factor4(element: u32) -> vec4f {
  let words = hash4(vec4u(element / 4u, params.site, random.stream));
  return select(vec4f(), vec4f(params.keepScale), words < vec4u(params.keepThreshold));
}
// end helpers/dropout_factor4.wgsl

fn store_or_add_vec(i: u32, value: vec4f) {
  if (params.accumulate != 0u) {
    outVec[i] += value;
  } else {
    outVec[i] = value;
  }
}

@compute @workgroup_size(WG)
fn activate_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, params.n / 4u); i += WG) {
    outVec[i] = f4(xVec[i]);
  }
}

@compute @workgroup_size(WG)
fn activate_grad_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, params.n / 4u); i += WG) {
    store_or_add_vec(i, xVec[i] * derivative4(savedVec[i]));
  }
}

@compute @workgroup_size(WG)
fn dropout_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, params.n / 4u); i += WG) {
    store_or_add_vec(i, xVec[i] * dropout_factor4(4u * i));
  }
}

@compute @workgroup_size(WG)
fn combine_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, params.n / 4u); i += WG) {
    var value = params.alpha * xVec[i];
    if (params.beta != 0.0) {
      value += params.beta * yVec[i];
    }
    store_or_add_vec(i, value);
  }
}
