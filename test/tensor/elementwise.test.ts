import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import { ACTIVATIONS } from '../../src/reference/activations.js';
import { map, plus, ref } from '../../src/reference/array.js';
import {
  activateBackward,
  activate as activation,
  applyMask,
} from '../../src/reference/elementwise.js';
import { dropoutMask } from '../../src/reference/random.js';
import {
  type Activation,
  activate,
  add,
  dropout,
  sumLosses,
} from '../../src/tensor/elementwise.js';
import { meanSquaredError } from '../../src/tensor/losses.js';
import { RandomState } from '../../src/tensor/random.js';
import { differentiate } from '../../src/tensor/tape.js';
import { Tensor } from '../../src/tensor/tensor.js';
import {
  checkOp,
  checkReference,
  expectClose,
  expectShapeErrors,
  type OpCase,
  printWorstErrors,
  toTensor,
  usedTwice,
  withCotangent,
} from '../helpers/check.js';
import { STAGED, useEngine } from '../helpers/engine.js';

/**
 * Lengths of one, odd, around 4, 16, 32 and 64, around a workgroup's elements (256, 1024), long;
 * several axes.
 */
const SHAPES: readonly (readonly number[])[] = [
  ...[1, 3, 4, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 257].map((n) => [n]),
  ...[1023, 1024, 1025, 10_007].map((n) => [n]),
  [7, 9],
  [2, 3, 5, 4],
];

const KINDS = ['gelu', 'relu', 'tanh', 'sigmoid', 'softplus', 'log1p'] as const;

function activationCase(kind: Activation, shape: readonly number[]): OpCase<'x'> {
  const random = new HostRandom(7);
  const x = map(ref(shape), () => Math.fround(3 * random.normal()));
  return {
    name: kind,
    kind: 'elementwise',
    inputs: { x: shape },
    values: { x: x.data },
    run: ({ x }) => activate(x, kind),
    forward: ({ x }) => activation(x, kind),
    backward: ({ x }, dy) => ({ x: activateBackward(x, kind, dy) }),
  };
}

function addCase(shape: readonly number[]): OpCase<'a' | 'b'> {
  return {
    name: 'add',
    kind: 'elementwise',
    inputs: { a: shape, b: shape },
    run: ({ a, b }) => add(a, b),
    forward: ({ a, b }) => plus(a, b),
    backward: (_, dy) => ({ a: dy, b: dy }),
  };
}

function addToItselfCase(shape: readonly number[]): OpCase<'x'> {
  return {
    name: 'add, x to x',
    kind: 'elementwise',
    inputs: { x: shape },
    run: ({ x }) => add(x, x),
    forward: ({ x }) => plus(x, x),
    backward: (_, dy) => ({ x: plus(dy, dy) }),
  };
}

/** `random` is undefined, or has the seed and step of `stream`, which the reference uses. */
function dropoutCase(
  random: RandomState | undefined,
  stream: { seed: number; step: number; site: number },
  rate: number,
  shape: readonly number[],
): OpCase<'x'> {
  const mask = dropoutMask(stream, rate, ref(shape).data.length);
  return {
    name: 'dropout',
    kind: 'elementwise',
    inputs: { x: shape },
    run: ({ x }) => dropout(x, random && { rate, site: stream.site, random }),
    forward: ({ x }) => applyMask(x, mask),
    backward: (_, dy) => ({ x: applyMask(dy, mask) }),
  };
}

describe('the reference', () => {
  it('has the numeric gradients of its elementwise functions', () => {
    for (const kind of KINDS) checkReference(activationCase(kind, [3, 7]));
    checkReference(addCase([2, 5]));
    checkReference(addToItselfCase([7]));
    checkReference(usedTwice(addCase([5])));
    checkReference(dropoutCase(undefined, { seed: 1, step: 2, site: 3 }, 0.4, [23]));
  });
});

for (const [variant, options] of [
  ['sixteen elements per invocation', {}],
  ['four elements per invocation', { tuning: STAGED }],
] as const) {
  describe(`elementwise functions, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    for (const shape of SHAPES) {
      it(`equal the reference at ${shape.join(' x ')}, with their gradients`, async () => {
        for (const kind of KINDS) await checkOp(engine(), activationCase(kind, shape));
        await checkOp(engine(), addCase(shape));
        await checkOp(engine(), addToItselfCase(shape));
        const stream = { seed: 2 ** 40 + 17, step: 5, site: 9 };
        const random = new RandomState(engine(), stream.seed);
        random.step = stream.step;
        await checkOp(engine(), dropoutCase(random, stream, 0.3, shape));
        await checkOp(engine(), usedTwice(dropoutCase(random, stream, 0.3, shape)));
        random.dispose();
      });
    }

    it('add up the gradients of an input used twice', async () => {
      for (const kind of KINDS) await checkOp(engine(), usedTwice(activationCase(kind, [77])));
      await checkOp(engine(), usedTwice(addCase([77])));
    });

    it('give a frozen input no gradient', async () => {
      await checkOp(engine(), { ...addCase([33]), constant: ['a'] });
      await checkOp(engine(), { ...addCase([33]), constant: ['b'] });
      await checkOp(engine(), { ...addCase([33]), constant: ['a', 'b'] });
      for (const kind of KINDS)
        await checkOp(engine(), { ...activationCase(kind, [5]), constant: ['x'] });
    });

    for (const [range, magnitudes] of [
      ['far from zero', [1e4, 1e3, 500, 1]],
      ['where exponentials overflow and vanish', [104, 103, 100, 90, 89, 88, 87, 50, 20, 10, 1]],
      ['next to zero', [0.101, 0.1, 0.099, 0.05, 1e-2, 1e-3, 1e-6, 1e-20, 0]],
    ] as const) {
      it(`stay finite and accurate ${range}`, async () => {
        const x = [...magnitudes, ...magnitudes.map((v) => -v)].map(Math.fround);
        for (const kind of KINDS) {
          const named = { ...activationCase(kind, [x.length]), name: `${kind}, extremes` };
          await checkOp(engine(), { ...named, values: { x } });
        }
      });
    }

    it('keep what is not a number, so that a training that has diverged is seen to have', async () => {
      for (const kind of KINDS) {
        for (const length of [5, 8]) {
          const x = new Float32Array(length).map((_, n) => (n % 3 === 0 ? Number.NaN : n - 2));
          const y = await activate(Tensor.from(engine(), x, [length]), kind).floats();
          expect([...y].map(Number.isNaN), kind).toEqual([...x].map(Number.isNaN));
        }
      }
    });

    it('have a small relative error where GELU and tanh are small', async () => {
      const negative = map(ref([96]), (_, n) => Math.fround(-n / 16 - 1e-3));
      for (const kind of ['gelu', 'tanh'] as const) {
        const y = await activate(toTensor(engine(), negative), kind).floats();
        const ratios = y.map((value, n) => value / ACTIVATIONS[kind][0](negative.data[n]!));
        expectClose(`${kind}, of each element`, 'product', ratios, new Float32Array(96).fill(1));
      }
    });
  });
}

describe('dropout', () => {
  const engine = useEngine();
  const ones = (n: number) =>
    toTensor(
      engine(),
      map(ref([n]), () => 1),
    );
  const maskOnDevice = async (
    stream: { seed: number; step: number; site: number },
    rate: number,
  ) => {
    const random = new RandomState(engine(), stream.seed);
    random.step = stream.step;
    return dropout(ones(4099), { rate, site: stream.site, random }).floats();
  };

  it('drops exactly the elements that the generator selects, for any seed, step, site and rate', async () => {
    for (const [seed, step, site, rate] of [
      [0, 0, 0, 0.5],
      [1, 0, 1, 0.1],
      [2 ** 32 - 1, 2 ** 32 - 1, 7, 0.9],
      [2 ** 53 - 1, 12_345, 400, 1e-3],
      [987_654_321, 1, 2 ** 31, 0.999],
    ] as const) {
      const expected = dropoutMask({ seed, step, site }, rate, 4099);
      const actual = await maskOnDevice({ seed, step, site }, rate);
      expect([...actual]).toEqual([...Float32Array.from(expected)]);
    }
  });

  it('keeps the expected share of elements, within four standard deviations', async () => {
    for (const rate of [0.05, 0.35, 0.8]) {
      const n = 200_000;
      const random = new RandomState(engine(), 3);
      const mask = await dropout(ones(n), { rate, site: 1, random }).floats();
      const count = mask.filter((value) => value !== 0).length;
      const deviation = Math.sqrt(n * rate * (1 - rate));
      expect(Math.abs(count - n * (1 - rate)), `at rate ${rate}`).toBeLessThan(4 * deviation);
    }
  });

  it('draws the same mask for the same seed, step and site, and an independent one otherwise', async () => {
    const stream = { seed: 5, step: 6, site: 7 };
    const mask = await maskOnDevice(stream, 0.5);
    expect(await maskOnDevice(stream, 0.5)).toEqual(mask);
    for (const other of [{ seed: 6 }, { seed: 5 + 2 ** 32 }, { step: 7 }, { site: 8 }]) {
      const changed = await maskOnDevice({ ...stream, ...other }, 0.5);
      const equal = changed.filter((value, n) => value === mask[n]).length;
      // Two independent masks agree on half of 4099 elements, give or take 32.
      expect(Math.abs(equal - 4099 / 2), JSON.stringify(other)).toBeLessThan(4 * 32);
    }
  });

  it('uses the same mask forward and backward', async () => {
    const n = 1000;
    const random = new RandomState(engine(), 8);
    const x = Tensor.from(engine(), new Float32Array(n).fill(1), [n], { requiresGrad: true });
    const { y } = differentiate(engine(), () => {
      const y = dropout(x, { rate: 0.5, site: 1, random });
      const cotangent = map(ref([n]), () => 1);
      return { loss: withCotangent(y, cotangent), y };
    });
    expect(await x.gradient!.floats()).toEqual(await y.floats());
  });

  it('returns its input if the rate is 0 or absent', () => {
    const x = ones(3);
    const random = new RandomState(engine(), 1);
    expect(dropout(x, undefined)).toBe(x);
    expect(dropout(x, { rate: 0, site: 1, random })).toBe(x);
  });

  it('rejects a rate that is not a probability below 1', () => {
    const random = new RandomState(engine(), 1);
    for (const rate of [1, 1.5, -0.1, Number.NaN]) {
      expect(() => dropout(ones(3), { rate, site: 1, random })).toThrow(
        `dropout: dropout rate should be from 0 up to below 1, but is ${rate}.`,
      );
    }
  });

  it('rejects a seed that is not an integer below 2^53', () => {
    for (const seed of [-1, 0.5, 2 ** 53, Number.NaN]) {
      expect(() => new RandomState(engine(), seed)).toThrow(
        `RandomState: seed should be a non-negative integer below 2^53, but is ${seed}.`,
      );
    }
  });
});

describe('sumLosses', () => {
  const engine = useEngine();
  const leaf = (values: number[]) =>
    Tensor.from(engine(), new Float32Array(values), [values.length], { requiresGrad: true });

  it('adds losses times their factors, and counts a loss twice that is listed twice', async () => {
    const x = leaf([1, 2, 4]);
    const y = leaf([3, 0, 0]);
    const zero = toTensor(engine(), ref([3]));
    const total = differentiate(engine(), () => {
      const a = meanSquaredError(x, zero);
      const b = meanSquaredError(y, zero);
      return sumLosses([a, b, a], [0.5, -3, 1]);
    });
    // The means of squares are 7 and 3, the gradients 2 x / 3.
    expect((await total.floats())[0]).toBeCloseTo(1.5 * 7 - 3 * 3, 5);
    expectClose('sumLosses dx', 'elementwise', await x.gradient!.floats(), [1, 2, 4]);
    expectClose('sumLosses dy', 'elementwise', await y.gradient!.floats(), [-6, 0, 0]);
  });

  it('multiplies the factors of nested sums, with a default factor of 1', async () => {
    const x = leaf([2]);
    const zero = toTensor(engine(), ref([1]));
    const total = differentiate(engine(), () => {
      const a = meanSquaredError(x, zero);
      return sumLosses([sumLosses([a, meanSquaredError(x, zero)]), a], [3, 0.5]);
    });
    expect((await total.floats())[0]).toBeCloseTo(4 * 6.5, 5);
    expectClose('sumLosses nested', 'elementwise', await x.gradient!.floats(), [4 * 6.5]);
  });

  it('gives no gradient to the input of a loss that is not in the sum', async () => {
    const x = leaf([2]);
    const y = leaf([2]);
    const zero = toTensor(engine(), ref([1]));
    differentiate(engine(), () => {
      meanSquaredError(y, zero);
      return sumLosses([meanSquaredError(x, zero)]);
    });
    expect(y.gradient).toBeUndefined();
    expect([...(await x.gradient!.floats())]).toEqual([4]);
  });
});

describe('elementwise functions with invalid arguments', () => {
  const engine = useEngine();
  const floats = (...shape: number[]) => Tensor.zeros(engine(), shape);
  const words = (...shape: number[]) => Tensor.zeros(engine(), shape, 'u32');

  it('name the argument, the expected and the actual value in the error', () => {
    const random = new RandomState(engine(), 1);
    expectShapeErrors([
      [() => add(floats(2, 3), floats(3, 2)), 'add: b should be [2, 3], but is [3, 2].'],
      [() => add(floats(6), floats(2, 3)), 'add: b should be [6], but is [2, 3].'],
      [() => add(words(2), floats(2)), 'add: a should be of type f32, but is u32.'],
      [() => add(floats(2), words(2)), 'add: b should be of type f32, but is u32.'],
      [() => activate(words(2), 'relu'), 'activate: x should be of type f32, but is u32.'],
      [
        () => dropout(words(2), { rate: 0.5, site: 1, random }),
        'dropout: x should be of type f32, but is u32.',
      ],
      [() => sumLosses([]), 'sumLosses: losses should be at least one, but is an empty list.'],
      [() => sumLosses([floats(1), floats(2)]), 'sumLosses: loss 1 should be [1], but is [2].'],
      [
        () => sumLosses([floats(1), floats(1)], [1]),
        'sumLosses: factors should be 2 numbers, but is 1.',
      ],
    ]);
  });
});
