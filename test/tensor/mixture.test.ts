import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import { map, plus, ref } from '../../src/reference/array.js';
import * as reference from '../../src/reference/mixture.js';
import { mixWeights } from '../../src/tensor/mixture.js';
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

/** Logits with a deviation of 3, and weights from 0.1 to 2: every class has both. */
function mixtureCase(shape: readonly number[]): OpCase<'logits' | 'weights'> {
  const random = new HostRandom(5);
  const logits = map(ref(shape), () => Math.fround(3 * random.normal()));
  const weights = map(ref(shape), () => Math.fround(0.1 + 1.9 * random.uniform()));
  return {
    name: 'mixWeights',
    kind: 'elementwise',
    inputs: { logits: shape, weights: shape },
    values: { logits: logits.data, weights: weights.data },
    run: (tensors) => mixWeights(tensors.logits, tensors.weights),
    forward: (refs) => reference.mixWeights(refs.logits, refs.weights),
    backward: (refs, dout) => reference.mixWeightsBackward(refs.logits, refs.weights, dout),
  };
}

describe('the reference', () => {
  it('has the numeric gradients of mixWeights', () => checkReference(mixtureCase([3, 5])));
});

for (const [variant, options] of [
  ['sixteen elements per invocation', {}],
  ['four elements per invocation', { tuning: STAGED }],
] as const) {
  describe(`mixWeights, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    for (const shape of [[1], [5], [63], [64], [257], [1025], [7, 9], [2, 3, 5]]) {
      it(`equals the reference at ${shape.join(' x ')}, with its gradients`, async () => {
        await checkOp(engine(), mixtureCase(shape));
      });
    }

    it('adds up the gradients of an input used twice', async () => {
      await checkOp(engine(), usedTwice(mixtureCase([77])));
    });

    it('adds up the gradients of one tensor as logits and as weights', async () => {
      const mixed = mixtureCase([77]);
      const both: OpCase<'x'> = {
        name: 'mixWeights, x with x',
        kind: 'elementwise',
        inputs: { x: [77] },
        values: { x: mixed.values!.weights! },
        run: ({ x }) => mixWeights(x, x),
        forward: ({ x }) => reference.mixWeights(x, x),
        backward: ({ x }, dout) => {
          const { logits, weights } = reference.mixWeightsBackward(x, x, dout);
          return { x: plus(logits, weights) };
        },
      };
      await checkOp(engine(), both);
    });

    it('keeps what is not a number', async () => {
      const values = Float32Array.of(Number.NaN, 1, 2, Number.NaN);
      const [x, y] = [
        values,
        values
          .slice()
          .reverse()
          .map((v) => v + 1),
      ].map((data) => Tensor.from(engine(), data, [4])) as [Tensor, Tensor];
      const mixed = [...(await mixWeights(x, y).floats())];
      expect(mixed.map(Number.isNaN)).toEqual([true, false, false, true]);
      const weights = Tensor.from(engine(), Float32Array.of(1, Number.NaN, 1, 1), [4]);
      const unmixed = Tensor.from(engine(), Float32Array.of(0, 0, 0, 0), [4]);
      expect([...(await mixWeights(unmixed, weights).floats())].map(Number.isNaN)).toEqual([
        false,
        true,
        false,
        false,
      ]);
    });

    it('gives a frozen input no gradient', async () => {
      await checkOp(engine(), { ...mixtureCase([33]), constant: ['logits'] });
      await checkOp(engine(), { ...mixtureCase([33]), constant: ['weights'] });
    });
  });
}

describe('mixWeights', () => {
  const engine = useEngine();
  const tensor = (values: readonly number[]) => Tensor.from(engine(), values, [values.length]);

  it('leaves a logit as it is where there is no weight, however large it is', async () => {
    const logits = [-1e30, -100, 0, 3.25, 1e30];
    const mixed = await mixWeights(tensor(logits), tensor([0, 0, 0, 0, -1])).floats();
    expect([...mixed]).toEqual(logits.map(Math.fround));
  });

  it('gives a class the share of its weight, whatever its logit', async () => {
    // Masses 1, 1 and 0 with weights 0, 2 and 1: shares of 1/5, 3/5 and 1/5.
    const mixed = await mixWeights(tensor([0, 0, -1e30]), tensor([0, 2, 1])).floats();
    const mass = [...mixed].map(Math.exp);
    const total = mass.reduce((sum, m) => sum + m);
    for (const [n, share] of [0.2, 0.6, 0.2].entries())
      expect(mass[n]! / total).toBeCloseTo(share, 6);
  });

  it('names the argument, the expected and the actual shape in an error', () => {
    expectShapeErrors([
      [
        () => mixWeights(tensor([1, 2]), tensor([1])),
        'mixWeights: weights should be [2], but is [1].',
      ],
    ]);
  });
});
