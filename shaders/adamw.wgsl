// AdamW (Loshchilov and Hutter 2019) over the flat parameter store, with global-norm clipping.
//
//   squares, norm   norm = |gradScale * gradients| over the trainable blocks
//                   clip = maxNorm / (norm + 1e-6) where 0 < maxNorm < norm, else 1
//   update          g = clip * gradScale * gradients
//                   m = beta1 m + (1 - beta1) g;   v = beta2 v + (1 - beta2) g^2
//                   p = p (1 - rate * decay)
//                       - rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
//
// Shapes   gradients, parameters p, firstMoment m, secondMoment v [n] f32, read as vec4 (n is a
//          multiple of 64); blocks [n / 64] u32, bit 0: trainable, bit 1: decayed. Each parameter
//          starts at a block boundary, so any set of parameters can be frozen or kept from decay.
//          partials [partialCount]; normAndClip [2] = (norm, clip).
// Grid     squares: partialCount workgroups, each over every partialCount-th run of WG vec4. norm:
//          one workgroup. update: an invocation updates VECTORS neighboring vec4 of one block,
//          where VECTORS divides 16. The entries run in this order.
// Memory   workgroup: WG vec2.
// Numerics f32, sums in a fixed order. A block that is not trainable is not touched, not even
//          decayed.

const WG = 64u;
const VECTORS = 16u;

struct Params {
  n: u32,
  // Partial sums of the squared norm.
  partialCount: u32,
}

// The values of one training step, written by the host before it runs.
struct Settings {
  rate: f32,
  beta1: f32,
  beta2: f32,
  eps: f32,
  decay: f32,
  // 1 / (1 - beta1^t) and 1 / (1 - beta2^t) at step t.
  correction1: f32,
  correction2: f32,
  // 0 turns clipping off.
  maxNorm: f32,
  // 1 / batches where the gradients of several batches were accumulated.
  gradScale: f32,
}

@group(0) @binding(0) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read> blocks: array<u32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;
@group(0) @binding(3) var<storage, read_write> normAndClip: array<f32>;
@group(0) @binding(4) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> firstMoment: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> secondMoment: array<vec4f>;
@group(0) @binding(7) var<uniform> settings: Settings;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> scratch: array<vec2f, WG>;

// begin helpers/group_sum.wgsl (generated: edit there)
// The sum of `value` over the workgroup, in each of its invocations. All of them must call it. A
// second call needs a barrier before it, since the last line here reads scratch.
fn group_sum(local: u32, value: f32) -> f32 {
  scratch[local] = vec2f(value, 0.0);
  workgroupBarrier();
  // A tree in a fixed order, so the sum has the same bits on every run. The barrier is outside the
  // branch, where all invocations reach it.
  for (var step = WG / 2u; step > 0u; step /= 2u) {
    if (local < step) {
      scratch[local] += scratch[local + step];
    }
    workgroupBarrier();
  }
  return scratch[0].x;
}
// end helpers/group_sum.wgsl

@compute @workgroup_size(WG)
fn squares(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let groupIndex = group.x + group.y * groups.x;
  // This invocation's share of |g|^2. Neighboring invocations read neighboring vec4.
  var sum = 0.0;
  for (var i = groupIndex * WG + local; i < params.n / 4u; i += params.partialCount * WG) {
    // A block is 64 elements, 16 vec4. Frozen blocks do not count toward the norm.
    if ((blocks[i / 16u] & 1u) != 0u) {
      let g = gradients[i] * settings.gradScale;
      sum += dot(g, g);
    }
  }
  // One partial sum per workgroup: norm adds them in order, so no atomics are needed.
  let total = group_sum(local, sum);
  if (local == 0u && groupIndex < params.partialCount) {
    partials[groupIndex] = total;
  }
}

@compute @workgroup_size(WG)
fn norm(@builtin(local_invocation_index) local: u32) {
  var sum = 0.0;
  for (var i = local; i < params.partialCount; i += WG) {
    sum += partials[i];
  }
  let total = group_sum(local, sum);
  if (local == 0u) {
    let gradNorm = sqrt(total);
    let isClipped = settings.maxNorm > 0.0 && gradNorm > settings.maxNorm;
    normAndClip[0] = gradNorm;
    normAndClip[1] = select(1.0, settings.maxNorm / (gradNorm + 1e-6), isClipped);
  }
}

@compute @workgroup_size(WG)
fn update(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let start = ((group.x + group.y * groups.x) * WG + local) * VECTORS;
  if (start >= params.n / 4u) {
    return;
  }
  // All VECTORS vec4 are in the same block, so its flags are read once.
  let flags = blocks[start / 16u];
  if ((flags & 1u) == 0u) {
    return;
  }
  let scale = settings.gradScale * normAndClip[1];
  let shrink = 1.0 - settings.rate * select(0.0, settings.decay, (flags & 2u) != 0u);
  for (var i = start; i < start + VECTORS; i++) {
    let g = gradients[i] * scale;
    let m = settings.beta1 * firstMoment[i] + (1.0 - settings.beta1) * g;
    let v = settings.beta2 * secondMoment[i] + (1.0 - settings.beta2) * g * g;
    let step = settings.rate * (m * settings.correction1)
      / (sqrt(v * settings.correction2) + settings.eps);
    firstMoment[i] = m;
    secondMoment[i] = v;
    // Decay is decoupled: it shrinks the value itself and does not pass through m and v.
    parameters[i] = parameters[i] * shrink - step;
  }
}
