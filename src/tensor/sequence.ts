/**
 * Operations along the sequence axis: concatenation, slices, means, and video patches as a
 * sequence.
 */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import { linear } from './linear.js';
import { newOutput, pushNode, type Target } from './tape.js';
import { expectShape, formatShape, Tensor } from './tensor.js';

const WORKGROUP_SIZE = 64;

/**
 * A range of `length` positions, copied from position `inStart` of x to position `outStart` of out.
 */
interface PositionRange {
  length: number;
  inStart: number;
  outStart: number;
}

/** target (+)= a range of x. Both are [B, T, width], where T may differ. */
function copyPositions(
  engine: Engine,
  x: Tensor,
  target: Target,
  { length, inStart, outStart }: PositionRange,
): void {
  const [batch, inLength, width] = x.shape as [number, number, number];
  engine.dispatch(
    'sequence.copy',
    { x, out: target.tensor },
    {
      B: batch,
      length,
      C: width,
      inLength,
      inStart,
      outLength: target.tensor.axis(1),
      outStart,
      accumulate: Number(target.accumulate),
      hasMask: 0,
    },
    Math.ceil((batch * length * width) / (WORKGROUP_SIZE * engine.tuning.items)),
    { constants: { WG: WORKGROUP_SIZE, ITEMS: engine.tuning.items } },
  );
}

/**
 * The sequences joined along the sequence axis.
 *
 * @param parts each [B, T_n, width]
 * @returns [B, sum of T_n, width]
 */
export function concatenate(parts: readonly Tensor[]): Tensor {
  const firstPart = parts[0];
  if (!firstPart) throw new ShapeError('concatenate', 'parts', 'at least one', 'an empty list');
  const { engine } = firstPart;
  const bound: Record<string, number> = {};
  for (const [n, part] of parts.entries()) {
    expectShape('concatenate', `part ${n}`, part, ['B', `T${n}`, 'width'], bound);
  }
  const length = parts.reduce((sum, part) => sum + part.axis(1), 0);
  const out = newOutput(engine, [firstPart.axis(0), length, firstPart.axis(2)], parts);
  let outStart = 0;
  for (const part of parts) {
    copyPositions(
      engine,
      part,
      { tensor: out, accumulate: false },
      { length: part.axis(1), inStart: 0, outStart },
    );
    outStart += part.axis(1);
  }
  pushNode(engine, {
    op: 'concatenate',
    outputs: [out],
    backward(gradients) {
      const dout = gradients.get(out);
      if (!dout) return;
      let inStart = 0;
      for (const part of parts) {
        const length = part.axis(1);
        if (gradients.wants(part))
          copyPositions(engine, dout, gradients.into(part), { length, inStart, outStart: 0 });
        inStart += length;
      }
    },
  });
  return out;
}

/**
 * Overwrites positions start .. start + T - 1 of a sequence with x. It has no gradient.
 *
 * @param target [B, S, width]
 * @param x [B, T, width]
 * @throws ShapeError where the range is not within 0 .. S.
 */
export function writePositions(target: Tensor, x: Tensor, start: number): void {
  const bound = expectShape('writePositions', 'target', target, ['B', 'S', 'width']);
  expectShape('writePositions', 'x', x, ['B', 'T', 'width'], bound);
  const length = x.axis(1);
  if (!Number.isInteger(start) || start < 0 || start + length > target.axis(1)) {
    throw new ShapeError(
      'writePositions',
      'the range',
      `within 0 to ${target.axis(1)}`,
      `${start} to ${start + length}`,
    );
  }
  copyPositions(
    x.engine,
    x,
    { tensor: target, accumulate: false },
    { length, inStart: 0, outStart: start },
  );
}

/**
 * Positions start .. start + length - 1 of x.
 *
 * @param x [B, T, width]
 * @returns [B, length, width]
 * @throws ShapeError where the range is empty or not within 0 .. T.
 */
export function slice(x: Tensor, start: number, length: number): Tensor {
  const { engine } = x;
  const { B, T, width } = expectShape('slice', 'x', x, ['B', 'T', 'width']) as Record<
    'B' | 'T' | 'width',
    number
  >;
  const areIntegers = Number.isInteger(start) && Number.isInteger(length);
  if (!areIntegers || start < 0 || length < 1 || start + length > T) {
    throw new ShapeError('slice', 'the range', `within 0 to ${T}`, `${start} to ${start + length}`);
  }
  const out = newOutput(engine, [B, length, width], [x]);
  copyPositions(
    engine,
    x,
    { tensor: out, accumulate: false },
    { length, inStart: start, outStart: 0 },
  );
  pushNode(engine, {
    op: 'slice',
    outputs: [out],
    backward(gradients) {
      const dout = gradients.get(out);
      if (!dout || !gradients.wants(x)) return;
      // Positions outside the slice keep their gradient from other operations, or get 0.
      const tensor = gradients.accumulator(x);
      copyPositions(
        engine,
        dout,
        { tensor, accumulate: true },
        { length, inStart: 0, outStart: start },
      );
    },
  });
  return out;
}

/**
 * The mean over positions, or with a mask over those where it is not 0. The mean over no positions
 * is 0.
 *
 * @param x [B, T, width]
 * @param mask u32 [B, T]
 * @returns [B, width]
 */
export function meanPool(x: Tensor, mask?: Tensor): Tensor {
  const { engine } = x;
  const { B, T, width } = expectShape('meanPool', 'x', x, ['B', 'T', 'width']) as Record<
    'B' | 'T' | 'width',
    number
  >;
  if (mask) {
    expectShape('meanPool', 'mask', mask, [B, T], {}, 'u32');
  }
  const out = newOutput(engine, [B, width], [x]);
  const counts = Tensor.empty(engine, [B]);
  const params = {
    B,
    length: T,
    C: width,
    inLength: T,
    inStart: 0,
    outLength: 1,
    outStart: 0,
    accumulate: 0,
    hasMask: Number(mask !== undefined),
  };
  const buffers = { mask: mask ?? engine.placeholders.read, counts };
  engine.dispatch(
    'sequence.pool',
    { ...buffers, x, out },
    params,
    Math.ceil((B * width) / WORKGROUP_SIZE),
  );
  pushNode(engine, {
    op: 'meanPool',
    outputs: [out],
    saved: [counts],
    backward(gradients) {
      const dout = gradients.get(out);
      if (!dout || !gradients.wants(x)) return;
      const { tensor, accumulate } = gradients.into(x);
      engine.dispatch(
        'sequence.pool_grad',
        { ...buffers, dout, dx: tensor },
        { ...params, accumulate: Number(accumulate) },
        Math.ceil((B * T * width) / (WORKGROUP_SIZE * engine.tuning.items)),
        { constants: { WG: WORKGROUP_SIZE, ITEMS: engine.tuning.items } },
      );
    },
  });
  return out;
}

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
 * @returns patches [B, t * h * w, channels * kt * kh * kw], and grid [t, h, w], the number of
 *   patches along each axis
 * @throws ShapeError where the kernel does not fit into the video, or the kernel or stride is not
 *   positive.
 */
export function unfold3d(
  video: Tensor,
  kernel: Triple,
  stride: Triple,
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
  const extent = [frames, height, width];
  if (
    [...kernel, ...stride].some((n) => !Number.isInteger(n) || n < 1) ||
    kernel.some((k, n) => k > extent[n]!)
  ) {
    throw new ShapeError(
      'unfold3d',
      'kernel and stride',
      `positive, the kernel within ${formatShape(extent)}`,
      `${formatShape(kernel)} and ${formatShape(stride)}`,
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
    t,
    h,
    w,
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
      const { tensor, accumulate } = gradients.into(video);
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
 * A 3-D convolution without padding, computed as one matrix product over patches.
 *
 * @param video [B, channels, frames, height, width]
 * @param weight [out, channels, kt, kh, kw]
 * @param bias [out]
 * @returns out [B, t * h * w, out], channels last, and grid [t, h, w], the number of outputs along
 *   each axis
 * @throws ShapeError where shapes disagree, or the kernel does not fit into the video.
 */
export function conv3d(
  video: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  stride: Triple,
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
    const { patches, grid } = unfold3d(video, kernel, stride);
    const flat = weight.reshape([outer, patches.axis(2)]);
    return { out: linear(patches, flat, { bias }), grid };
  });
}
