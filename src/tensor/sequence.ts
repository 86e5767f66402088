/**
 * Operations along the sequence axis: concatenation, slices, means, and adding to every position.
 */

import type { Engine } from '../gpu/engine.js';
import { ShapeError } from '../gpu/errors.js';
import { newOutput, pushNode, type Target } from './tape.js';
import { expectShape, Tensor } from './tensor.js';

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
          copyPositions(engine, dout, gradients.target(part), { length, inStart, outStart: 0 });
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
      const { tensor, accumulate } = gradients.target(x);
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

/**
 * x + row at every position of the sequence.
 *
 * @param x [B, T, width]
 * @param row [B, width]
 * @returns [B, T, width]
 */
export function addRow(x: Tensor, row: Tensor): Tensor {
  const { engine } = x;
  const { B, T, width } = expectShape('addRow', 'x', x, ['B', 'T', 'width']) as Record<
    'B' | 'T' | 'width',
    number
  >;
  expectShape('addRow', 'row', row, [B, width]);
  const out = newOutput(engine, x.shape, [x, row]);
  const params = {
    B,
    length: T,
    C: width,
    inLength: T,
    inStart: 0,
    outLength: T,
    outStart: 0,
    accumulate: 0,
    hasMask: 0,
  };
  const { items } = engine.tuning;
  engine.dispatch(
    'sequence.add_row',
    { x, row, out },
    params,
    Math.ceil(x.length / (WORKGROUP_SIZE * items)),
    { constants: { WG: WORKGROUP_SIZE, ITEMS: items } },
  );
  pushNode(engine, {
    op: 'addRow',
    outputs: [out],
    backward(gradients) {
      const dout = gradients.get(out);
      if (!dout) return;
      if (gradients.wants(row)) {
        const { tensor, accumulate } = gradients.target(row);
        engine.dispatch(
          'sequence.sum',
          { x: dout, out: tensor },
          { ...params, accumulate: Number(accumulate) },
          Math.ceil((B * width) / WORKGROUP_SIZE),
        );
      }
      gradients.transfer(out, x);
    },
  });
  return out;
}
