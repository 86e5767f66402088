import { describe, expect, it } from 'vitest';
import { plus } from '../../src/reference/array.js';
import * as reference from '../../src/reference/layernorm.js';
import { layerNorm } from '../../src/tensor/layernorm.js';
import {
  checkOp,
  checkReference,
  type OpCase,
  printWorstErrors,
  toTensor,
  usedTwice,
} from '../helpers/check.js';
import { STAGED, useEngine } from '../helpers/engine.js';

/**
 * [rows, width]: one row, odd widths, sizes around the numbers of lanes and slices, long rows and
 * long columns.
 */
const SHAPES = [
  [1, 1],
  [1, 4],
  [3, 5],
  [2, 15],
  [5, 16],
  [7, 17],
  [4, 63],
  [9, 64],
  [65, 65],
  [2, 1027],
  [700, 3],
] as const;

function plainCase([rows, width]: readonly [number, number]): OpCase<'x' | 'gamma' | 'beta'> {
  return {
    name: 'layerNorm',
    kind: 'product',
    inputs: { x: [rows, width], gamma: [width], beta: [width] },
    run: ({ x, gamma, beta }) => layerNorm(x, gamma, beta),
    forward: ({ x, gamma, beta }) => reference.layerNorm(x, gamma, beta),
    backward: ({ x, gamma }, dy) => reference.layerNormBackward(x, gamma, dy),
  };
}

describe('the reference', () => {
  it('has the numeric gradients of its layer normalization', () => {
    checkReference(plainCase([3, 5]));
  });
});

for (const [variant, options] of [
  ['one lane per row', {}],
  ['many lanes per row', { tuning: STAGED }],
] as const) {
  describe(`layer normalization, ${variant}`, () => {
    const engine = useEngine(options);
    printWorstErrors();

    for (const shape of SHAPES) {
      it(`equals the reference at ${shape.join(' x ')}, with its gradients`, async () => {
        await checkOp(engine(), plainCase(shape));
      });
    }

    it('adds up the gradients of one tensor as gamma and as beta', async () => {
      for (const width of [5, 8]) {
        const both: OpCase<'x' | 'scale'> = {
          name: 'layerNorm, gamma as beta',
          kind: 'product',
          inputs: { x: [7, width], scale: [width] },
          run: ({ x, scale }) => layerNorm(x, scale, scale),
          forward: ({ x, scale }) => reference.layerNorm(x, scale, scale),
          backward: ({ x, scale }, dy) => {
            const { x: dx, gamma, beta } = reference.layerNormBackward(x, scale, dy);
            return { x: dx, scale: plus(gamma, beta) };
          },
        };
        await checkOp(engine(), both);
        await checkOp(engine(), usedTwice(both));
      }
    });

    it('gives beta for a row of equal numbers', async () => {
      const x = toTensor(engine(), {
        shape: [1, 6],
        data: new Float64Array(6).fill(3.5),
      });
      const gamma = toTensor(engine(), {
        shape: [6],
        data: new Float64Array(6).fill(2),
      });
      const beta = toTensor(engine(), {
        shape: [6],
        data: new Float64Array([1, 2, 3, 4, 5, 6]),
      });
      expect([...(await layerNorm(x, gamma, beta).floats())]).toEqual([1, 2, 3, 4, 5, 6]);
    });

    it('names the argument of the wrong shape', () => {
      const x = toTensor(engine(), {
        shape: [2, 3],
        data: new Float64Array(6),
      });
      const narrow = toTensor(engine(), {
        shape: [2],
        data: new Float64Array(2),
      });
      expect(() => layerNorm(x, narrow, narrow)).toThrow(
        'layerNorm: gamma should be [3], but is [2].',
      );
    });
  });
}
