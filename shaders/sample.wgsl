// Draws one class per row of logits: top-k, then top-p, then temperature, then a multinomial draw.
//
//   top-k   keeps the k largest logits, and every tie of the k-th
//   top-p   of those, keeps a logit if the larger ones hold at most the share p of their mass
//   draw    class v with probability proportional to exp(z_v / temperature) over what was kept;
//           temperature 0 takes the largest logit, and of ties the first
//
// Shapes   logits z [rows, V]; lowest [rows] u32: a class below it is raised to it (absent: 0);
//          drawn [rows] u32; logProbability [rows] = log softmax(z)[drawn] over all V classes at
//          temperature 1.
// Grid     one workgroup per row, whose invocations each own a run of neighboring classes.
// Memory   workgroup: 3 * WG words. Nothing is sorted: the smallest kept logit is found by
//          bisecting the 32 bits of an order-preserving code.
// Numerics f32. The uniform number is hash4(row, site, stream of seed and step): the same seed
//          draws the same classes.

const WG = 32u;

struct Params {
  rows: u32,
  V: u32,
  // 0 keeps all.
  topK: u32,
  // 1 keeps all.
  topP: f32,
  temperature: f32,
  hasLowest: u32,
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

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> lowest: array<u32>;
@group(0) @binding(2) var<storage, read_write> drawn: array<u32>;
@group(0) @binding(3) var<storage, read_write> logProbability: array<f32>;
@group(0) @binding(4) var<uniform> random: Random;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> sums: array<f32, WG>;
var<workgroup> bests: array<vec2u, WG>;

// Order-preserving code of a float: a larger float has a larger code. Positive floats are ordered
// like their bits, negative ones in reverse. -0 has the code of 0, as the two tie.
fn code(z: f32) -> u32 {
  let bits = select(bitcast<u32>(z), 0u, z == 0.0);
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

// The sum of `value` over the workgroup, in every invocation. workgroupUniformLoad has barriers
// before and after the load, so the next call may overwrite sums.
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

// The largest code of the workgroup with its class; of tied codes, the lower class.
fn all_best(local: u32, best: vec2u) -> vec2u {
  bests[local] = best;
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
  startClass: u32,
  endClass: u32,
  rowStart: u32,
}

// How much of the run has a code of at least `cut`: how many classes, or, with isMass, their mass
// exp(z - rowMax).
fn at_least(run: Run, cut: u32, rowMax: f32, isMass: bool) -> f32 {
  var amount = 0.0;
  for (var v = run.startClass; v < run.endClass; v++) {
    let z = logits[run.rowStart + v];
    if (code(z) >= cut) {
      amount += select(1.0, exp(z - rowMax), isMass);
    }
  }
  return amount;
}

// The largest code with at least `wanted` classes, or with isMass more than `wanted` mass, at or
// above it. Only classes with a code of at least minCode count. 0 where all of them are too little.
fn bisect(
  local: u32, run: Run, minCode: u32, wanted: f32, rowMax: f32, isMass: bool,
) -> u32 {
  // From the highest bit down: a bit stays set if enough is left at or above the code with it.
  var cut = 0u;
  for (var bit = 0u; bit < 32u; bit++) {
    let candidate = cut | (0x80000000u >> bit);
    let amount = all_sum(local, at_least(run, max(candidate, minCode), rowMax, isMass));
    if (select(amount >= wanted, amount > wanted, isMass)) {
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
  let perLane = (params.V + WG - 1u) / WG;
  var run: Run;
  run.startClass = min(local * perLane, params.V);
  run.endClass = min(run.startClass + perLane, params.V);
  run.rowStart = row * params.V;

  // The largest logit, and log sum exp(z - max) over all classes. An empty run has code 0 and class
  // V, and never wins.
  var laneBest = vec2u(0u, params.V);
  for (var v = run.startClass; v < run.endClass; v++) {
    let z = code(logits[run.rowStart + v]);
    if (z > laneBest.x) {
      laneBest = vec2u(z, v);
    }
  }
  let best = all_best(local, laneBest);
  let rowMax = logits[run.rowStart + best.y];
  var laneMass = 0.0;
  for (var v = run.startClass; v < run.endClass; v++) {
    laneMass += exp(logits[run.rowStart + v] - rowMax);
  }
  let logMass = log(all_sum(local, laneMass));

  // Classes whose code is below `cut` are not drawn.
  var cut = 0u;
  if (params.topK > 0u) {
    cut = bisect(local, run, 0u, f32(params.topK), rowMax, false);
  }
  if (params.topP < 1.0) {
    let mass = all_sum(local, at_least(run, cut, rowMax, true));
    // The classes at or above the cut hold more than p; those above any kept logit do not.
    cut = max(cut, bisect(local, run, cut, params.topP * mass, rowMax, true));
  }

  // Each run's weight in the draw.
  var weight = 0.0;
  let sharpness = select(0.0, 1.0 / params.temperature, params.temperature > 0.0);
  for (var v = run.startClass; v < run.endClass; v++) {
    let z = logits[run.rowStart + v];
    if (code(z) >= cut) {
      weight += exp((z - rowMax) * sharpness);
    }
  }
  let total = all_sum(local, weight);
  sums[local] = weight;
  workgroupBarrier();
  if (local != 0u) {
    return;
  }

  // One invocation draws a point in 0 .. total, finds the run that contains it, then the class.
  var class_ = best.y;
  if (params.temperature > 0.0) {
    // 24 bits of the hash, times 2^-24.
    let word = hash4(vec4u(row, params.site, random.stream)).x;
    let point = f32(word >> 8u) * 5.9604645e-8 * total;
    // Where rounding leaves the point past the end, it belongs to the last run with any weight, and
    // there to the last class: `rest` counts from the start of the run in `lane`.
    var lane = 0u;
    var rest = 0.0;
    var following = point;
    for (var n = 0u; n < WG; n++) {
      if (sums[n] > 0.0) {
        lane = n;
        rest = following;
        if (rest < sums[n]) {
          break;
        }
        following -= sums[n];
      }
    }
    for (var v = lane * perLane; v < min((lane + 1u) * perLane, params.V); v++) {
      let z = logits[run.rowStart + v];
      if (code(z) >= cut) {
        class_ = v;
        rest -= exp((z - rowMax) * sharpness);
        if (rest < 0.0) {
          break;
        }
      }
    }
  }
  if (params.hasLowest != 0u) {
    class_ = max(class_, min(lowest[row], params.V - 1u));
  }
  drawn[row] = class_;
  logProbability[row] = (logits[run.rowStart + class_] - rowMax) - logMass;
}
