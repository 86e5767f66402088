/** Running a single operation forward and backward. */

import {
  differentiate,
  type Engine,
  markLoss,
  newOutput,
  pushNode,
  Tensor,
} from '../src/engine.js';

/**
 * Runs an operation and its backward pass with `dy` as the gradient of its output; `dy` does not
 * change.
 */
export function withGradient(engine: Engine, dy: Tensor, run: () => Tensor): void {
  differentiate(engine, () => {
    const y = run();
    const loss = markLoss(newOutput(engine, [1], [y]));
    // This view owns no memory, so that the backward pass cannot release `dy`.
    const borrowed = new Tensor(engine, dy.shape, dy.dtype, dy);
    pushNode(engine, {
      op: 'borrowed gradient',
      outputs: [loss],
      backward: (gradients) => gradients.accumulate(y, borrowed),
    });
    return loss;
  });
}
