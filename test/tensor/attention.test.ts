import { describe, expect, it } from 'vitest';
import { HostRandom } from '../../src/math/random.js';
import * as reference from '../../src/reference/attention.js';
import { attentionKeep } from '../../src/reference/random.js';
import { attention, attentionProbabilities } from '../../src/tensor/attention.js';
import { RandomState } from '../../src/tensor/random.js';
import { Tensor } from '../../src/tensor/tensor.js';
import {
  checkOp,
  checkReference,
  expectClose,
  type OpCase,
  printWorstErrors,
  randomRef,
  toTensor,
} from '../helpers/check.js';
import { STAGED, useEngine } from '../helpers/engine.js';

interface Setup extends reference.AttentionSetup {
  B: number;
  T: number;
  S: number;
  D: number;
}

const NAMES = ['query', 'key', 'value'] as const;
type Names = (typeof NAMES)[number];

/**
 * Head sizes from 6 to 128. Numbers of keys around 4 (the keys per step), the tiles and the
 * workgroups.
 */
const SHAPES: readonly Setup[] = [
  { B: 1, T: 1, S: 1, heads: 1, D: 8 },
  { B: 2, T: 3, S: 5, heads: 2, D: 6 },
  { B: 1, T: 7, S: 4, heads: 3, D: 9 },
  { B: 2, T: 16, S: 31, heads: 2, D: 8 },
  { B: 1, T: 31, S: 32, heads: 2, D: 16 },
  { B: 1, T: 33, S: 33, heads: 4, D: 16 },
  { B: 2, T: 65, S: 63, heads: 1, D: 32 },
  { B: 1, T: 5, S: 130, heads: 2, D: 64 },
  { B: 1, T: 4, S: 19, heads: 1, D: 128 },
  { B: 1, T: 2, S: 700, heads: 1, D: 8 },
];

function makeMask({ B, S }: Setup): Uint32Array {
  const random = new HostRandom(11);
  const mask = Uint32Array.from({ length: B * S }, () => Number(random.uniform() < 0.7));
  // The first batch row sees at least one key, the last one none.
  mask[0] = 1;
  if (B > 1) mask.fill(0, (B - 1) * S);
  return mask;
}

function attentionCase(name: string, setup: Setup): OpCase<Names> {
  const { B, T, S, heads, D, causal = false, mask, topK } = setup;
  return {
    name,
    kind: 'product',
    inputs: {
      query: [B, T, heads * D],
      key: [B, S, heads * D],
      value: [B, S, heads * D],
    },
    run: ({ query, key, value }) =>
      attention(query, key, value, {
        heads,
        causal,
        topK,
        mask: mask && Tensor.from(query.engine, mask as Uint32Array, [B, S]),
      }),
    forward: (refs) => reference.attention(refs, setup),
    backward: (refs, dout) => ({
      ...reference.attentionBackward(refs, setup, dout),
    }),
  };
}

/** Attention with dropout, whose masks the reference computes independently. */
function dropoutCase(setup: Setup, rate: number): OpCase<Names> {
  const keep = (row: number, key: number) => attentionKeep(9, 4, 3, row, key, rate);
  return {
    ...attentionCase('attention, dropout', { ...setup, keep }),
    run({ query, key, value }) {
      const random = new RandomState(query.engine, 9);
      random.step = 4;
      const { heads, causal = false } = setup;
      return attention(query, key, value, { heads, causal, dropout: { rate, site: 3, random } });
    },
  };
}

const attentionVariants = (shape: Setup): [string, Setup][] => [
  ['attention, cross', shape],
  ['attention, causal', { ...shape, causal: true }],
  ['attention, masked', { ...shape, mask: makeMask(shape) }],
  ['attention, sparse', { ...shape, topK: 3 }],
  ['attention, causal, masked, sparse', { ...shape, causal: true, mask: makeMask(shape), topK: 5 }],
];

describe('the reference', () => {
  const small = { B: 2, T: 3, S: 4, heads: 2, D: 3 };
  for (const [name, setup] of attentionVariants(small)) {
    it(`has the numeric gradients of its ${name}`, () =>
      checkReference(attentionCase(name, setup)));
  }
});

for (const [variant, options] of [
  ['the tuning of the device', {}],
  ['keys staged and split', { tuning: STAGED }],
  ['two staged rows per invocation', { tuning: { ...STAGED, attentionRows: 2 } }],
] as const) {
  describe(`attention, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    for (const shape of SHAPES) {
      const { B, T, S, heads, D } = shape;
      it(`equals the reference at B ${B}, T ${T}, S ${S}, ${heads} heads of ${D}, with its gradients`, async () => {
        for (const [name, setup] of attentionVariants(shape))
          await checkOp(engine(), attentionCase(name, setup));
      });
    }

    it('drops the probabilities that seed, step and site select, forward and backward', async () => {
      await checkOp(engine(), dropoutCase({ B: 2, T: 9, S: 22, heads: 2, D: 8 }, 0.3));
      await checkOp(
        engine(),
        dropoutCase({ B: 1, T: 33, S: 33, heads: 1, D: 8, causal: true }, 0.6),
      );
    });

    it('lets a NaN through, however keys are hidden', async () => {
      const [B, T, S, C] = [1, 5, 5, 8];
      const query = Tensor.from(engine(), new Float32Array(B * T * C).fill(NaN), [B, T, C]);
      const key = Tensor.from(engine(), new Float32Array(B * S * C).fill(0.5), [B, S, C]);
      const mask = Tensor.from(engine(), Uint32Array.of(0, 1, 1, 1, 1), [B, S]);
      for (const options of [{}, { causal: true }, { mask }, { topK: 2 }]) {
        const y = await attention(query, key, key, { heads: 2, ...options }).floats();
        const isHidden = 'mask' in options || 'causal' in options;
        expect(y.at(-1), JSON.stringify(Object.keys(options))).toBeNaN();
        if (!isHidden) expect(y.every(Number.isNaN)).toBe(true);
      }
    });

    it('returns the probabilities that it uses', async () => {
      const shape = { B: 2, T: 6, S: 21, heads: 2, D: 8 };
      const random = new HostRandom(5);
      for (const [name, setup] of attentionVariants(shape)) {
        const query = randomRef(random, [2, 6, 16]);
        const key = randomRef(random, [2, 21, 16]);
        const expected = reference.probabilities({ query, key, value: key }, setup);
        const { causal = false, topK, mask } = setup;
        const p = attentionProbabilities(toTensor(engine(), query), toTensor(engine(), key), {
          heads: 2,
          causal,
          topK,
          mask: mask && Tensor.from(engine(), mask as Uint32Array, [2, 21]),
        });
        expectClose(`${name}, probabilities`, 'product', await p.floats(), expected.data);
      }
    });
  });
}

describe('attention', () => {
  const engine = useEngine();

  it('gives a hidden key no gradient, however much its score exceeds the others', async () => {
    const shape = { B: 1, T: 4, S: 4, heads: 1, D: 8, mask: Uint32Array.of(0, 1, 1, 1) };
    const key = Float64Array.from({ length: 32 }, (_, n) => (n < 8 ? 60 : Math.sin(n)));
    const query = Float64Array.from({ length: 32 }, (_, n) => 3 + Math.cos(n));
    await checkOp(engine(), {
      ...attentionCase('attention, hidden', shape),
      values: { key, query },
    });
  });

  it('rejects shapes that do not fit, naming them', () => {
    const make = (...shape: number[]) => Tensor.zeros(engine(), shape);
    expect(() => attention(make(1, 2, 8), make(1, 3, 9), make(1, 3, 8), { heads: 2 })).toThrow(
      'attention: key should be [B = 1, S, width = 8], but is [1, 3, 9].',
    );
    expect(() => attention(make(1, 2, 8), make(1, 3, 8), make(1, 3, 8), { heads: 3 })).toThrow(
      'attention: heads should be a divisor of the width 8, but is 3.',
    );
    expect(() =>
      attention(make(1, 2, 256), make(1, 3, 256), make(1, 3, 256), {
        heads: 1,
      }),
    ).toThrow('attention: head size should be at most 128, but is 256.');
    const options = { heads: 2, mask: make(1, 3) };
    expect(() => attention(make(1, 2, 8), make(1, 3, 8), make(1, 3, 8), options)).toThrow(
      'attention: mask should be of type u32, but is f32.',
    );
  });
});
