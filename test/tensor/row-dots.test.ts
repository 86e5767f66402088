import { describe, it } from 'vitest';
import * as reference from '../../src/reference/row-dots.js';
import { rowDots } from '../../src/tensor/row-dots.js';
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

type Shape = readonly [B: number, N: number, width: number];

/** Sizes of one, odd sizes, sizes around the lanes of a row and a workgroup, many rows. */
const SHAPES: readonly Shape[] = [
  [1, 1, 1],
  [3, 5, 7],
  [2, 15, 16],
  [4, 17, 15],
  [1, 64, 33],
  [5, 63, 32],
  [2, 1001, 3],
  [33, 2, 65],
  [3, 4, 500],
];

function withBias([B, N, width]: Shape): OpCase<'x' | 'weight' | 'bias'> {
  return {
    name: 'rowDots, bias',
    kind: 'product',
    inputs: { x: [B, N, width], weight: [N, width], bias: [N] },
    run: ({ x, weight, bias }) => rowDots(x, weight, bias),
    forward: ({ x, weight, bias }) => reference.rowDots(x, weight, bias),
    backward: ({ x, weight }, dout) => reference.rowDotsBackward(x, weight, dout),
  };
}

function withoutBias([B, N, width]: Shape): OpCase<'x' | 'weight'> {
  return {
    name: 'rowDots',
    kind: 'product',
    inputs: { x: [B, N, width], weight: [N, width] },
    run: ({ x, weight }) => rowDots(x, weight),
    forward: ({ x, weight }) => reference.rowDots(x, weight),
    backward: ({ x, weight }, dout) => reference.rowDotsBackward(x, weight, dout),
  };
}

describe('the reference', () => {
  it('has the numeric gradients of rowDots', () => {
    checkReference(withBias([3, 5, 2]));
    checkReference(withoutBias([2, 3, 4]));
  });
});

for (const [variant, options] of [
  ['one invocation per row', {}],
  ['sixteen invocations per row', { tuning: STAGED }],
] as const) {
  describe(`rowDots, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    for (const shape of SHAPES) {
      it(`equals the reference at ${shape.join(' x ')}, with its gradients`, async () => {
        await checkOp(engine(), withBias(shape));
        await checkOp(engine(), withoutBias(shape));
      });
    }

    it('adds up the gradients of an input used twice', async () => {
      await checkOp(engine(), usedTwice(withBias([3, 17, 15])));
    });

    it('gives a frozen input no gradient', async () => {
      for (const constant of [['x'], ['weight'], ['bias'], ['weight', 'bias']] as const)
        await checkOp(engine(), { ...withBias([2, 5, 3]), constant });
    });
  });
}

describe('rowDots with invalid arguments', () => {
  const engine = useEngine();
  const floats = (...shape: number[]) => Tensor.zeros(engine(), shape);

  it('names the argument, the expected and the actual shape in the error', () => {
    const x = floats(2, 6, 3);
    expectShapeErrors([
      [
        () => rowDots(floats(6, 3), floats(6, 3)),
        'rowDots: x should be [B, N, width], but is [6, 3].',
      ],
      [() => rowDots(x, floats(6, 4)), 'rowDots: weight should be [6, 3], but is [6, 4].'],
      [() => rowDots(x, floats(6, 3), floats(3)), 'rowDots: bias should be [6], but is [3].'],
    ]);
  });
});
