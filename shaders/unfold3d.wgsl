// Video patches as rows of a matrix, so that a 3-D convolution is one matrix product.
//
//   unfold   patches[b, p, (c, ki, kj, kk)]
//              = video[b, c, pt * strideT + ki - padT, ph * strideH + kj - padH,
//                      pw * strideW + kk - padW], and 0 beyond the video,
//            for patch p = (pt * h + ph) * w + pw
//   fold     dvideo[b, c, f, y, x] (+)= sum of dpatches over every patch that contains the voxel
//
// Shapes   video, dvideo [B, C, frames, height, width]; patches, dpatches
//          [B, t * h * w, C * kt * kh * kw], which is t * h * w patches, each with its voxels in
//          the order of a Conv3d weight. Along each axis there are
//          (extent + 2 pad - kernel) / stride + 1 patches.
// Grid     an invocation takes ITEMS elements of the result, WG apart. An index is split into its
//          axes with one division per axis; remainders come from a product.
// Memory   registers only.
// Numerics f32. fold gathers: each voxel sums its patches in a fixed order, so no atomics are
//          needed.

const WG = 64u;
const ITEMS = 4u;

struct Params {
  B: u32,
  C: u32,
  frames: u32,
  height: u32,
  width: u32,
  kt: u32,
  kh: u32,
  kw: u32,
  strideT: u32,
  strideH: u32,
  strideW: u32,
  padT: u32,
  padH: u32,
  padW: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> video: array<f32>;
@group(0) @binding(1) var<storage, read_write> patches: array<f32>;

@group(0) @binding(0) var<storage, read> dpatches: array<f32>;
@group(0) @binding(1) var<storage, read_write> dvideo: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// How many patches there are along an axis.
fn patch_count(extent: u32, pad: u32, kernel: u32, stride: u32) -> u32 {
  return (extent + 2u * pad - kernel) / stride + 1u;
}

@compute @workgroup_size(WG)
fn unfold(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let p = params;
  let t = patch_count(p.frames, p.padT, p.kt, p.strideT);
  let h = patch_count(p.height, p.padH, p.kh, p.strideH);
  let w = patch_count(p.width, p.padW, p.kw, p.strideW);
  let n = p.B * t * h * w * p.C * p.kt * p.kh * p.kw;
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, n); i += WG) {
    // i = ((((((b t + pt) h + ph) w + pw) C + c) kt + ki) kh + kj) kw + kk. Each quotient drops the
    // last axis.
    let kernelRow = i / p.kw;
    let kernelPlane = kernelRow / p.kh;
    let patchChannel = kernelPlane / p.kt;
    let patchIndex = patchChannel / p.C;
    let patchRow = patchIndex / w;
    let patchPlane = patchRow / h;
    let b = patchPlane / t;
    let c = patchChannel - patchIndex * p.C;
    // The voxel: the corner of the patch, plus the offset inside the kernel. Before the video it
    // wraps around, and so lies beyond it.
    let f = (patchPlane - b * t) * p.strideT + kernelPlane - patchChannel * p.kt - p.padT;
    let y = (patchRow - patchPlane * h) * p.strideH + kernelRow - kernelPlane * p.kh - p.padH;
    let x = (patchIndex - patchRow * w) * p.strideW + i - kernelRow * p.kw - p.padW;
    var value = 0.0;
    if (f < p.frames && y < p.height && x < p.width) {
      value = video[(((b * p.C + c) * p.frames + f) * p.height + y) * p.width + x];
    }
    patches[i] = value;
  }
}

// The patches along one axis that contain the voxel at `position`, from x up to but not including
// y. Patch n covers n * stride .. n * stride + kernel - 1.
fn patches_around(position: u32, kernel: u32, stride: u32, count: u32) -> vec2u {
  let first = select(0u, (position + stride - kernel) / stride, position >= kernel);
  return vec2u(first, min(position / stride + 1u, count));
}

@compute @workgroup_size(WG)
fn fold(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let p = params;
  let t = patch_count(p.frames, p.padT, p.kt, p.strideT);
  let h = patch_count(p.height, p.padH, p.kh, p.strideH);
  let w = patch_count(p.width, p.padW, p.kw, p.strideW);
  let n = p.B * p.C * p.frames * p.height * p.width;
  let start = (group.x + group.y * groups.x) * WG * ITEMS + local;
  for (var i = start; i < min(start + WG * ITEMS, n); i += WG) {
    // i = (((b C + c) frames + f) height + y) width + x
    let row = i / p.width;
    let plane = row / p.height;
    let channel = plane / p.frames;
    let b = channel / p.C;
    let c = channel - b * p.C;
    // In the padded video.
    let f = plane - channel * p.frames + p.padT;
    let y = row - plane * p.height + p.padH;
    let x = i - row * p.width + p.padW;
    let alongT = patches_around(f, p.kt, p.strideT, t);
    let alongH = patches_around(y, p.kh, p.strideH, h);
    let alongW = patches_around(x, p.kw, p.strideW, w);
    let patchSize = p.C * p.kt * p.kh * p.kw;
    var sum = 0.0;
    for (var pt = alongT.x; pt < alongT.y; pt++) {
      for (var ph = alongH.x; ph < alongH.y; ph++) {
        for (var pw = alongW.x; pw < alongW.y; pw++) {
          let patchIndex = ((b * t + pt) * h + ph) * w + pw;
          // The voxel's index within this patch, axis by axis.
          let kernelPlane = c * p.kt + f - pt * p.strideT;
          let kernelRow = kernelPlane * p.kh + y - ph * p.strideH;
          let voxel = kernelRow * p.kw + x - pw * p.strideW;
          sum += dpatches[patchIndex * patchSize + voxel];
        }
      }
    }
    if (p.accumulate != 0u) {
      dvideo[i] += sum;
    } else {
      dvideo[i] = sum;
    }
  }
}
