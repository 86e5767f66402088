/** The dot product of every row with a weight row of its own. */

import { addFoldedRows, rowGrid } from './primitives.js';
import { newOutput, pushNode } from './tape.js';
import { expectShape, type Tensor } from './tensor.js';

const WORKGROUP_SIZE = 64;

/**
 * out[b, n] = bias[n] + x[b, n] . weight[n]: a linear read-out for each of N rows, with weights of
 * its own.
 *
 * @param x [B, N, width]
 * @param weight [N, width]
 * @param bias [N]
 * @returns [B, N]
 * @throws ShapeError where shapes disagree.
 */
export function rowDots(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const { engine } = x;
  const { B, N, width } = expectShape('rowDots', 'x', x, ['B', 'N', 'width']) as Record<
    'B' | 'N' | 'width',
    number
  >;
  expectShape('rowDots', 'weight', weight, [N, width]);
  if (bias) expectShape('rowDots', 'bias', bias, [N]);
  const out = newOutput(engine, [B, N], [x, weight, bias]);
  const params = { B, N, C: width, hasBias: Number(bias !== undefined), accumulate: 0 };
  const [groups, options] = rowGrid(engine, B * N);
  engine.dispatch(
    'row_dots.forward',
    { x, weight, bias: bias ?? engine.placeholders.read, out },
    params,
    groups,
    options,
  );
  pushNode(engine, {
    op: 'rowDots',
    outputs: [out],
    backward(gradients) {
      const dout = gradients.get(out);
      if (!dout) return;
      if (gradients.wants(x)) {
        const { tensor, accumulate } = gradients.target(x);
        const { items } = engine.tuning;
        engine.dispatch(
          'row_dots.backward_x',
          { dout, weight, dx: tensor },
          { ...params, accumulate: Number(accumulate) },
          Math.ceil(x.length / (WORKGROUP_SIZE * items)),
          { constants: { WG: WORKGROUP_SIZE, ITEMS: items } },
        );
      }
      if (gradients.wants(weight)) {
        engine.dispatch(
          'row_dots.backward_weight',
          { dout, x, dweight: gradients.accumulator(weight) },
          params,
          Math.ceil((N * width) / WORKGROUP_SIZE),
          { constants: { WG: WORKGROUP_SIZE } },
        );
      }
      if (gradients.wants(bias)) addFoldedRows(dout, gradients.accumulator(bias), 1, N);
    },
  });
  return out;
}
