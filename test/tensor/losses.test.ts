import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import { map, plus, ref } from '../../src/reference/array.js';
import * as reference from '../../src/reference/losses.js';
import { sumLosses } from '../../src/tensor/elementwise.js';
import {
  crossEntropy,
  meanSquaredError,
  NO_CLASS,
  rowCrossEntropy,
} from '../../src/tensor/losses.js';
import { differentiate } from '../../src/tensor/tape.js';
import { Tensor } from '../../src/tensor/tensor.js';
import {
  checkReference,
  expectClose,
  expectShapeErrors,
  printWorstErrors,
} from '../helpers/check.js';
import { checkLoss, type LossCase, lossAsOp } from '../helpers/check-loss.js';
import { STAGED, useEngine } from '../helpers/engine.js';

type Shape = readonly [rows: number, width: number];

/** Sizes of one, odd sizes, sizes around 4, 16, 32 and 64, many rows, many classes. */
const SHAPES: readonly Shape[] = [
  [1, 1],
  [3, 2],
  [2, 3],
  [1, 4],
  [3, 5],
  [4, 7],
  [5, 8],
  [15, 9],
  [16, 16],
  [17, 15],
  [31, 33],
  [32, 32],
  [33, 31],
  [63, 65],
  [64, 64],
  [65, 63],
  [4001, 4],
  [2, 1023],
];

const MANY_CLASSES: readonly Shape[] = [
  [2, 50_257],
  [3, 65_535],
  [3, 65_536],
];

interface Rows {
  targets: Uint32Array;
  ignore: number;
  weights: Float64Array;
}

/**
 * Random targets, the first and the last class, and rows that do not count: ignored ones, and
 * targets past the end.
 */
function makeRows([rows, classes]: Shape): Rows {
  const random = new HostRandom(9);
  const ignore = classes > 2 ? 1 : NO_CLASS;
  const targets = Uint32Array.from({ length: rows }, (_, r) => {
    const past = [NO_CLASS, classes, classes + 1];
    if (r % 6 === 5) return past[r % past.length]!;
    return [0, classes - 1, random.integer(classes), ignore][r % 4]!;
  });
  const weights = Float64Array.from({ length: classes }, (_, c) =>
    c % 7 === 6 ? 0 : Math.fround(0.1 + random.uniform()),
  );
  return { targets, ignore, weights };
}

function plainCase(shape: Shape, leading: readonly number[] = [shape[0]]): LossCase<'logits'> {
  const [rows, classes] = shape;
  const random = new HostRandom(2);
  const targets = Uint32Array.from({ length: rows }, () => random.integer(classes));
  return {
    name: 'crossEntropy',
    kind: 'product',
    inputs: { logits: [...leading, classes] },
    run: ({ logits }) => crossEntropy(logits, Tensor.from(logits.engine, targets, leading)),
    value: ({ logits }) => reference.crossEntropy(logits, { targets }),
    gradients: ({ logits }) => ({ logits: reference.crossEntropyGradient(logits, { targets }) }),
  };
}

function weightedCase(shape: Shape): LossCase<'logits'> {
  const { targets, ignore, weights } = makeRows(shape);
  const setup = { targets, ignore, weights, factor: -0.6 };
  return {
    name: 'crossEntropy, ignore, weights, factor',
    kind: 'product',
    inputs: { logits: shape },
    run: ({ logits }) => {
      const { engine } = logits;
      return crossEntropy(logits, Tensor.from(engine, targets, [shape[0]]), {
        ignore,
        factor: setup.factor,
        weights: Tensor.from(engine, Float32Array.from(weights), [shape[1]]),
      });
    },
    value: ({ logits }) => reference.crossEntropy(logits, setup),
    gradients: ({ logits }) => ({ logits: reference.crossEntropyGradient(logits, setup) }),
  };
}

/** The sum of two losses of the same input, with factors. */
function pairCase(shape: Shape): LossCase<'logits'> {
  const plain = plainCase(shape);
  const weighted = weightedCase(shape);
  return {
    ...plain,
    name: 'crossEntropy, two of one input',
    run: (tensors) => sumLosses([plain.run(tensors), weighted.run(tensors)], [1, -2.5]),
    value: (refs) => plain.value(refs) - 2.5 * weighted.value(refs),
    gradients: (refs) => {
      const scaled = map(weighted.gradients(refs).logits!, (value) => -2.5 * value);
      return { logits: plus(plain.gradients(refs).logits!, scaled) };
    },
  };
}

/** Logits shifted by a constant, which does not change their softmax. */
function shiftedCase(shape: Shape, offset: number): LossCase<'logits'> {
  const random = new HostRandom(5);
  const logits = map(ref(shape), () => Math.fround(offset + 3 * random.normal()));
  return { ...plainCase(shape), name: 'crossEntropy, shifted', values: { logits: logits.data } };
}

function squaredCase(shape: readonly number[]): LossCase<'prediction' | 'truth'> {
  return {
    name: 'meanSquaredError',
    kind: 'product',
    inputs: { prediction: shape, truth: shape },
    constant: ['truth'],
    run: ({ prediction, truth }) => meanSquaredError(prediction, truth),
    value: ({ prediction, truth }) => reference.meanSquaredError(prediction, truth),
    gradients: ({ prediction, truth }) => ({
      prediction: reference.meanSquaredErrorGradient(prediction, truth),
    }),
  };
}

type Weighted = 'prediction' | 'truth' | 'weights';

function weightedSquaredCase(shape: readonly number[]): LossCase<Weighted> {
  const random = new HostRandom(3);
  const weights = map(ref(shape), (_, n) => (n % 3 === 2 ? 0 : Math.fround(random.uniform())));
  const factor = 1.7;
  return {
    name: 'meanSquaredError, weights, factor',
    kind: 'product',
    inputs: { prediction: shape, truth: shape, weights: shape },
    values: { weights: weights.data },
    constant: ['truth', 'weights'],
    run: ({ prediction, truth, weights }) =>
      meanSquaredError(prediction, truth, { weights, factor }),
    value: ({ prediction, truth, weights }) =>
      reference.meanSquaredError(prediction, truth, weights, factor),
    gradients: ({ prediction, truth, weights }) => ({
      prediction: reference.meanSquaredErrorGradient(prediction, truth, weights, factor),
    }),
  };
}

describe('a cross-entropy whose total weight is given', () => {
  const engine = useEngine();

  it('is that of the rows, with its gradient, by the share of their weight', async () => {
    const random = new HostRandom(3);
    const [rows, classes] = [7, 5];
    const logits = Float32Array.from({ length: rows * classes }, () => random.normal());
    const targets = Uint32Array.of(0, 4, 2, NO_CLASS, 1, 1, 3);
    const run = async (totalWeight?: number) => {
      const z = Tensor.from(engine(), logits, [rows, classes]).keep();
      z.requiresGrad = true;
      const y = Tensor.from(engine(), targets, [rows]);
      const total =
        totalWeight === undefined
          ? undefined
          : Tensor.from(engine(), Float32Array.of(totalWeight), [1]);
      const loss = differentiate(engine(), () =>
        crossEntropy(z, y, { factor: 2, totalWeight: total }),
      );
      return { loss: (await loss.floats())[0]!, gradient: await z.gradient!.floats() };
    };
    const own = await run();
    const given = await run(24);
    // Six rows count.
    expect(given.loss).toBeCloseTo(own.loss / 4, 6);
    for (const [n, slope] of own.gradient.entries())
      expect(given.gradient[n]).toBeCloseTo(slope / 4, 7);
  });
});

describe('the reference', () => {
  it('has the numeric gradients of its losses', () => {
    checkReference(lossAsOp(plainCase([3, 5])));
    checkReference(lossAsOp(weightedCase([13, 9])));
    checkReference(lossAsOp(pairCase([9, 4])));
    checkReference(lossAsOp(squaredCase([7])));
    checkReference(lossAsOp(weightedSquaredCase([2, 5])));
  });
});

for (const [variant, options] of [
  ['one lane per row', {}],
  ['many lanes per row', { tuning: STAGED }],
] as const) {
  describe(`losses, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    for (const shape of SHAPES) {
      it(`equal the reference at ${shape.join(' x ')}, with their gradients`, async () => {
        await checkLoss(engine(), plainCase(shape));
        await checkLoss(engine(), weightedCase(shape));
        await checkLoss(engine(), pairCase(shape));
        await checkLoss(engine(), squaredCase(shape));
        await checkLoss(engine(), weightedSquaredCase(shape));
      });
    }

    for (const shape of MANY_CLASSES) {
      it(`equal the reference with ${shape[1]} classes`, async () => {
        await checkLoss(engine(), plainCase(shape));
        await checkLoss(engine(), weightedCase(shape));
      });
    }

    it('are accurate however far the logits are from zero', async () => {
      for (const offset of [300, -300, 5000, -1e5])
        await checkLoss(engine(), shiftedCase([17, 37], offset));
    });

    it('give classes with a logit of -3e38 no probability', async () => {
      const random = new HostRandom(1);
      const isHidden = (n: number) => n % 37 > 3 && n % 5 !== 0;
      const logits = map(ref([3, 37]), (_, n) => (isHidden(n) ? -3e38 : random.normal()));
      const targets = Uint32Array.of(1, 0, 3);
      const rounded = map(logits, Math.fround);
      await checkLoss(engine(), {
        ...plainCase([3, 37]),
        name: 'crossEntropy, hidden classes',
        values: { logits: rounded.data },
        run: ({ logits }) => crossEntropy(logits, Tensor.from(engine(), targets, [3])),
        value: ({ logits }) => reference.crossEntropy(logits, { targets }),
        gradients: ({ logits }) => ({
          logits: reference.crossEntropyGradient(logits, { targets }),
        }),
      });
    });

    it('equal the reference row by row', async () => {
      const random = new HostRandom(4);
      for (const shape of SHAPES) {
        const [rows, classes] = shape;
        const { targets, ignore } = makeRows(shape);
        const logits = Float32Array.from({ length: rows * classes }, () => 3 * random.normal());
        const losses = rowCrossEntropy(
          Tensor.from(engine(), logits, shape),
          Tensor.from(engine(), targets, [rows]),
          { ignore },
        );
        const expected = Array.from(targets, (target, row) => {
          const rowLogits = logits.subarray(row * classes, (row + 1) * classes);
          const setup = { targets: [target], ignore };
          return reference.crossEntropy(
            map(ref([1, classes]), (_, n) => rowLogits[n]!),
            setup,
          );
        });
        expect(losses.shape).toEqual([rows]);
        expectClose('rowCrossEntropy', 'elementwise', await losses.floats(), expected);
      }
    });

    it('accept logits and targets with several leading axes', async () => {
      await checkLoss(engine(), plainCase([30, 7], [2, 3, 5]));
    });

    it('give a frozen input no gradient', async () => {
      await checkLoss(engine(), { ...plainCase([3, 5]), constant: ['logits'] });
      await checkLoss(engine(), { ...squaredCase([5]), constant: ['prediction', 'truth'] });
    });

    it('are 0, with a gradient of 0, where no row counts', async () => {
      const logits = Tensor.from(engine(), [1, 2, 3, 40, 5, 6, 7, 8], [2, 4], {
        requiresGrad: true,
      });
      const zeroWeights = Tensor.zeros(engine(), [4]);
      for (const [targets, options] of [
        [[2, 2], { ignore: 2 }],
        [[NO_CLASS, 4], {}],
        [[1, 3], { weights: zeroWeights }],
      ] as const) {
        logits.gradient = undefined;
        const loss = differentiate(engine(), () =>
          crossEntropy(logits, Tensor.from(engine(), Uint32Array.from(targets), [2]), options),
        );
        expect([...(await loss.floats())]).toEqual([0]);
        expect([...(await logits.gradient!.floats())].map(Math.abs)).toEqual(Array(8).fill(0));
      }
    });

    it('are 0, with a gradient of 0, where every weight is 0', async () => {
      const x = Tensor.from(engine(), [1, 2, 3], [3], { requiresGrad: true });
      const zeros = Tensor.zeros(engine(), [3]);
      const loss = differentiate(engine(), () => meanSquaredError(x, zeros, { weights: zeros }));
      expect([...(await loss.floats())]).toEqual([0]);
      expect([...(await x.gradient!.floats())]).toEqual([0, 0, 0]);
    });

    it('add to the gradient of earlier passes', async () => {
      const x = Tensor.from(engine(), [2, 4], [2], { requiresGrad: true });
      const zeros = Tensor.zeros(engine(), [2]);
      for (let pass = 0; pass < 3; pass++)
        differentiate(engine(), () => meanSquaredError(x, zeros)).dispose();
      expectClose('three passes', 'elementwise', await x.gradient!.floats(), [6, 12]);
    });

    it('give the gradient the shape of the leaf if the loss reads a reshaped view', async () => {
      const x = Tensor.zeros(engine(), [2, 3, 4], 'f32', { requiresGrad: true });
      const targets = Tensor.zeros(engine(), [6], 'u32');
      differentiate(engine(), () => crossEntropy(x.reshape([6, 4]), targets)).dispose();
      expect(x.gradient!.shape).toEqual([2, 3, 4]);
    });
  });
}

describe('losses with invalid arguments', () => {
  const engine = useEngine();
  const floats = (...shape: number[]) => Tensor.zeros(engine(), shape);
  const words = (...shape: number[]) => Tensor.zeros(engine(), shape, 'u32');

  it('name the argument, the expected and the actual value in the error', () => {
    const f32 = 'should be of type f32, but is u32.';
    const x = floats(3, 4);
    const square = (truth: Tensor, weights?: Tensor) => () =>
      meanSquaredError(x, truth, { weights });
    expectShapeErrors([
      [() => crossEntropy(words(3, 4), words(3)), `crossEntropy: logits ${f32}`],
      [() => crossEntropy(x, words(4)), 'crossEntropy: targets should be [3], but is [4].'],
      [() => rowCrossEntropy(words(3, 4), words(3)), `rowCrossEntropy: logits ${f32}`],
      [() => rowCrossEntropy(x, words(4)), 'rowCrossEntropy: targets should be [3], but is [4].'],
      [
        () => crossEntropy(x, floats(3)),
        'crossEntropy: targets should be of type u32, but is f32.',
      ],
      [
        () => crossEntropy(x, words(3), { weights: floats(3) }),
        'crossEntropy: weights should be [4], but is [3].',
      ],
      [() => crossEntropy(x, words(3), { weights: words(4) }), `crossEntropy: weights ${f32}`],
      [square(floats(4, 3)), 'meanSquaredError: truth should be [3, 4], but is [4, 3].'],
      [square(words(3, 4)), `meanSquaredError: truth ${f32}`],
      [square(x, floats(3)), 'meanSquaredError: weights should be [3, 4], but is [3].'],
      [square(x, words(3, 4)), `meanSquaredError: weights ${f32}`],
      [() => meanSquaredError(words(2), floats(2)), `meanSquaredError: prediction ${f32}`],
    ]);
  });
});
