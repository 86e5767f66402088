// Draws one class per row of logits: top-k, then top-p, then temperature, then a multinomial draw.
//
//   top-k   keeps the k largest logits and every tie of the k-th
//   top-p   of the rest, sorted falling, keeps a logit if the mass of those above it is at most p
//   draw    c with probability proportional to exp(z_c / temperature) over what was kept; temperature 0 takes the
//           largest (the first of ties)
//
// Shapes   logits [rows, classes]; lowest [rows] u32: what falls below it is drawn as it (absent: 0);
//          drawn [rows] u32; logProbability [rows] = log softmax(z)[drawn] over all classes, temperature 1.
// Grid     a workgroup of WG = LANES per row; each lane owns a run of neighbouring classes.
// Memory   workgroup: 3 * WG words. Nothing is sorted: the cut is found by bisecting an order-preserving code.
// Numerics f32. The uniform number is hash4(row, site, stream of seed and step): same seed, same draws.

const WG = 32u;

struct Params {
  rows: u32,
  classes: u32,
  topK: u32,
  topP: f32,
  temperature: f32,
  hasLowest: u32,
  site: u32,
}

// The stream of one seed and step, mixed by the host.
struct Random {
  stream: vec2u,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> lowest: array<u32>;
@group(0) @binding(2) var<storage, read_write> drawn: array<u32>;
@group(0) @binding(3) var<storage, read_write> logProbability: array<f32>;
@group(0) @binding(4) var<uniform> random: Random;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> sums: array<f32, WG>;
var<workgroup> bests: array<vec2u, WG>;

// pcg4d of Jarzynski and Olano, Hash Functions for GPU Rendering, JCGT 9(3), 2020: four words.
fn hash4(key: vec4u) -> vec4u {
  var v = key * 1664525u + 1013904223u;
  v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
  v ^= v >> vec4u(16u);
  v.x += v.y * v.w; v.y += v.z * v.x; v.z += v.x * v.y; v.w += v.y * v.z;
  return v;
}

// Order-preserving code of a float: a larger float has a larger code; -0 has that of 0, whose tie it is.
fn code(s: f32) -> u32 {
  let bits = select(bitcast<u32>(s), 0u, s == 0.0);
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

// The sum of `value` over the workgroup, in every invocation.
fn all_sum(local: u32, value: f32) -> f32 {
  sums[local] = value;
  workgroupBarrier();
  for (var step = WG / 2u; step > 0u; step /= 2u) {
    if (local < step) {
      sums[local] += sums[local + step];
    }
    workgroupBarrier();
  }
  let total = workgroupUniformLoad(&sums[0]);
  return total;
}

// The largest (code, class) of the workgroup, the lower class winning ties.
fn all_best(local: u32, own: vec2u) -> vec2u {
  bests[local] = own;
  workgroupBarrier();
  for (var step = WG / 2u; step > 0u; step /= 2u) {
    if (local < step) {
      let p = bests[local];
      let q = bests[local + step];
      bests[local] = select(p, q, q.x > p.x || (q.x == p.x && q.y < p.y));
    }
    workgroupBarrier();
  }
  return bests[0];
}

// An invocation's run of classes, and where the row's logits start.
struct Run {
  first: u32,
  end: u32,
  start: u32,
}

// How much of the run has a code of at least `cut`: its count, or its mass under softmax relative to `top`.
fn at_least(run: Run, cut: u32, top: f32, massed: bool) -> f32 {
  var amount = 0.0;
  for (var c = run.first; c < run.end; c++) {
    let z = logits[run.start + c];
    if (code(z) >= cut) {
      amount += select(1.0, exp(z - top), massed);
    }
  }
  return amount;
}

// The largest code that still leaves `wanted` or more at or above it; 0 where even everything is less.
fn bisect(local: u32, run: Run, floor_: u32, wanted: f32, top: f32, massed: bool) -> u32 {
  var cut = 0u;
  for (var bit = 0u; bit < 32u; bit++) {
    let candidate = cut | (0x80000000u >> bit);
    let amount = all_sum(local, at_least(run, max(candidate, floor_), top, massed));
    if (select(amount >= wanted, amount > wanted, massed)) {
      cut = candidate;
    }
  }
  return cut;
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) {
    return;
  }
  let perLane = (params.classes + WG - 1u) / WG;
  var run: Run;
  run.first = min(local * perLane, params.classes);
  run.end = min(run.first + perLane, params.classes);
  run.start = row * params.classes;

  // The largest logit, and the log of the mass relative to it.
  var largest = vec2u(0u, params.classes);
  for (var c = run.first; c < run.end; c++) {
    let z = code(logits[run.start + c]);
    if (z > largest.x) {
      largest = vec2u(z, c);
    }
  }
  let best = all_best(local, largest);
  let top = logits[run.start + best.y];
  var ownMass = 0.0;
  for (var c = run.first; c < run.end; c++) {
    ownMass += exp(logits[run.start + c] - top);
  }
  let logMass = log(all_sum(local, ownMass));

  var cut = 0u;
  if (params.topK > 0u) {
    cut = bisect(local, run, 0u, f32(params.topK), top, false);
  }
  if (params.topP < 1.0) {
    let mass = all_sum(local, at_least(run, cut, top, true));
    // Those at or above the cut hold more than p; those strictly above any kept logit do not.
    cut = max(cut, bisect(local, run, cut, params.topP * mass, top, true));
  }

  var weight = 0.0;
  let sharpness = select(0.0, 1.0 / params.temperature, params.temperature > 0.0);
  for (var c = run.first; c < run.end; c++) {
    let z = logits[run.start + c];
    if (code(z) >= cut) {
      weight += exp((z - top) * sharpness);
    }
  }
  let total = all_sum(local, weight);
  sums[local] = weight;
  workgroupBarrier();
  if (local != 0u) {
    return;
  }

  // One invocation walks the lanes' sums, then the classes of the lane where the draw falls.
  var class_ = best.y;
  if (params.temperature > 0.0) {
    let word = hash4(vec4u(row, params.site, random.stream)).x;
    var left = f32(word >> 8u) * 5.9604645e-8 * total;
    var lane = 0u;
    for (var l = 0u; l < WG; l++) {
      if (sums[l] > 0.0) {
        lane = l;
        if (left < sums[l]) {
          break;
        }
        left -= sums[l];
      }
    }
    for (var c = lane * perLane; c < min((lane + 1u) * perLane, params.classes); c++) {
      let z = logits[run.start + c];
      if (code(z) >= cut) {
        class_ = c;
        left -= exp((z - top) * sharpness);
        if (left < 0.0) {
          break;
        }
      }
    }
  }
  if (params.hasLowest != 0u) {
    class_ = max(class_, min(lowest[row], params.classes - 1u));
  }
  drawn[row] = class_;
  logProbability[row] = (logits[run.start + class_] - top) - logMass;
}
