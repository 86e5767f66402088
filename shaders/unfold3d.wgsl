// Video patches as rows of a matrix, so that a 3-D convolution is one matrix product.
//
//   unfold   patches[b, p, (ch, i, j, k)] = video[b, ch, t0 + i, y0 + j, x0 + k],  (t0, y0, x0) = place(p) * stride
//   fold     dvideo[b, ch, t, y, x] (+)= sum of dpatches over every patch that contains the voxel
//
// Shapes   video, dvideo [B, channels, frames, height, width]; patches, dpatches [B, t * h * w, channels * kt * kh * kw],
//          places in the order t, h, w and kernel voxels in that of a Conv3d weight.
// Grid     one invocation per element of the result, ITEMS each. An index is taken apart by one division for each axis.
// Numerics f32. fold gathers (each voxel sums its patches in a fixed order), so no atomics.

const WG = 64u;
const ITEMS = 4u;

struct Params {
  batch: u32,
  channels: u32,
  frames: u32,
  height: u32,
  width: u32,
  kt: u32,
  kh: u32,
  kw: u32,
  strideT: u32,
  strideH: u32,
  strideW: u32,
  t: u32,
  h: u32,
  w: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WG)
fn unfold(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = first; i < min(first + WG * ITEMS, params.batch * params.t * params.h * params.w * params.channels * params.kt * params.kh * params.kw); i += WG) {
    let p = params;
    let kernelRow = i / p.kw;
    let kernelSlice = kernelRow / p.kh;
    let plane = kernelSlice / p.kt;
    let place = plane / p.channels;
    let row = place / p.w;
    let frame = row / p.h;
    let b = frame / p.t;
    let channel = plane - place * p.channels;
    let t0 = (frame - b * p.t) * p.strideT + kernelSlice - plane * p.kt;
    let y0 = (row - frame * p.h) * p.strideH + kernelRow - kernelSlice * p.kh;
    let x0 = (place - row * p.w) * p.strideW + i - kernelRow * p.kw;
    out[i] = x[(((b * p.channels + channel) * p.frames + t0) * p.height + y0) * p.width + x0];
  }
}

// The places along one axis whose patch holds `at`: from x up to but not including y.
fn holders(at: u32, kernel: u32, stride: u32, places: u32) -> vec2u {
  let first = select(0u, (at + stride - kernel) / stride, at >= kernel);
  return vec2u(first, min(at / stride + 1u, places));
}

@compute @workgroup_size(WG)
fn fold(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let first = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = first; i < min(first + WG * ITEMS, params.batch * params.channels * params.frames * params.height * params.width); i += WG) {
    let p = params;
    let row = i / p.width;
    let frame = row / p.height;
    let plane = frame / p.frames;
    let b = plane / p.channels;
    let channel = plane - b * p.channels;
    let t0 = frame - plane * p.frames;
    let y0 = row - frame * p.height;
    let x0 = i - row * p.width;
    let ts = holders(t0, p.kt, p.strideT, p.t);
    let ys = holders(y0, p.kh, p.strideH, p.h);
    let xs = holders(x0, p.kw, p.strideW, p.w);
    let patchSize = p.channels * p.kt * p.kh * p.kw;
    var sum = 0.0;
    for (var t = ts.x; t < ts.y; t++) {
      for (var y = ys.x; y < ys.y; y++) {
        for (var xx = xs.x; xx < xs.y; xx++) {
          let place = ((b * p.t + t) * p.h + y) * p.w + xx;
          let voxel = ((channel * p.kt + t0 - t * p.strideT) * p.kh + y0 - y * p.strideH) * p.kw + x0 - xx * p.strideW;
          sum += x[place * patchSize + voxel];
        }
      }
    }
    if (p.accumulate != 0u) {
      out[i] += sum;
    } else {
      out[i] = sum;
    }
  }
}
