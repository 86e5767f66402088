/** Patches of a video as a sequence, and convolution as a matrix product over them. */

import { ShapeError } from '../gpu/errors.js';
import { linear } from './linear.js';
import { newOutput, pushNode } from './tape.js';
import { expectShape, formatShape, type Tensor } from './tensor.js';

const WORKGROUP_SIZE = 64;
const VIDEO_AXES = ['B', 'channels', 'frames', 'height', 'width'] as const;

/** Three integers: along time, height and width. */
export type Triple = readonly [number, number, number];

/**
 * The patches of a video as rows. The voxels of a patch are in the order of PyTorch's Conv3d
 * weights.
 *
 * @param video [B, channels, frames, height, width]
 * @param kernel [kt, kh, kw], the size of a patch
 * @param stride the distance between patches
 * @param padding zeros around the video, along each axis. Default: none.
 * @returns patches [B, t * h * w, channels * kt * kh * kw], and grid [t, h, w], the number of
 *   patches along each axis
 * @throws ShapeError where the kernel does not fit into the padded video, the kernel or stride is
 *   not positive, or the padding is negative or not below the kernel.
 */
export function unfold3d(
  video: Tensor,
  kernel: Triple,
  stride: Triple,
  padding: Triple = [0, 0, 0],
): {
  /** [B, t * h * w, channels * kt * kh * kw] */
  patches: Tensor;
  /** [t, h, w] */
  grid: Triple;
} {
  const { engine } = video;
  expectShape('unfold3d', 'video', video, VIDEO_AXES);
  const [batch, channels, frames, height, width] = video.shape as [
    number,
    number,
    number,
    number,
    number,
  ];
  const extent = [frames, height, width].map((n, axis) => n + 2 * padding[axis]!);
  if (
    [...kernel, ...stride].some((n) => !Number.isInteger(n) || n < 1) ||
    kernel.some((k, n) => k > extent[n]!) ||
    padding.some((n, axis) => !Number.isInteger(n) || n < 0 || n >= kernel[axis]!)
  ) {
    throw new ShapeError(
      'unfold3d',
      'kernel, stride and padding',
      `positive, the kernel within ${formatShape(extent)} and above the padding`,
      `${formatShape(kernel)}, ${formatShape(stride)} and ${formatShape(padding)}`,
    );
  }
  const grid = extent.map((n, axis) => Math.floor((n - kernel[axis]!) / stride[axis]!) + 1) as [
    number,
    number,
    number,
  ];
  const [kt, kh, kw] = kernel;
  const [t, h, w] = grid;
  const [strideT, strideH, strideW] = stride;
  const [padT, padH, padW] = padding;
  const patches = newOutput(engine, [batch, t * h * w, channels * kt * kh * kw], [video]);
  const params = {
    B: batch,
    C: channels,
    frames,
    height,
    width,
    kt,
    kh,
    kw,
    strideT,
    strideH,
    strideW,
    padT,
    padH,
    padW,
  };
  const constants = { WG: WORKGROUP_SIZE, ITEMS: engine.tuning.items };
  const groups = (elements: number) => Math.ceil(elements / (WORKGROUP_SIZE * engine.tuning.items));
  const forward = { ...params, accumulate: 0 };
  engine.dispatch('unfold3d.unfold', { video, patches }, forward, groups(patches.length), {
    constants,
  });
  pushNode(engine, {
    op: 'unfold3d',
    outputs: [patches],
    backward(gradients) {
      const dpatches = gradients.get(patches);
      if (!dpatches || !gradients.wants(video)) return;
      const { tensor, accumulate } = gradients.target(video);
      engine.dispatch(
        'unfold3d.fold',
        { dpatches, dvideo: tensor },
        { ...params, accumulate: Number(accumulate) },
        groups(video.length),
        { constants },
      );
    },
  });
  return { patches, grid };
}

/**
 * A 3-D convolution, computed as one matrix product over patches.
 *
 * @param video [B, channels, frames, height, width]
 * @param weight [out, channels, kt, kh, kw]
 * @param bias [out]
 * @param padding zeros around the video, along each axis. Default: none.
 * @returns out [B, t * h * w, out], channels last, and grid [t, h, w], the number of outputs along
 *   each axis
 * @throws ShapeError where shapes disagree, or the kernel does not fit into the padded video.
 */
export function conv3d(
  video: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  stride: Triple,
  padding?: Triple,
): {
  /** [B, t * h * w, out] */
  out: Tensor;
  /** [t, h, w] */
  grid: Triple;
} {
  const { channels } = expectShape('conv3d', 'video', video, VIDEO_AXES) as { channels: number };
  expectShape('conv3d', 'weight', weight, ['out', channels, 'kt', 'kh', 'kw']);
  if (bias) expectShape('conv3d', 'bias', bias, [weight.axis(0)]);
  const [outer, , ...kernel] = weight.shape as [number, number, number, number, number];
  return video.engine.scope(() => {
    const { patches, grid } = unfold3d(video, kernel, stride, padding);
    const flat = weight.reshape([outer, patches.axis(2)]);
    return { out: linear(patches, flat, { bias }), grid };
  });
}
