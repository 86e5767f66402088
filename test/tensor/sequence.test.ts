import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import { plus } from '../../src/reference/array.js';
import * as reference from '../../src/reference/sequence.js';
import { addRow, concatenate, meanPool, slice } from '../../src/tensor/sequence.js';
import { Tensor } from '../../src/tensor/tensor.js';
import {
  checkOp,
  checkReference,
  expectShapeErrors,
  type OpCase,
  printWorstErrors,
  usedTwice,
} from '../helpers/check.js';
import { STAGED, useEngine } from '../helpers/engine.js';

type Shape = readonly [B: number, T: number, width: number];

/** Sizes of one, odd sizes, sizes around 4, 16, 32 and 64, and long axes. */
const SHAPES: readonly Shape[] = [
  [1, 1, 1],
  [1, 3, 5],
  [3, 4, 3],
  [2, 5, 4],
  [4, 15, 17],
  [1, 16, 16],
  [3, 17, 15],
  [2, 31, 33],
  [1, 32, 32],
  [5, 33, 31],
  [2, 63, 65],
  [1, 64, 64],
  [2, 65, 63],
  [1, 3001, 3],
  [2, 7, 500],
];

/** Three parts of lengths T, 1 and T + 3. */
function concatenateCase([B, T, width]: Shape): OpCase<'x' | 'y' | 'z'> {
  return {
    name: 'concatenate',
    kind: 'elementwise',
    inputs: { x: [B, T, width], y: [B, 1, width], z: [B, T + 3, width] },
    run: ({ x, y, z }) => concatenate([x, y, z]),
    forward: ({ x, y, z }) => reference.concatenate([x, y, z]),
    backward: (refs, dout) => {
      const [x, y, z] = reference.concatenateBackward([refs.x, refs.y, refs.z], dout);
      return { x: x!, y: y!, z: z! };
    },
  };
}

function selfCase(shape: Shape): OpCase<'x'> {
  return {
    name: 'concatenate, x to x',
    kind: 'elementwise',
    inputs: { x: shape },
    run: ({ x }) => concatenate([x, x]),
    forward: ({ x }) => reference.concatenate([x, x]),
    backward: ({ x }, dout) => {
      const [first, second] = reference.concatenateBackward([x, x], dout);
      return { x: plus(first!, second!) };
    },
  };
}

function sliceCase(shape: Shape, start: number, length: number): OpCase<'x'> {
  return {
    name: 'slice',
    kind: 'elementwise',
    inputs: { x: shape },
    run: ({ x }) => slice(x, start, length),
    forward: ({ x }) => reference.slice(x, start, length),
    backward: ({ x }, dout) => ({ x: reference.sliceBackward(x, start, dout) }),
  };
}

/**
 * The first two thirds of an input, followed by its last two thirds: the slices overlap in the
 * middle.
 */
function overlapCase(shape: Shape): OpCase<'x'> {
  const T = shape[1];
  const length = Math.ceil((2 * T) / 3);
  return {
    name: 'slice, overlapping',
    kind: 'elementwise',
    inputs: { x: shape },
    run: ({ x }) => concatenate([slice(x, 0, length), slice(x, T - length, length)]),
    forward: ({ x }) =>
      reference.concatenate([
        reference.slice(x, 0, length),
        reference.slice(x, T - length, length),
      ]),
    backward: ({ x }, dout) => {
      const first = reference.sliceBackward(x, 0, reference.slice(dout, 0, length));
      const last = reference.slice(dout, length, length);
      return { x: plus(first, reference.sliceBackward(x, T - length, last)) };
    },
  };
}

function poolCase(shape: Shape, mask?: Uint32Array): OpCase<'x'> {
  const [B, T] = shape;
  return {
    name: mask ? 'meanPool, mask' : 'meanPool',
    kind: 'product',
    inputs: { x: shape },
    run: ({ x }) => meanPool(x, mask && Tensor.from(x.engine, mask, [B, T])),
    forward: ({ x }) => reference.meanPool(x, mask),
    backward: ({ x }, dout) => ({ x: reference.meanPoolBackward(x, mask, dout) }),
  };
}

function addRowCase([B, T, width]: Shape): OpCase<'x' | 'row'> {
  return {
    name: 'addRow',
    kind: 'product',
    inputs: { x: [B, T, width], row: [B, width] },
    run: ({ x, row }) => addRow(x, row),
    forward: ({ x, row }) => reference.addRow(x, row),
    backward: (_, dout) => ({ x: dout, row: reference.addRowBackward(dout) }),
  };
}

/** Hides about a third of the positions, and of several rows the last one completely. */
function makeMask([B, T]: Shape): Uint32Array {
  const random = new HostRandom(6);
  const shows = (n: number) => random.integer(3) > 0 && (B === 1 || n < (B - 1) * T);
  // Every value but 0 counts as 1.
  return Uint32Array.from({ length: B * T }, (_, n) => (shows(n) ? 1 + (n % 3) * 2 ** 30 : 0));
}

describe('the reference', () => {
  it('has the numeric gradients of its sequence functions', () => {
    const small = [3, 5, 2] as const;
    checkReference(concatenateCase(small));
    checkReference(selfCase(small));
    checkReference(sliceCase(small, 1, 3));
    checkReference(overlapCase(small));
    checkReference(poolCase(small));
    checkReference(poolCase(small, makeMask(small)));
    checkReference(addRowCase(small));
  });
});

for (const [variant, options] of [
  ['sixteen elements per invocation', {}],
  ['four elements per invocation', { tuning: STAGED }],
] as const) {
  describe(`sequence functions, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    for (const shape of SHAPES) {
      it(`equal the reference at ${shape.join(' x ')}, with their gradients`, async () => {
        const T = shape[1];
        await checkOp(engine(), concatenateCase(shape));
        await checkOp(engine(), selfCase(shape));
        await checkOp(engine(), sliceCase(shape, 0, T));
        await checkOp(engine(), sliceCase(shape, Math.floor(T / 2), Math.ceil(T / 4)));
        await checkOp(engine(), sliceCase(shape, T - 1, 1));
        await checkOp(engine(), overlapCase(shape));
        await checkOp(engine(), poolCase(shape));
        await checkOp(engine(), poolCase(shape, makeMask(shape)));
        await checkOp(engine(), addRowCase(shape));
      });
    }

    it('add up the gradients of an input used twice', async () => {
      const shape = [3, 17, 15] as const;
      await checkOp(engine(), usedTwice(concatenateCase(shape)));
      await checkOp(engine(), usedTwice(sliceCase(shape, 3, 11)));
      await checkOp(engine(), usedTwice(poolCase(shape)));
      await checkOp(engine(), usedTwice(poolCase(shape, makeMask(shape))));
      await checkOp(engine(), usedTwice(addRowCase(shape)));
    });

    it('give a frozen input no gradient', async () => {
      const shape = [2, 5, 3] as const;
      for (const constant of [['x'], ['y'], ['x', 'z'], ['x', 'y', 'z']] as const)
        await checkOp(engine(), { ...concatenateCase(shape), constant });
      for (const constant of [['x'], ['row']] as const)
        await checkOp(engine(), { ...addRowCase(shape), constant });
      for (const op of [sliceCase(shape, 1, 2), poolCase(shape), poolCase(shape, makeMask(shape))])
        await checkOp(engine(), { ...op, constant: ['x'] });
    });
  });
}

describe('meanPool', () => {
  const engine = useEngine();

  it('gives 0 for a row whose positions are all hidden, even if they contain NaN', async () => {
    const x = Tensor.from(engine(), [1, 2, Number.NaN, Number.POSITIVE_INFINITY], [2, 2, 1]);
    const mask = Tensor.from(engine(), Uint32Array.of(1, 1, 0, 0), [2, 2]);
    expect([...(await meanPool(x, mask).floats())]).toEqual([1.5, 0]);
  });
});

describe('sequence functions with invalid arguments', () => {
  const engine = useEngine();
  const floats = (...shape: number[]) => Tensor.zeros(engine(), shape);
  const words = (...shape: number[]) => Tensor.zeros(engine(), shape, 'u32');

  it('name the argument, the expected and the actual value in the error', () => {
    const x = floats(2, 6, 3);
    const f32 = 'should be of type f32, but is u32.';
    expectShapeErrors([
      [() => concatenate([]), 'concatenate: parts should be at least one, but is an empty list.'],
      [
        () => concatenate([x, floats(3, 6, 3)]),
        'concatenate: part 1 should be [B = 2, T1, width = 3], but is [3, 6, 3].',
      ],
      [
        () => concatenate([x, floats(2, 6, 4)]),
        'concatenate: part 1 should be [B = 2, T1, width = 3], but is [2, 6, 4].',
      ],
      [
        () => concatenate([floats(6, 3)]),
        'concatenate: part 0 should be [B, T0, width], but is [6, 3].',
      ],
      [() => concatenate([x, words(2, 6, 3)]), `concatenate: part 1 ${f32}`],
      [() => slice(floats(6, 3), 0, 1), 'slice: x should be [B, T, width], but is [6, 3].'],
      [() => slice(words(2, 6, 3), 0, 1), `slice: x ${f32}`],
      [() => slice(x, -1, 2), 'slice: the range should be within 0 to 6, but is -1 to 1.'],
      [() => slice(x, 5, 2), 'slice: the range should be within 0 to 6, but is 5 to 7.'],
      [() => slice(x, 2, 0), 'slice: the range should be within 0 to 6, but is 2 to 2.'],
      [() => slice(x, 0.5, 2), 'slice: the range should be within 0 to 6, but is 0.5 to 2.5.'],
      [() => slice(x, 0, Number.NaN), 'slice: the range should be within 0 to 6, but is 0 to NaN.'],
      [
        () => addRow(floats(6, 3), floats(6, 3)),
        'addRow: x should be [B, T, width], but is [6, 3].',
      ],
      [() => addRow(x, floats(2, 4)), 'addRow: row should be [2, 3], but is [2, 4].'],
      [() => meanPool(floats(6, 3)), 'meanPool: x should be [B, T, width], but is [6, 3].'],
      [() => meanPool(words(2, 6, 3)), `meanPool: x ${f32}`],
      [() => meanPool(x, words(2, 5)), 'meanPool: mask should be [2, 6], but is [2, 5].'],
      [() => meanPool(x, floats(2, 6)), 'meanPool: mask should be of type u32, but is f32.'],
    ]);
  });
});
