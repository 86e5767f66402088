/** Normalization of rows to unit length. */

import { rowGrid } from './primitives.js';
import { newOutput, pushNode } from './tape.js';
import { expectType, Tensor } from './tensor.js';

/**
 * x divided by its Euclidean norm over the last axis.
 *
 * @param x [..., width]
 * @param eps the smallest norm to divide by
 */
export function normalize(x: Tensor, eps = 1e-12): Tensor {
  const { engine } = x;
  expectType('normalize', 'x', x, 'f32');
  const width = x.axis(-1);
  const rows = x.length / width;
  const y = newOutput(engine, x.shape, [x]);
  const norms = Tensor.empty(engine, [rows]);
  const params = { rows, C: width, eps, accumulate: 0 };
  const [groups, options] = rowGrid(engine, rows);
  engine.dispatch('normalize.forward', { x, newY: y, norms }, params, groups, options);
  pushNode(engine, {
    op: 'normalize',
    outputs: [y],
    saved: [norms],
    backward(gradients) {
      const dy = gradients.get(y);
      if (!dy || !gradients.wants(x)) return;
      const { tensor, accumulate } = gradients.target(x);
      const backward = { ...params, accumulate: Number(accumulate) };
      engine.dispatch(
        'normalize.backward',
        { dy, y, dx: tensor, norms },
        backward,
        groups,
        options,
      );
    },
  });
  return y;
}
