import { describe, expect, it } from 'vitest';
import * as reference from '../../src/reference/softmax.js';
import { softmax } from '../../src/tensor/softmax.js';
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

function softmaxCase(shape: readonly number[]): OpCase<'logits'> {
  return {
    name: 'softmax',
    kind: 'product',
    inputs: { logits: shape },
    run: ({ logits }) => softmax(logits),
    forward: ({ logits }) => reference.softmax(logits),
    backward: ({ logits }, dy) => ({ logits: reference.softmaxBackward(logits, dy) }),
  };
}

describe('the reference', () => {
  it('has the numeric gradients of softmax', () => checkReference(softmaxCase([3, 5])));
});

for (const [variant, options] of [
  ['a row per invocation', {}],
  ['a row per 16 invocations', { tuning: STAGED }],
] as const) {
  describe(`softmax, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    for (const shape of [
      [1],
      [1, 1],
      [3, 1],
      [2, 3],
      [17, 15],
      [16, 16],
      [65, 33],
      [3, 1025],
      [2, 3, 5],
    ])
      it(`equals the reference at ${shape.join(' x ')}, with its gradient`, async () => {
        await checkOp(engine(), softmaxCase(shape));
      });

    it('adds up the gradients of an input used twice', async () => {
      await checkOp(engine(), usedTwice(softmaxCase([7, 9])));
    });

    it('neither overflows nor divides by zero far from zero', async () => {
      const logits = Tensor.from(engine(), [1e30, -1e30, 0, -1e30, -1e30, -1e30], [2, 3]);
      const shares = await softmax(logits).floats();
      expect([...shares.subarray(0, 3)]).toEqual([1, 0, 0]);
      for (const share of shares.subarray(3)) expect(share).toBeCloseTo(1 / 3, 6);
    });

    it('is of numbers, not words', () => {
      const words = Tensor.zeros(engine(), [2, 3], 'u32');
      expectShapeErrors([
        [() => softmax(words), 'softmax: logits should be of type f32, but is u32.'],
      ]);
    });
  });
}
