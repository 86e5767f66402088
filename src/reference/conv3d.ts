/** Video patches and 3-D convolutions in float64, directly from their definitions. */

import { map, type Ref, ref, zerosLike } from './array.js';

type Sizes3 = [number, number, number];
type Triple = Readonly<Sizes3>;

const NO_PADDING: Triple = [0, 0, 0];

/** The number of patches along time, height and width. */
function gridShape({ shape }: Ref, kernel: Triple, stride: Triple, padding: Triple): Triple {
  const [, , ...extent] = shape;
  return extent.map(
    (n, axis) => Math.floor((n + 2 * padding[axis]! - kernel[axis]!) / stride[axis]!) + 1,
  ) as Sizes3;
}

/**
 * Calls `visit` for every element of every patch that is inside the video, with the flat index of
 * the video voxel that it is a copy of, and its own flat index. Video is [B, C, frames, height,
 * width], patches are [B, t * h * w, C * kt * kh * kw].
 */
function eachVoxel(
  video: Ref,
  kernel: Triple,
  stride: Triple,
  padding: Triple,
  visit: (voxel: number, element: number) => void,
): void {
  const [B, C, frames, height, width] = video.shape as [number, number, number, number, number];
  const [kt, kh, kw] = kernel;
  const [t, h, w] = gridShape(video, kernel, stride, padding);
  let element = 0;
  for (let b = 0; b < B; b++) {
    for (let position = 0; position < t * h * w; position++) {
      const t0 = Math.floor(position / (h * w)) * stride[0] - padding[0];
      const y0 = (Math.floor(position / w) % h) * stride[1] - padding[1];
      const x0 = (position % w) * stride[2] - padding[2];
      for (let c = 0; c < C; c++)
        for (let i = 0; i < kt; i++)
          for (let j = 0; j < kh; j++)
            for (let k = 0; k < kw; k++) {
              const [f, y, x] = [t0 + i, y0 + j, x0 + k];
              const isInside = f >= 0 && f < frames && y >= 0 && y < height && x >= 0 && x < width;
              if (isInside) visit((((b * C + c) * frames + f) * height + y) * width + x, element);
              element += 1;
            }
    }
  }
}

/** The patches of a video, [B, t * h * w, C * kt * kh * kw]. */
export function unfold3d(video: Ref, kernel: Triple, stride: Triple, padding = NO_PADDING): Ref {
  const grid = gridShape(video, kernel, stride, padding);
  const product = (numbers: readonly number[]) => numbers.reduce((product, n) => product * n, 1);
  const patches = ref([video.shape[0]!, product(grid), video.shape[1]! * product(kernel)]);
  eachVoxel(video, kernel, stride, padding, (voxel, element) => {
    patches.data[element] = video.data[voxel]!;
  });
  return patches;
}

/** The gradient of the video: the sum for each voxel over the patches that contain it. */
export function unfold3dBackward(
  video: Ref,
  kernel: Triple,
  stride: Triple,
  dpatches: Ref,
  padding = NO_PADDING,
): Ref {
  const dvideo = zerosLike(video);
  eachVoxel(video, kernel, stride, padding, (voxel, element) => {
    dvideo.data[voxel]! += dpatches.data[element]!;
  });
  return dvideo;
}

/** The inputs of a convolution, or their gradients. */
export interface Conv3dRefs {
  /** [B, C, frames, height, width] */
  video: Ref;
  /** [out, C, kt, kh, kw] */
  weight: Ref;
  /** [out] */
  bias: Ref;
}

/**
 * Calls `visit` with the three flat indices of every product out += video * weight of the
 * convolution.
 */
function eachProduct(
  { video, weight }: Conv3dRefs,
  stride: Triple,
  padding: Triple,
  visit: (out: number, voxel: number, weight: number) => void,
): void {
  const outer = weight.shape[0]!;
  const product = weight.data.length / outer;
  const kernel = weight.shape.slice(2) as Sizes3;
  eachVoxel(video, kernel, stride, padding, (voxel, element) => {
    const position = Math.floor(element / product);
    for (let o = 0; o < outer; o++)
      visit(position * outer + o, voxel, o * product + (element % product));
  });
}

/** The convolution, [B, t * h * w, out]. */
export function conv3d(refs: Conv3dRefs, stride: Triple, padding = NO_PADDING): Ref {
  const { video, weight, bias } = refs;
  const [t, h, w] = gridShape(video, weight.shape.slice(2) as Sizes3, stride, padding);
  const outer = weight.shape[0]!;
  const out = map(ref([video.shape[0]!, t * h * w, outer]), (_, n) => bias.data[n % outer]!);
  eachProduct(refs, stride, padding, (o, v, k) => {
    out.data[o]! += video.data[v]! * weight.data[k]!;
  });
  return out;
}

/** The gradients of video, weight and bias, given that of the output. */
export function conv3dBackward(
  refs: Conv3dRefs,
  stride: Triple,
  dout: Ref,
  padding = NO_PADDING,
): Conv3dRefs {
  const { video, weight, bias } = refs;
  const gradients = { video: zerosLike(video), weight: zerosLike(weight), bias: zerosLike(bias) };
  eachProduct(refs, stride, padding, (o, v, k) => {
    gradients.video.data[v]! += dout.data[o]! * weight.data[k]!;
    gradients.weight.data[k]! += dout.data[o]! * video.data[v]!;
  });
  const outer = weight.shape[0]!;
  for (const [n, value] of dout.data.entries()) gradients.bias.data[n % outer]! += value;
  return gradients;
}
