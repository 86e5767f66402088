import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import { map, ref } from '../../src/reference/array.js';
import * as reference from '../../src/reference/gru.js';
import { gru } from '../../src/tensor/gru.js';
import { Tensor } from '../../src/tensor/tensor.js';
import {
  checkOp,
  checkReference,
  expectClose,
  expectShapeErrors,
  type OpCase,
  printWorstErrors,
  toTensor,
} from '../helpers/check.js';
import { STAGED, useEngine } from '../helpers/engine.js';

type Inputs = keyof reference.GruRefs;

/**
 * [B, T, in, hidden]: sizes of one, odd widths, widths around multiples of four, more units than
 * lanes.
 */
const SHAPES = [
  [1, 1, 1, 1],
  [2, 3, 4, 4],
  [3, 1, 2, 5],
  [1, 7, 5, 3],
  [2, 4, 9, 33],
  [5, 6, 3, 16],
  [1, 2, 6, 70],
] as const;

function gruCase(
  [B, T, inner, hidden]: readonly [number, number, number, number],
  reverse: boolean,
): OpCase<Inputs> {
  return {
    name: reverse ? 'gru, reversed' : 'gru',
    kind: 'product',
    inputs: {
      x: [B, T, inner],
      initial: [B, hidden],
      weightInput: [3 * hidden, inner],
      biasInput: [3 * hidden],
      weightState: [3 * hidden, hidden],
      biasState: [3 * hidden],
    },
    run: ({ x, initial, ...weights }) => gru(x, initial, weights, { reverse }),
    forward: (inputs) => reference.gru(inputs, reverse),
    backward: (inputs, dy) => ({ ...reference.gruBackward(inputs, dy, reverse) }),
  };
}

describe('the reference', () => {
  it('has the numeric gradients of its recurrence', () => {
    checkReference(gruCase([2, 3, 2, 3], false));
    checkReference(gruCase([2, 3, 2, 3], true));
  });
});

for (const [variant, options] of [
  ['few lanes', {}],
  ['many lanes', { tuning: STAGED }],
] as const) {
  describe(`the GRU, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    for (const shape of SHAPES) {
      it(`equals the reference at ${shape.join(' x ')} in both directions, with its gradients`, async () => {
        await checkOp(engine(), gruCase(shape, false));
        await checkOp(engine(), gruCase(shape, true));
      });
    }

    it('keeps its state where the mask is zero, and propagates the gradient through it', async () => {
      const mask = Uint32Array.of(1, 0, 1, 0, 1, 1, 0, 0);
      for (const reverse of [false, true]) {
        const masked = gruCase([2, 4, 3, 5], reverse);
        await checkOp(engine(), {
          ...masked,
          name: `${masked.name}, masked`,
          run: ({ x, initial, ...weights }) =>
            gru(x, initial, weights, { reverse, mask: Tensor.from(engine(), mask, [2, 4]) }),
          forward: (inputs) => reference.gru(inputs, reverse, mask),
          backward: (inputs, dy) => ({ ...reference.gruBackward(inputs, dy, reverse, mask) }),
        });
      }
    });

    it('gives constant inputs no gradient', async () => {
      const constant = ['weightState', 'initial', 'x'] as const;
      await checkOp(engine(), { ...gruCase([2, 3, 4, 5], false), constant });
      await checkOp(engine(), { ...gruCase([2, 3, 4, 5], false), constant: ['biasState'] });
    });
  });
}

describe('the GRU', () => {
  const engine = useEngine();
  const zeros = (...shape: number[]) => toTensor(engine(), ref(shape));
  const weights = (inner: number, hidden: number) => ({
    weightInput: zeros(3 * hidden, inner),
    biasInput: zeros(3 * hidden),
    weightState: zeros(3 * hidden, hidden),
    biasState: zeros(3 * hidden),
  });

  it('halves its state at every step if all weights are zero', async () => {
    const initial = toTensor(engine(), ref([1, 2], [8, -4]));
    const out = await gru(zeros(1, 3, 1), initial, weights(1, 2)).floats();
    expect([...out]).toEqual([4, -2, 2, -1, 1, -0.5]);
  });

  it('has more rows than workgroups fit into one dimension of a grid', async () => {
    const rows = 65_537;
    const [x, initial] = [ref([rows, 1, 1]), ref([rows, 4])];
    for (let n = 0; n < rows; n++) x.data[n] = n % 3;
    const random = new HostRandom(3);
    const filled = (shape: number[]) => map(ref(shape), () => random.normal());
    const weights = {
      weightInput: filled([12, 1]),
      biasInput: filled([12]),
      weightState: filled([12, 4]),
      biasState: filled([12]),
    };
    const out = await gru(toTensor(engine(), x), toTensor(engine(), initial), {
      weightInput: toTensor(engine(), weights.weightInput),
      biasInput: toTensor(engine(), weights.biasInput),
      weightState: toTensor(engine(), weights.weightState),
      biasState: toTensor(engine(), weights.biasState),
    }).floats();
    const expected = reference.gru({ x, initial, ...weights }, false);
    expectClose('gru, many rows', 'product', out, expected.data);
  });

  it('names the argument of the wrong shape', () => {
    const x = zeros(2, 3, 4);
    expectShapeErrors([
      [
        () => gru(x, zeros(1, 5), weights(4, 5)),
        'gru: initial should be [B = 2, hidden], but is [1, 5].',
      ],
      [
        () => gru(x, zeros(2, 5), weights(3, 5)),
        'gru: weightInput should be [15, 4], but is [15, 3].',
      ],
      [
        () => gru(x, zeros(2, 1025), weights(4, 5)),
        'gru: weightInput should be [3075, 4], but is [15, 4].',
      ],
    ]);
  });
});
