// Sinusoidal codes of positions or times with one to three axes (Vaswani et al. 2017, per axis).
//
//   out[r, a * perAxis + 2k]     = sin(x[r, a] * f_k)
//   out[r, a * perAxis + 2k + 1] = cos(x[r, a] * f_k)
//
// Shapes   x [rows, axes]; frequencies f [perAxis / 2]; out [rows, C], cut to its C channels; a
//          channel past the last axis is 0.
// Grid     an invocation takes ITEMS channels, WG apart. main_wide takes ITEMS vec4 of channels; it
//          requires that C and perAxis are multiples of 4.
// Memory   registers only.
// Numerics f32. WGSL's own sin may be off by 2^-11, so the angle is reduced by pi / 2 in three
//          parts (Cody and Waite) and put through the polynomials of Moshier's Cephes (sinf, cosf):
//          the error is below 2e-7 for angles up to about 10,000.

const WG = 64u;
const ITEMS = 4u;

struct Params {
  rows: u32,
  C: u32,
  axes: u32,
  perAxis: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> frequencies: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read_write> outVec: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

// sin(angle + quarter * pi / 2): the sine for quarter 0, the cosine for quarter 1.
fn sine(angle: f32, quarter: i32) -> f32 {
  // The nearest multiple of pi / 2, and the rest r in -pi / 4 .. pi / 4. The first two parts of
  // pi / 2 have few bits, so that their products with `turns` are exact.
  let turns = round(angle * 0.63661977);
  let r = ((angle - turns * 1.5703125) - turns * 4.8375129699707031e-4)
    - turns * 7.5497899548918821e-8;
  let r2 = r * r;
  // sin r and cos r.
  let s = r + r * r2 * (-1.6666654611e-1 + r2 * (8.3321608736e-3 - r2 * 1.9515295891e-4));
  let c = 1.0 - 0.5 * r2
    + r2 * r2 * (4.1666645683e-2 + r2 * (-1.3887316255e-3 + r2 * 2.4433157118e-5));
  // Quadrants 0 to 3 give sin r, cos r, -sin r, -cos r.
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
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, params.rows * params.C); i += WG) {
    let r = i / params.C;
    let channel = i % params.C;
    let axis = channel / params.perAxis;
    let axisChannel = channel % params.perAxis;
    var value = 0.0;
    if (axis < params.axes) {
      let angle = x[r * params.axes + axis] * frequencies[axisChannel / 2u];
      value = sine(angle, i32(axisChannel % 2u));
    }
    out[i] = value;
  }
}

// (sin, cos) of two angles, by the steps of `sine`.
fn sines(angles: vec2f) -> vec4f {
  let angle = vec4f(angles.x, angles.x, angles.y, angles.y);
  let turns = round(angle * 0.63661977);
  let r = ((angle - turns * 1.5703125) - turns * 4.8375129699707031e-4)
    - turns * 7.5497899548918821e-8;
  let r2 = r * r;
  let s = r + r * r2 * (-1.6666654611e-1 + r2 * (8.3321608736e-3 - r2 * 1.9515295891e-4));
  let c = 1.0 - 0.5 * r2
    + r2 * r2 * (4.1666645683e-2 + r2 * (-1.3887316255e-3 + r2 * 2.4433157118e-5));
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
  // Channels in vec4: each holds the sine and the cosine of two frequencies.
  let C4 = params.C / 4u;
  let perAxis4 = params.perAxis / 4u;
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, params.rows * C4); i += WG) {
    let r = i / C4;
    let c = i - r * C4;
    let axis = c / perAxis4;
    let k = 2u * (c - axis * perAxis4);
    var value = vec4f();
    if (axis < params.axes) {
      value = sines(x[r * params.axes + axis] * vec2f(frequencies[k], frequencies[k + 1u]));
    }
    outVec[i] = value;
  }
}
