import { describe, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import { map, plus, type Ref, ref } from '../../src/reference/array.js';
import * as reference from '../../src/reference/losses.js';
import { contrastiveLoss } from '../../src/tensor/losses.js';
import { normalize } from '../../src/tensor/normalize.js';
import { Tensor } from '../../src/tensor/tensor.js';
import {
  checkOp,
  checkReference,
  expectClose,
  expectShapeErrors,
  type OpCase,
  printWorstErrors,
  usedTwice,
} from '../helpers/check.js';
import { checkLoss, type LossCase, lossAsOp } from '../helpers/check-loss.js';
import { STAGED, useEngine } from '../helpers/engine.js';

type Shape = readonly [rows: number, width: number];

/** Sizes of one, odd sizes, sizes around 4, 16, 32 and 64, many rows, long rows. */
const SHAPES: readonly Shape[] = [
  [1, 1],
  [2, 3],
  [1, 4],
  [3, 5],
  [4, 7],
  [15, 9],
  [16, 16],
  [17, 15],
  [31, 33],
  [32, 32],
  [33, 31],
  [63, 65],
  [64, 64],
  [65, 63],
  [150, 8],
  [2, 1023],
];

function normalizeCase(shape: readonly number[], eps?: number): OpCase<'x'> {
  return {
    name: eps === undefined ? 'normalize' : 'normalize, eps',
    kind: 'product',
    inputs: { x: shape },
    run: ({ x }) => normalize(x, eps),
    forward: ({ x }) => reference.normalize(x, eps),
    backward: ({ x }, dy) => ({ x: reference.normalizeBackward(x, dy, eps) }),
  };
}

/** With rows of about unit length, like those that `normalize` returns. */
function contrastiveCase(shape: Shape): LossCase<'u' | 'v'> {
  const setup = { temperature: 0.3, factor: 1.3 };
  const random = new HostRandom(12);
  const side = () => map(ref(shape), () => Math.fround(random.normal() / Math.sqrt(shape[1]))).data;
  return {
    name: 'contrastiveLoss',
    kind: 'product',
    inputs: { u: shape, v: shape },
    values: { u: side(), v: side() },
    run: ({ u, v }) => contrastiveLoss(u, v, setup),
    value: ({ u, v }) => reference.contrastiveLoss(u, v, setup),
    gradients: ({ u, v }) => reference.contrastiveLossBackward(u, v, setup),
  };
}

/** As models use it: with rows of unit length and a low temperature. */
function cosineCase(shape: Shape): LossCase<'x' | 'y'> {
  const setup = { temperature: 0.07 };
  const unit = ({ x, y }: { x: Ref; y: Ref }) =>
    [reference.normalize(x), reference.normalize(y)] as const;
  return {
    name: 'contrastiveLoss of normalize',
    kind: 'product',
    inputs: { x: shape, y: shape },
    run: ({ x, y }) => contrastiveLoss(normalize(x), normalize(y), setup),
    value: (refs) => reference.contrastiveLoss(...unit(refs), setup),
    gradients: (refs) => {
      const { u, v } = reference.contrastiveLossBackward(...unit(refs), setup);
      const { x, y } = refs;
      return { x: reference.normalizeBackward(x, u), y: reference.normalizeBackward(y, v) };
    },
  };
}

/** With the same tensor on both sides. */
function selfCase(shape: Shape): LossCase<'u'> {
  const both = contrastiveCase(shape);
  return {
    name: 'contrastiveLoss, u to u',
    kind: 'product',
    inputs: { u: shape },
    values: { u: both.values!.u! },
    run: ({ u }) => both.run({ u, v: u }),
    value: ({ u }) => both.value({ u, v: u }),
    gradients: ({ u }) => {
      const gradients = both.gradients({ u, v: u });
      return { u: plus(gradients.u!, gradients.v!) };
    },
  };
}

describe('the reference', () => {
  it('has the numeric gradients of its normalization and contrastive loss', () => {
    checkReference(normalizeCase([3, 4]));
    checkReference(normalizeCase([6, 2], 1.5));
    checkReference(lossAsOp(contrastiveCase([4, 3])));
    checkReference(lossAsOp(cosineCase([3, 4])));
    checkReference(lossAsOp(selfCase([4, 3])));
  });
});

for (const [variant, options] of [
  ['one lane per row', {}],
  ['many lanes per row', { tuning: STAGED }],
] as const) {
  describe(`normalization and the contrastive loss, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    for (const shape of SHAPES) {
      it(`equal the reference at ${shape.join(' x ')}, with their gradients`, async () => {
        await checkOp(engine(), normalizeCase(shape));
        // About half of the rows are shorter than this.
        await checkOp(engine(), normalizeCase(shape, Math.sqrt(shape[1])));
        await checkLoss(engine(), contrastiveCase(shape));
        await checkLoss(engine(), cosineCase(shape));
        await checkLoss(engine(), selfCase(shape));
      });
    }

    it('accept several leading axes, and thousands of rows', async () => {
      await checkOp(engine(), normalizeCase([2, 3, 5]));
      await checkOp(engine(), normalizeCase([4001, 4]));
    });

    it('add up the gradients of an input normalized twice', async () => {
      await checkOp(engine(), usedTwice(normalizeCase([17, 15])));
    });

    it('give a frozen input no gradient', async () => {
      await checkLoss(engine(), { ...contrastiveCase([4, 3]), constant: ['u'] });
      await checkLoss(engine(), { ...contrastiveCase([4, 3]), constant: ['v'] });
      await checkOp(engine(), { ...normalizeCase([3, 4]), constant: ['x'] });
    });

    it('keep a row of zeros at zero', async () => {
      const x = Tensor.from(engine(), [0, 0, 3, 4], [2, 2]);
      const unit = await normalize(x).floats();
      expectClose('normalize of zeros', 'elementwise', unit, [0, 0, 0.6, 0.8]);
    });
  });
}

describe('normalization and the contrastive loss with invalid arguments', () => {
  const engine = useEngine();
  const floats = (...shape: number[]) => Tensor.zeros(engine(), shape);
  const words = (...shape: number[]) => Tensor.zeros(engine(), shape, 'u32');

  it('name the argument, the expected and the actual value in the error', () => {
    const u = floats(3, 4);
    const contrast =
      (v: Tensor, temperature = 1) =>
      () =>
        contrastiveLoss(u, v, { temperature });
    const f32 = 'should be of type f32, but is u32.';
    const temperature = 'contrastiveLoss: temperature should be above 0, but is';
    expectShapeErrors([
      [() => normalize(words(2, 3)), `normalize: x ${f32}`],
      [contrast(floats(3, 5)), 'contrastiveLoss: v should be [B = 3, width = 4], but is [3, 5].'],
      [contrast(words(3, 4)), `contrastiveLoss: v ${f32}`],
      [() => contrastiveLoss(words(3, 4), u, { temperature: 1 }), `contrastiveLoss: u ${f32}`],
      [
        () => contrastiveLoss(floats(2, 3, 4), u, { temperature: 1 }),
        'contrastiveLoss: u should be [B, width], but is [2, 3, 4].',
      ],
      [contrast(u, 0), `${temperature} 0.`],
      [contrast(u, Number.NaN), `${temperature} NaN.`],
    ]);
  });
});
