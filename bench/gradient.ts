/** Running an op forward and backward when nothing comes after it. */

import {
  differentiate,
  type Engine,
  markLoss,
  newOutput,
  pushNode,
  Tensor,
} from '../src/engine.js';

/** Runs `run` and makes its gradients as if d loss / d output were `dy`, which stays as it is. */
export function withGradient(engine: Engine, dy: Tensor, run: () => Tensor): void {
  differentiate(engine, () => {
    const y = run();
    const loss = markLoss(newOutput(engine, [1], [y]));
    // Without an allocation of its own, giving the gradient away gives nothing back.
    const lent = new Tensor(engine, dy.shape, dy.dtype, dy);
    pushNode(engine, {
      op: 'lent gradient',
      outputs: [loss],
      backward: (gradients) => gradients.accumulate(y, lent),
    });
    return loss;
  });
}
