/** A softmax mixed with weights that do not depend on the logits. */

import { newOutput, pushNode } from './tape.js';
import { expectShape, expectType, Tensor } from './tensor.js';

const WORKGROUP_SIZE = 64;

/**
 * log(exp(logits) + weights): logits whose softmax is (exp(logits) + weights), normalized. Where a
 * weight is 0 or below, the logit passes unchanged.
 *
 * @param logits [...], of which those beyond +-80 count as +-80 where there is a weight
 * @param weights of the same shape
 */
export function mixWeights(logits: Tensor, weights: Tensor): Tensor {
  const { engine } = logits;
  expectType('mixWeights', 'logits', logits, 'f32');
  expectShape('mixWeights', 'weights', weights, logits.shape);
  const out = newOutput(engine, logits.shape, [logits, weights]);
  const { items } = engine.tuning;
  const groups = Math.ceil(out.length / (WORKGROUP_SIZE * items));
  const options = { constants: { WG: WORKGROUP_SIZE, ITEMS: items } };
  const params = { n: out.length, accumulateLogits: 0, accumulateWeights: 0 };
  engine.dispatch('mixture.forward', { z: logits, w: weights, out }, params, groups, options);
  pushNode(engine, {
    op: 'mixWeights',
    outputs: [out],
    backward(gradients) {
      const dout = gradients.get(out);
      const isWanted = gradients.wants(logits) || gradients.wants(weights);
      if (!dout || !isWanted) return;
      // One kernel computes both gradients. One that is not wanted goes into memory of its own, and
      // so does the second where both are of one tensor.
      const isShared = logits.root === weights.root;
      const own = () => ({ tensor: Tensor.empty(engine, out.shape), accumulate: false });
      const dz = gradients.wants(logits) ? gradients.target(logits) : own();
      const dw = gradients.wants(weights) && !isShared ? gradients.target(weights) : own();
      engine.dispatch(
        'mixture.backward',
        { z: logits, w: weights, dout, dz: dz.tensor, dw: dw.tensor },
        {
          ...params,
          accumulateLogits: Number(dz.accumulate),
          accumulateWeights: Number(dw.accumulate),
        },
        groups,
        options,
      );
      if (!gradients.wants(logits)) dz.tensor.release();
      if (!gradients.wants(weights)) dw.tensor.release();
      else if (isShared) gradients.accumulate(weights, dw.tensor);
    },
  });
  return out;
}
