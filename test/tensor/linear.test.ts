import { describe, expect, it } from 'vitest';
import { gelu, geluGradient } from '../../src/reference/activations.js';
import { map, plus, type Ref, ref } from '../../src/reference/array.js';
import * as reference from '../../src/reference/linear.js';
import { gemm } from '../../src/tensor/gemm.js';
import { linear, matmulTransposed, mlp } from '../../src/tensor/linear.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { checkOp, checkReference, type OpCase, printWorstErrors } from '../helpers/check.js';
import { STAGED, useEngine } from '../helpers/engine.js';

/**
 * [rows, in, out]: sizes of one, odd sizes, sizes around the tiles (8 x 4, 32 x 16, 32 x 32, 64 x
 * 64), long axes.
 */
const SHAPES = [
  [1, 1, 1],
  [3, 5, 7],
  [7, 8, 3],
  [8, 4, 4],
  [9, 12, 20],
  [31, 16, 15],
  [32, 32, 16],
  [33, 36, 17],
  [64, 64, 64],
  [65, 31, 63],
  [63, 68, 65],
  [130, 8, 132],
  [2, 1000, 6],
  [1000, 4, 4],
  [1001, 3, 5],
] as const;

type LinearInputs = 'x' | 'weight' | 'bias' | 'residual';

function linearCase([rows, inner, outer]: readonly [number, number, number]): OpCase<LinearInputs> {
  return {
    name: 'linear, bias, residual',
    kind: 'product',
    inputs: { x: [rows, inner], weight: [outer, inner], bias: [outer], residual: [rows, outer] },
    run: ({ x, weight, bias, residual }) => linear(x, weight, { bias, residual }),
    forward: ({ x, weight, bias, residual }) => plus(reference.linear(x, weight, bias), residual),
    backward: ({ x, weight }, dy) => ({ ...reference.linearBackward(x, weight, dy), residual: dy }),
  };
}

function geluCase([rows, inner, outer]: readonly [number, number, number]): OpCase<
  'x' | 'weight' | 'bias'
> {
  return {
    name: 'linear, bias, GELU',
    kind: 'product',
    inputs: { x: [rows, inner], weight: [outer, inner], bias: [outer] },
    run: ({ x, weight, bias }) => linear(x, weight, { bias, gelu: true }),
    forward: ({ x, weight, bias }) => map(reference.linear(x, weight, bias), gelu),
    backward: ({ x, weight, bias }, dy) => {
      const u = reference.linear(x, weight, bias);
      const du = map(dy, (value, n) => value * geluGradient(u.data[n]!));
      return reference.linearBackward(x, weight, du);
    },
  };
}

type MlpInputs = 'x' | 'weight1' | 'bias1' | 'weight2' | 'bias2' | 'residual';

function mlpCase([rows, inner, hidden]: readonly [number, number, number]): OpCase<MlpInputs> {
  return {
    name: 'mlp, residual',
    kind: 'product',
    inputs: {
      x: [rows, inner],
      weight1: [hidden, inner],
      bias1: [hidden],
      weight2: [inner, hidden],
      bias2: [inner],
      residual: [rows, inner],
    },
    run: ({ x, residual, ...weights }) => mlp(x, weights, { residual }),
    forward: ({ residual, ...refs }) => plus(reference.mlp(refs), residual),
    backward: ({ residual: _, ...refs }, dy) => ({
      ...reference.mlpBackward(refs, dy),
      residual: dy,
    }),
  };
}

/** The matrix at index `b` of a batch. */
function matrix(a: Ref, b: number): Ref {
  const [rows, width] = a.shape.slice(-2) as [number, number];
  return ref([rows, width], a.data.subarray(b * rows * width, (b + 1) * rows * width));
}

function stack(matrices: readonly Ref[]): Ref {
  return ref(
    [matrices.length, ...matrices[0]!.shape],
    matrices.flatMap((m) => [...m.data]),
  );
}

function batchedCase([M, K, N]: readonly [number, number, number]): OpCase<'a' | 'b'> {
  const batch = [0, 1, 2];
  const scaled = (a: Ref) => map(a, (value) => 0.7 * value);
  return {
    name: 'matmulTransposed, batched',
    kind: 'product',
    inputs: { a: [3, M, K], b: [3, N, K] },
    run: ({ a, b }) => matmulTransposed(a, b, 0.7),
    forward: ({ a, b }) =>
      scaled(stack(batch.map((n) => reference.matmulNT(matrix(a, n), matrix(b, n))))),
    backward: ({ a, b }, dy) => ({
      a: scaled(stack(batch.map((n) => reference.matmulNN(matrix(dy, n), matrix(b, n))))),
      b: scaled(stack(batch.map((n) => reference.matmulTN(matrix(dy, n), matrix(a, n))))),
    }),
  };
}

describe('the reference', () => {
  const small = [3, 5, 4] as const;
  it('has the numeric gradients of its linear maps', () => {
    checkReference(linearCase(small));
    checkReference(geluCase(small));
    checkReference(mlpCase(small));
    checkReference(batchedCase(small));
  });
});

for (const [variant, options] of [
  ['direct kernels', {}],
  ['staged kernels', { tuning: STAGED }],
] as const) {
  describe(`linear maps, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    it('are sums of nothing where the inner axis is empty', async () => {
      for (const [M, N] of [
        [4, 8],
        [3, 5],
      ] as const) {
        for (const layout of ['nt', 'nn', 'tn'] as const) {
          const empty = Tensor.empty(engine(), [0]);
          const product = { layout, M, N, K: 0, a: empty, b: empty };
          const out = Tensor.from(engine(), new Float32Array(M * N).fill(7), [M, N]);
          gemm(engine(), { ...product, out, accumulate: true });
          expect([...(await out.floats())], layout).toEqual(Array(M * N).fill(7));
          gemm(engine(), { ...product, out });
          expect([...(await out.floats())], layout).toEqual(Array(M * N).fill(0));
        }
        const bias = Float32Array.from({ length: N }, (_, n) => n);
        const out = linear(Tensor.zeros(engine(), [M, 0]), Tensor.zeros(engine(), [N, 0]), {
          bias: Tensor.from(engine(), bias, [N]),
        });
        expect([...(await out.floats())]).toEqual(
          Array.from({ length: M }, () => [...bias]).flat(),
        );
      }
    });

    for (const shape of SHAPES) {
      const label = shape.join(' x ');
      it(`equal the reference at ${label}, with their gradients`, async () => {
        await checkOp(engine(), linearCase(shape));
        await checkOp(engine(), geluCase(shape));
        await checkOp(engine(), mlpCase(shape));
        await checkOp(engine(), batchedCase(shape));
      });
    }
  });
}
