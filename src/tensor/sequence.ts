/** Along the sequence axis: concatenation, slices, means; and video patches as a sequence. */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import { linear } from './linear.js';
import { newOutput, pushNode, type Target } from './tape.js';
import { expectShape, showShape, Tensor } from './tensor.js';

const WORKGROUP_SIZE = 64;

/** A run of `length` positions, copied from `inStart` of x to `outStart` of out. */
interface Run {
  length: number;
  inStart: number;
  outStart: number;
}

/** target (+)= a run of x; x and target are [B, T, width] with T of their own. */
function copyRun(
  engine: Engine,
  x: Tensor,
  target: Target,
  { length, inStart, outStart }: Run,
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
 * Sequences one after the other.
 *
 * @param parts each [B, T_n, width]
 * @returns [B, sum of T_n, width]
 */
export function concatenate(parts: readonly Tensor[]): Tensor {
  const first = parts[0];
  if (!first) throw new ShapeError('concatenate', 'parts', 'at least one', 'an empty list');
  const { engine } = first;
  const bound: Record<string, number> = {};
  for (const [n, part] of parts.entries()) {
    expectShape('concatenate', `part ${n}`, part, ['B', `T${n}`, 'width'], bound);
  }
  const length = parts.reduce((sum, part) => sum + part.axis(1), 0);
  const out = newOutput(engine, [first.axis(0), length, first.axis(2)], parts);
  let outStart = 0;
  for (const part of parts) {
    copyRun(
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
      const dout = gradients.of(out);
      if (!dout) return;
      let inStart = 0;
      for (const part of parts) {
        const length = part.axis(1);
        if (gradients.wants(part))
          copyRun(engine, dout, gradients.into(part), { length, inStart, outStart: 0 });
        inStart += length;
      }
    },
  });
  return out;
}

/**
 * Writes x over positions start .. start + T - 1 of a longer sequence. No gradient flows through it.
 *
 * @param target [B, S, width]
 * @param x [B, T, width]
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
  copyRun(
    x.engine,
    x,
    { tensor: target, accumulate: false },
    { length, inStart: 0, outStart: start },
  );
}

/**
 * Positions start .. start + length - 1.
 *
 * @param x [B, T, width]
 * @returns [B, length, width]
 */
export function slice(x: Tensor, start: number, length: number): Tensor {
  const { engine } = x;
  const { B, T, width } = expectShape('slice', 'x', x, ['B', 'T', 'width']) as Record<
    'B' | 'T' | 'width',
    number
  >;
  const whole = Number.isInteger(start) && Number.isInteger(length);
  if (!whole || start < 0 || length < 1 || start + length > T) {
    throw new ShapeError('slice', 'the range', `within 0 to ${T}`, `${start} to ${start + length}`);
  }
  const out = newOutput(engine, [B, length, width], [x]);
  copyRun(engine, x, { tensor: out, accumulate: false }, { length, inStart: start, outStart: 0 });
  pushNode(engine, {
    op: 'slice',
    outputs: [out],
    backward(gradients) {
      const dout = gradients.of(out);
      if (!dout || !gradients.wants(x)) return;
      // The positions outside the slice have a gradient too: zero, or what others left there.
      const tensor = gradients.accumulator(x);
      copyRun(engine, dout, { tensor, accumulate: true }, { length, inStart: 0, outStart: start });
    },
  });
  return out;
}

/**
 * The mean over positions, over those whose mask is not zero where there is one; a row with none pools to 0.
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
      const dout = gradients.of(out);
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

/** Three numbers along time, height and width. */
export type Triple = readonly [number, number, number];

/**
 * Patches of a video as rows, in the order of a Conv3d weight's voxels.
 *
 * @param video [B, channels, frames, height, width]
 * @returns patches [B, t * h * w, channels * kt * kh * kw], and how many places [t, h, w] there are
 */
export function unfold3d(
  video: Tensor,
  kernel: Triple,
  stride: Triple,
): { patches: Tensor; places: Triple } {
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
      `positive, the kernel within ${showShape(extent)}`,
      `${showShape(kernel)} and ${showShape(stride)}`,
    );
  }
  const places = extent.map((n, axis) => Math.floor((n - kernel[axis]!) / stride[axis]!) + 1) as [
    number,
    number,
    number,
  ];
  const [kt, kh, kw] = kernel;
  const [t, h, w] = places;
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
      const dpatches = gradients.of(patches);
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
  return { patches, places };
}

/**
 * A 3-D convolution without padding, as one matrix product over patches.
 *
 * @param video [B, channels, frames, height, width]
 * @param weight [out, channels, kt, kh, kw]
 * @param bias [out]
 * @returns [B, t * h * w, out], channels last, places in the order t, h, w
 */
export function conv3d(
  video: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  stride: Triple,
): { out: Tensor; places: Triple } {
  const { channels } = expectShape('conv3d', 'video', video, VIDEO_AXES) as { channels: number };
  expectShape('conv3d', 'weight', weight, ['out', channels, 'kt', 'kh', 'kw']);
  if (bias) expectShape('conv3d', 'bias', bias, [weight.axis(0)]);
  const [outer, , ...kernel] = weight.shape as [number, number, number, number, number];
  return video.engine.scope(() => {
    const { patches, places } = unfold3d(video, kernel, stride);
    const flat = weight.reshape([outer, patches.axis(2)]);
    return { out: linear(patches, flat, { bias }), places };
  });
}
