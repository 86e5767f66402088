// Functions of one element at a time: activations, their gradients, dropout, sums.
//
//   activate        out[i] = f(x[i])                         f by `kind`: GELU (erf form), ReLU, tanh, sigmoid
//   activate_grad   out[i] (+)= x[i] * f'(saved[i])          saved is f's input for GELU and ReLU, its output
//                                                            for tanh and sigmoid; x is the incoming gradient
//   dropout         out[i] (+)= x[i] * keep(i) / (1 - rate)  forward and backward alike: nothing is stored
//   combine         out[i] (+)= alpha * x[i] + beta * saved[i]
//
// Grid     an invocation takes ITEMS elements, WG apart; the entries called wide take ITEMS vec4 (n is a multiple of 4).
// Numerics f32. GELU has a relative error below 5e-6 down to x = -6. tanh goes through exp(-2 |x|): no overflow.

const WG = 64u;
const ITEMS = 4u;

const GELU = 0u;
const RELU = 1u;
const TANH = 2u;

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

// The stream of one seed and step, mixed by the host.
struct Random {
  stream: vec2u,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> saved: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<uniform> random: Random;

@group(0) @binding(0) var<storage, read> xVec: array<vec4f>;
@group(0) @binding(1) var<storage, read> savedVec: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> outVec: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

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

fn tanh_stable(v: f32) -> f32 {
  let e = exp(-2.0 * abs(v));
  // Below 0.1 the quotient loses digits; the series is exact to f32 there.
  let small = v * (1.0 - v * v * (0.33333333 - v * v * 0.13333333));
  return select(sign(v) * (1.0 - e) / (1.0 + e), small, abs(v) < 0.1);
}

fn f(v: f32) -> f32 {
  switch params.kind {
    case GELU: { return v * normal_cdf(v); }
    case RELU: { return max(v, 0.0); }
    case TANH: { return tanh_stable(v); }
    default: { return 1.0 / (1.0 + exp(-v)); }
  }
}

fn derivative(s: f32) -> f32 {
  switch params.kind {
    case GELU: { return gelu_grad(s); }
    case RELU: { return select(0.0, 1.0, s > 0.0); }
    case TANH: { return 1.0 - s * s; }
    default: { return s * (1.0 - s); }
  }
}

fn put(i: u32, value: f32) {
  if (params.accumulate != 0u) {
    out[i] += value;
  } else {
    out[i] = value;
  }
}

@compute @workgroup_size(WG)
fn activate(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = first; i < min(first + WG * ITEMS, params.n); i += WG) {
    out[i] = f(x[i]);
  }
}

@compute @workgroup_size(WG)
fn activate_grad(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = first; i < min(first + WG * ITEMS, params.n); i += WG) {
    put(i, x[i] * derivative(saved[i]));
  }
}

@compute @workgroup_size(WG)
fn dropout(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = first; i < min(first + WG * ITEMS, params.n); i += WG) {
    put(i, x[i] * keep(i));
  }
}

@compute @workgroup_size(WG)
fn combine(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = first; i < min(first + WG * ITEMS, params.n); i += WG) {
    var value = params.alpha * x[i];
    if (params.beta != 0.0) {
      value += params.beta * saved[i];
    }
    put(i, value);
  }
}

fn normal_cdf4(v: vec4f) -> vec4f {
  let z = abs(v) * 0.70710678;
  let t = 1.0 / (1.0 + 0.5 * z);
  let p = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806
    + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  let tail = 0.5 * t * exp(p - z * z);
  return select(tail, 1.0 - tail, v > vec4f());
}

fn gelu_grad4(v: vec4f) -> vec4f {
  return normal_cdf4(v) + v * 0.39894228 * exp(-0.5 * v * v);
}

fn tanh_stable4(v: vec4f) -> vec4f {
  let e = exp(-2.0 * abs(v));
  let small = v * (1.0 - v * v * (0.33333333 - v * v * 0.13333333));
  return select(sign(v) * (1.0 - e) / (1.0 + e), small, abs(v) < vec4f(0.1));
}

fn f4(v: vec4f) -> vec4f {
  switch params.kind {
    case GELU: { return v * normal_cdf4(v); }
    case RELU: { return max(v, vec4f()); }
    case TANH: { return tanh_stable4(v); }
    default: { return 1.0 / (1.0 + exp(-v)); }
  }
}

fn derivative4(s: vec4f) -> vec4f {
  switch params.kind {
    case GELU: { return gelu_grad4(s); }
    case RELU: { return select(vec4f(), vec4f(1.0), s > vec4f()); }
    case TANH: { return 1.0 - s * s; }
    default: { return s * (1.0 - s); }
  }
}

// keep of four neighboring elements; element is a multiple of 4.
fn keep_vec(element: u32) -> vec4f {
  let words = hash4(vec4u(element / 4u, params.site, random.stream));
  return select(vec4f(), vec4f(params.keepScale), words < vec4u(params.keepThreshold));
}

fn put4(i: u32, value: vec4f) {
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
  let first = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = first; i < min(first + WG * ITEMS, params.n / 4u); i += WG) {
    outVec[i] = f4(xVec[i]);
  }
}

@compute @workgroup_size(WG)
fn activate_grad_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = first; i < min(first + WG * ITEMS, params.n / 4u); i += WG) {
    put4(i, xVec[i] * derivative4(savedVec[i]));
  }
}

@compute @workgroup_size(WG)
fn dropout_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = first; i < min(first + WG * ITEMS, params.n / 4u); i += WG) {
    put4(i, xVec[i] * keep_vec(4u * i));
  }
}

@compute @workgroup_size(WG)
fn combine_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = first; i < min(first + WG * ITEMS, params.n / 4u); i += WG) {
    var value = params.alpha * xVec[i];
    if (params.beta != 0.0) {
      value += params.beta * savedVec[i];
    }
    put4(i, value);
  }
}
