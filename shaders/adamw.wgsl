// AdamW over the flat parameter store (Loshchilov and Hutter 2019), with global-norm clipping.
//
//   norm     g = |gradScale * gradient| over trainable blocks;  clip = min(1, maxNorm / (g + 1e-6)) where maxNorm > 0
//   update   m = b1 m + (1 - b1) g';  v = b2 v + (1 - b2) g'^2;  g' = clip * gradScale * gradient
//            p = p (1 - rate * decay) - rate * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
//
// Shapes   parameters, gradients, m, v [n] f32, read as vec4 (n is a multiple of 64); blocks [n / 64] u32: bit 0 trainable, bit 1 decayed (every parameter
//          starts a block, so any set of names can be frozen or kept from decay); partials [groups];
//          totals [2] = (norm before clipping, clip).
// Grid     squares: `groups` workgroups, each over every groups-th run of WG vec4. norm: one workgroup. update: an
//          invocation takes VECTORS neighbouring vec4 of one block: a part of it, or the whole 16.
// Memory   workgroup: WG vec2.
// Numerics f32, sums in a fixed order. A block that is not trainable is not touched, not even decayed.

const WG = 64u;
const VECTORS = 16u;

struct Params {
  n: u32,
  groups: u32,
}

struct Settings {
  rate: f32,
  beta1: f32,
  beta2: f32,
  eps: f32,
  decay: f32,
  // 1 / (1 - beta^t)
  correction1: f32,
  correction2: f32,
  maxNorm: f32,
  gradScale: f32,
}

@group(0) @binding(0) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read> blocks: array<u32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;
@group(0) @binding(3) var<storage, read_write> totals: array<f32>;
@group(0) @binding(4) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> firstMoment: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> secondMoment: array<vec4f>;
@group(0) @binding(7) var<uniform> settings: Settings;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> scratch: array<vec2f, WG>;

// The sum of `value` over the workgroup, in invocation 0.
fn group_sum(local: u32, value: f32) -> f32 {
  scratch[local] = vec2f(value, 0.0);
  workgroupBarrier();
  for (var step = WG / 2u; step > 0u; step /= 2u) {
    if (local < step) {
      scratch[local] += scratch[local + step];
    }
    workgroupBarrier();
  }
  return scratch[0].x;
}

@compute @workgroup_size(WG)
fn squares(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let own = group.x + group.y * groups.x;
  var sum = 0.0;
  for (var i = own * WG + local; i < params.n / 4u; i += params.groups * WG) {
    if ((blocks[i / 16u] & 1u) != 0u) {
      let g = gradients[i] * settings.gradScale;
      sum += dot(g, g);
    }
  }
  let total = group_sum(local, sum);
  if (local == 0u && own < params.groups) {
    partials[own] = total;
  }
}

@compute @workgroup_size(WG)
fn norm(@builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  for (var i = local; i < params.groups; i += WG) {
    sum += partials[i];
  }
  let total = group_sum(local, sum);
  if (local == 0u) {
    let length = sqrt(total);
    totals[0] = length;
    totals[1] = select(1.0, settings.maxNorm / (length + 1e-6), settings.maxNorm > 0.0 && length > settings.maxNorm);
  }
}

@compute @workgroup_size(WG)
fn update(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = ((group.x + group.y * groups.x) * WG + local) * VECTORS;
  if (first >= params.n / 4u) {
    return;
  }
  let marks = blocks[first / 16u];
  if ((marks & 1u) == 0u) {
    return;
  }
  let scale = settings.gradScale * totals[1];
  let shrink = 1.0 - settings.rate * select(0.0, settings.decay, (marks & 2u) != 0u);
  for (var i = first; i < first + VECTORS; i++) {
    let g = gradients[i] * scale;
    let m = settings.beta1 * firstMoment[i] + (1.0 - settings.beta1) * g;
    let v = settings.beta2 * secondMoment[i] + (1.0 - settings.beta2) * g * g;
    let step = settings.rate * (m * settings.correction1) / (sqrt(v * settings.correction2) + settings.eps);
    firstMoment[i] = m;
    secondMoment[i] = v;
    parameters[i] = parameters[i] * shrink - step;
  }
}
