/** Probabilities from logits. */

import { rowGrid } from './primitives.js';
import { newOutput, pushNode } from './tape.js';
import { expectType, type Tensor } from './tensor.js';

/**
 * The softmax over the last axis. Where only its cross-entropy is needed, `crossEntropy` computes
 * both in one pass.
 *
 * @param logits [..., classes]
 * @returns probabilities of the same shape
 */
export function softmax(logits: Tensor): Tensor {
  const { engine } = logits;
  expectType('softmax', 'logits', logits, 'f32');
  const classes = logits.axis(-1);
  const rows = logits.length / classes;
  const y = newOutput(engine, logits.shape, [logits]);
  const params = { rows, C: classes, accumulate: 0 };
  const [groups, options] = rowGrid(engine, rows);
  engine.dispatch('softmax.forward', { z: logits, newY: y }, params, groups, options);
  pushNode(engine, {
    op: 'softmax',
    outputs: [y],
    backward(gradients) {
      const dy = gradients.get(y);
      if (!dy || !gradients.wants(logits)) return;
      const { tensor, accumulate } = gradients.target(logits);
      const backward = { ...params, accumulate: Number(accumulate) };
      engine.dispatch('softmax.backward', { dy, y, dz: tensor }, backward, groups, options);
    },
  });
  return y;
}
