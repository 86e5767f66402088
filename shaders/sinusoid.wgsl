// Sinusoidal codes of positions or times, of one to three axes.
//
//   out[r, a * h + 2k] = sin(x[r, a] f_k),   out[r, a * h + 2k + 1] = cos(x[r, a] f_k)       cut to `width` channels
//
// Shapes   x [rows, axes]; frequencies f [h / 2]; out [rows, width]; h channels belong to each axis.
// Grid     ITEMS elements an invocation; main_wide ITEMS times four neighbors, where width and h are multiples of four.
// Numerics f32. WGSL's own sin may be off by 2^-11, so the angle is reduced by pi / 2 in three parts and put through
//          the polynomials of Moshier's Cephes (sinf, cosf): below 2e-7 for angles up to some ten thousand.

const WG = 64u;
const ITEMS = 4u;

struct Params {
  rows: u32,
  width: u32,
  axes: u32,
  perAxis: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> frequencies: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read_write> outVec: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

// sin(angle + quarter * pi / 2)
fn sine(angle: f32, quarter: i32) -> f32 {
  let turns = round(angle * 0.63661977);
  let r = ((angle - turns * 1.5703125) - turns * 4.8375129699707031e-4) - turns * 7.5497899548918821e-8;
  let r2 = r * r;
  let s = r + r * r2 * (-1.6666654611e-1 + r2 * (8.3321608736e-3 - r2 * 1.9515295891e-4));
  let c = 1.0 - 0.5 * r2 + r2 * r2 * (4.1666645683e-2 + r2 * (-1.3887316255e-3 + r2 * 2.4433157118e-5));
  let quadrant = (i32(turns) + quarter) & 3;
  let value = select(s, c, (quadrant & 1) != 0);
  return select(value, -value, quadrant >= 2);
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = first; i < min(first + WG * ITEMS, params.rows * params.width); i += WG) {
    let r = i / params.width;
    let channel = i % params.width;
    let axis = channel / params.perAxis;
    let within = channel % params.perAxis;
    var value = 0.0;
    if (axis < params.axes) {
      value = sine(x[r * params.axes + axis] * frequencies[within / 2u], i32(within % 2u));
    }
    out[i] = value;
  }
}

// sine and cosine of two angles: x, y of the first and z, w of the second.
fn sines(angles: vec2f) -> vec4f {
  let angle = vec4f(angles.x, angles.x, angles.y, angles.y);
  let turns = round(angle * 0.63661977);
  let r = ((angle - turns * 1.5703125) - turns * 4.8375129699707031e-4) - turns * 7.5497899548918821e-8;
  let r2 = r * r;
  let s = r + r * r2 * (-1.6666654611e-1 + r2 * (8.3321608736e-3 - r2 * 1.9515295891e-4));
  let c = 1.0 - 0.5 * r2 + r2 * r2 * (4.1666645683e-2 + r2 * (-1.3887316255e-3 + r2 * 2.4433157118e-5));
  let quadrant = (vec4i(turns) + vec4i(0, 1, 0, 1)) & vec4i(3);
  let value = select(s, c, (quadrant & vec4i(1)) != vec4i());
  return select(value, -value, quadrant >= vec4i(2));
}

@compute @workgroup_size(WG)
fn main_wide(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let width = params.width / 4u;
  let perAxis = params.perAxis / 4u;
  let first = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = first; i < min(first + WG * ITEMS, params.rows * width); i += WG) {
    let r = i / width;
    let chunk = i - r * width;
    let axis = chunk / perAxis;
    let k = 2u * (chunk - axis * perAxis);
    var value = vec4f();
    if (axis < params.axes) {
      value = sines(x[r * params.axes + axis] * vec2f(frequencies[k], frequencies[k + 1u]));
    }
    outVec[i] = value;
  }
}
