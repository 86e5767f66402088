import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine.js';
import { HostRandom } from '../../src/math/random.js';
import { map, type Ref, ref } from '../../src/reference/array.js';
import * as reference from '../../src/reference/embedding.js';
import { add } from '../../src/tensor/elementwise.js';
import {
  addPositions,
  embedding,
  repeatRows,
  sinusoid,
  Tokens,
} from '../../src/tensor/embedding.js';
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

type Shape = readonly [B: number, T: number, width: number, vocabulary: number];

/**
 * Sizes of one, odd sizes, sizes around 4, 16, 32 and 64, long axes, small and large vocabularies.
 */
const SHAPES: readonly Shape[] = [
  [1, 1, 1, 1],
  [1, 3, 5, 2],
  [2, 4, 4, 7],
  [3, 5, 3, 300],
  [2, 15, 17, 16],
  [1, 16, 16, 15],
  [2, 17, 15, 17],
  [3, 31, 33, 5],
  [1, 32, 32, 64],
  [2, 33, 31, 65],
  [1, 63, 65, 3],
  [1, 64, 64, 32],
  [2, 65, 63, 31],
  [1, 2000, 3, 4],
  [4, 9, 1, 3000],
];

/** Token ids that repeat, and that do not use the complete vocabulary. */
function makeIds([B, T, , vocabulary]: Shape): number[] {
  const random = new HostRandom(4);
  return Array.from({ length: B * T }, () => random.integer(Math.max(1, vocabulary - 1)));
}

/** The tokens of a case on the device of a tensor. */
function makeTokens(
  { engine }: Tensor,
  [B, T, , vocabulary]: Shape,
  ids: readonly number[],
): Tokens {
  return new Tokens(engine, [B, T], vocabulary, ids);
}

type FullInputs = 'table' | 'add' | 'positions';

/** All inputs together, with two more rows of positions than the sequence needs. */
function fullCase(shape: Shape): OpCase<FullInputs> {
  const [B, T, width, vocabulary] = shape;
  const ids = makeIds(shape);
  return {
    name: 'embedding, add, positions',
    kind: 'product',
    inputs: { table: [vocabulary, width], add: [B, T, width], positions: [T + 2, width] },
    run: ({ table, ...options }) => embedding(table, makeTokens(table, shape, ids), options),
    forward: (refs) => reference.embedding(refs, ids, [B, T, width]),
    backward: (refs, dout) => reference.embeddingBackward(refs, ids, dout),
  };
}

function tableCase(shape: Shape): OpCase<'table'> {
  const [B, T, width, vocabulary] = shape;
  const ids = makeIds(shape);
  return {
    name: 'embedding',
    kind: 'product',
    inputs: { table: [vocabulary, width] },
    run: ({ table }) => embedding(table, makeTokens(table, shape, ids)),
    forward: (refs) => reference.embedding(refs, ids, [B, T, width]),
    backward: (refs, dout) => reference.embeddingBackward(refs, ids, dout),
  };
}

function positionsCase([B, T, width]: Shape): OpCase<'x' | 'positions'> {
  return {
    name: 'addPositions',
    kind: 'product',
    inputs: { x: [B, T, width], positions: [T, width] },
    run: ({ x, positions }) => addPositions(x, positions),
    forward: ({ x, positions }) => reference.embedding({ add: x, positions }, [], x.shape),
    backward: ({ x, positions }, dout) => {
      const gradients = reference.embeddingBackward({ add: x, positions }, [], dout);
      return { x: gradients.add!, positions: gradients.positions! };
    },
  };
}

function repeatCase([B, T, width]: Shape): OpCase<'rows'> {
  const shape = [B, T, width];
  return {
    name: 'repeatRows',
    kind: 'product',
    inputs: { rows: [T, width] },
    run: ({ rows }) => repeatRows(rows, B),
    forward: ({ rows }) => reference.embedding({ positions: rows }, [], shape),
    backward: ({ rows }, dout) => {
      const gradients = reference.embeddingBackward({ positions: rows }, [], dout);
      return { rows: gradients.positions! };
    },
  };
}

describe('the reference', () => {
  it('has the numeric gradients of its embeddings', () => {
    checkReference(fullCase([2, 4, 4, 7]));
    checkReference(tableCase([1, 3, 5, 2]));
    checkReference(positionsCase([2, 4, 4, 7]));
    checkReference(repeatCase([2, 4, 4, 7]));
  });
});

for (const [variant, options] of [
  ['sixteen elements per invocation', {}],
  ['four elements per invocation', { tuning: STAGED }],
] as const) {
  describe(`embeddings, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    for (const shape of SHAPES) {
      it(`equal the reference at ${shape.join(' x ')}, with their gradients`, async () => {
        await checkOp(engine(), fullCase(shape));
        await checkOp(engine(), tableCase(shape));
        await checkOp(engine(), positionsCase(shape));
        await checkOp(engine(), repeatCase(shape));
      });
    }

    it('add up the gradients of a table, positions and addend used twice', async () => {
      await checkOp(engine(), usedTwice(fullCase([2, 17, 15, 17])));
      await checkOp(engine(), usedTwice(positionsCase([2, 17, 15, 17])));
    });

    it('give frozen inputs no gradient', async () => {
      for (const constant of [['table'], ['add'], ['positions'], ['table', 'positions']] as const)
        await checkOp(engine(), { ...fullCase([2, 5, 6, 7]), constant });
      for (const constant of [['x'], ['positions']] as const)
        await checkOp(engine(), { ...positionsCase([2, 5, 6, 7]), constant });
    });

    it('add up the gradients of a table that is also addend and positions', async () => {
      const ids = [3, 0, 3, 1];
      await checkOp(engine(), {
        name: 'embedding, table used three times',
        kind: 'product',
        inputs: { table: [4, 5] },
        run: ({ table }) => {
          const tokens = new Tokens(table.engine, [4], 4, ids);
          return embedding(table, tokens, { add: table, positions: table });
        },
        forward: ({ table }) =>
          reference.embedding({ table, add: table, positions: table }, ids, [4, 5]),
        backward: ({ table }, dout) => {
          const inputs = { table, add: table, positions: table };
          const gradients = reference.embeddingBackward(inputs, ids, dout);
          return { table: sumRefs(gradients.table!, gradients.add!, gradients.positions!) };
        },
      });
    });
  });
}

function sumRefs(...refs: [Ref, ...Ref[]]): Ref {
  return map(refs[0], (_, n) => refs.reduce((sum, { data }) => sum + data[n]!, 0));
}

describe('tokens', () => {
  const engine = useEngine();

  it('come with their rows sorted by token, and by row within a token', async () => {
    const ids = makeIds([3, 31, 1, 12]);
    const tokens = new Tokens(engine(), [3, 31], 12, ids);
    const { order, starts } = reference.sortedRows(ids, 12);
    expect(tokens.shape).toEqual([3, 31]);
    expect([...(await tokens.ids.words())]).toEqual(ids);
    expect([...(await tokens.order.words())]).toEqual(order);
    expect([...(await tokens.starts.words())]).toEqual(starts);
  });

  it('can be replaced, which the next gradient takes into account', async () => {
    const tokens = new Tokens(engine(), [3], 4, [1, 1, 2]);
    tokens.write([0, 3, 3]);
    const table = Tensor.zeros(engine(), [4, 1], 'f32', { requiresGrad: true });
    differentiate(engine(), () =>
      withCotangent(embedding(table, tokens), ref([3, 1], [10, 20, 40])),
    );
    expect([...(await table.gradient!.floats())]).toEqual([10, 0, 0, 60]);
  });

  it('are rejected if their number is wrong or one is not in the vocabulary', () => {
    const tokens = new Tokens(engine(), [2], 5);
    const rejected = (...ids: number[]) => [
      () => tokens.write(ids),
      `Tokens: id 1 should be an integer from 0 to 4, but is ${ids[1]}.`,
    ];
    expectShapeErrors([
      [() => tokens.write([1]), 'Tokens: ids should be 2 tokens, but is 1.'],
      [() => tokens.write([1, 2, 3]), 'Tokens: ids should be 2 tokens, but is 3.'],
      ...[5, -1, 1.5, Number.NaN, 2 ** 32].map((id) => rejected(0, id) as [() => void, string]),
    ]);
  });
});

describe('sinusoidal encodings', () => {
  const engine = useEngine();
  printWorstErrors();

  async function check(engine: Engine, positions: Ref, width: number): Promise<void> {
    const name = `sinusoid, ${positions.shape[1]}-D`;
    const actual = await sinusoid(toTensor(engine, positions), width).floats();
    expectClose(name, 'elementwise', actual, reference.sinusoid(positions, width).data);
  }

  /** `axes` columns of numbers up to 1e4: integers, fractions and negative numbers. */
  function makePositions(rows: number, axes: number): Ref {
    const random = new HostRandom(axes);
    const generators = [
      (n: number) => n,
      () => 10_000 * random.uniform(),
      () => -random.integer(10_001),
      () => random.normal(),
    ];
    return map(ref([rows, axes]), (_, n) => Math.fround(generators[n % generators.length]!(n)));
  }

  for (const axes of [1, 2, 3]) {
    it(`with ${axes} axes are the float64 sines and cosines of f32 angles`, async () => {
      for (const [rows, width] of [
        [1, 1],
        [3, 2],
        [5, 7],
        [17, 16],
        [33, 31],
        [64, 64],
        [65, 129],
        [2000, 12],
      ] as const) {
        await check(engine(), makePositions(rows, axes), width);
      }
    });
  }

  it('are accurate at every integer position up to 10,000', async () => {
    await check(
      engine(),
      map(ref([10_001, 1]), (_, n) => n),
      6,
    );
  });

  it('are accurate at multiples of pi / 4, where the reduced angle changes sign', async () => {
    const quarters = map(ref([4000, 1]), (_, n) => Math.fround((n * Math.PI) / 4));
    await check(engine(), quarters, 2);
  });

  it('are those of Vaswani et al. 2017 for one axis', async () => {
    const encoding = await sinusoid(toTensor(engine(), ref([2, 1], [0, 3])), 4).floats();
    const expected = [0, 1, 0, 1, Math.sin(3), Math.cos(3), Math.sin(0.03), Math.cos(0.03)];
    expectClose('sinusoid, by hand', 'elementwise', encoding, expected);
  });

  it('give the positions no gradient', async () => {
    const positions = toTensor(engine(), ref([2, 1], [1, 2]), true);
    const x = toTensor(engine(), ref([2, 4]), true);
    const cotangent = map(ref([2, 4]), (_, n) => n);
    differentiate(engine(), () => withCotangent(add(x, sinusoid(positions, 4)), cotangent));
    expect(positions.gradient).toBeUndefined();
    expect([...(await x.gradient!.floats())]).toEqual([...cotangent.data]);
  });
});

describe('embeddings with invalid arguments', () => {
  const engine = useEngine();
  const floats = (...shape: number[]) => Tensor.zeros(engine(), shape);
  const words = (...shape: number[]) => Tensor.zeros(engine(), shape, 'u32');

  it('name the argument, the expected and the actual value in the error', () => {
    const table = floats(5, 3);
    const tokens = new Tokens(engine(), [2, 4], 5);
    const embed = (options: object) => () => embedding(table, tokens, options);
    const f32 = 'should be of type f32, but is u32.';
    expectShapeErrors([
      [
        () => embedding(floats(4, 3), tokens),
        'embedding: table should be [5, width], but is [4, 3].',
      ],
      [() => embedding(floats(15), tokens), 'embedding: table should be [5, width], but is [15].'],
      [() => embedding(words(5, 3), tokens), `embedding: table ${f32}`],
      [embed({ add: floats(4, 3) }), 'embedding: add should be [2, 4, 3], but is [4, 3].'],
      [embed({ add: words(2, 4, 3) }), `embedding: add ${f32}`],
      [embed({ positions: floats(4, 2) }), 'embedding: positions should be [P, 3], but is [4, 2].'],
      [
        embed({ positions: floats(3, 3) }),
        'embedding: positions should be at least 4 rows, but is 3.',
      ],
      [embed({ positions: words(4, 3) }), `embedding: positions ${f32}`],
      [
        () => addPositions(floats(2, 4, 3), floats(4, 2)),
        'addPositions: positions should be [P, 3], but is [4, 2].',
      ],
      [
        () => addPositions(floats(2, 4, 3), floats(3, 3)),
        'addPositions: positions should be at least 4 rows, but is 3.',
      ],
      [() => addPositions(words(2, 4, 3), floats(4, 3)), `addPositions: x ${f32}`],
      [() => sinusoid(floats(3), 4), 'sinusoid: positions should be [rows, axes], but is [3].'],
      [() => sinusoid(floats(3, 4), 4), 'sinusoid: positions should be of 1 to 3 axes, but is 4.'],
      [() => sinusoid(words(3, 1), 4), `sinusoid: positions ${f32}`],
      [() => sinusoid(floats(3, 1), 0), 'sinusoid: width should be a positive integer, but is 0.'],
      [
        () => sinusoid(floats(3, 1), 2.5),
        'sinusoid: width should be a positive integer, but is 2.5.',
      ],
    ]);
  });
});
