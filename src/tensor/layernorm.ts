/** Layer normalization over the last axis. */

import { canVectorize, rowWorkgroups } from './primitives.js';
import { newOutput, pushNode } from './tape.js';
import { expectShape, expectType, Tensor } from './tensor.js';

/** Options of `layerNorm`. */
export interface LayerNormOptions {
  /** Added to the variance. Default: 1e-5. */
  eps?: number;
}

/**
 * (x - mean) / sqrt(var + eps) * gamma + beta, with mean and biased variance over the last axis (Ba
 * et al. 2016).
 *
 * @param x [..., width]
 * @param gamma [width]
 * @param beta [width]
 * @returns [..., width]
 */
export function layerNorm(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  { eps = 1e-5 }: LayerNormOptions = {},
): Tensor {
  const { engine } = x;
  const width = x.axis(-1);
  const rows = x.length / width;
  expectType('layerNorm', 'x', x, 'f32');
  expectShape('layerNorm', 'gamma', gamma, [width]);
  expectShape('layerNorm', 'beta', beta, [width]);
  const { rowGroup: WG, rowLanes: LANES, columnSlices: SLICES } = engine.tuning;
  const y = newOutput(engine, x.shape, [x, gamma, beta]);
  const stats = Tensor.empty(engine, [rows, 2]);
  const params = { rows, C: width, eps, accumulate: 0 };
  const isWide = canVectorize(engine, width);
  const groups = isWide ? Math.ceil(rows / WG) : rowWorkgroups(engine, rows);
  if (isWide) {
    const buffers = { xVec: x, gammaVec: gamma, betaVec: beta, yVec: y, newStats: stats };
    engine.dispatch('layernorm.forward_wide', buffers, params, groups, { constants: { WG } });
  } else {
    const buffers = { x, gamma, beta, y, newStats: stats };
    const constants = { WG, LANES };
    engine.dispatch('layernorm.forward', buffers, params, groups, { constants });
  }
  pushNode(engine, {
    op: 'layerNorm',
    outputs: [y],
    saved: [stats],
    backward(gradients) {
      const dy = gradients.get(y);
      if (dy && (gradients.wants(gamma) || gradients.wants(beta))) {
        // The kernel adds to both gradients. That of a frozen parameter goes into a buffer nobody
        // reads, and the second has one of its own where both are of one tensor.
        const isShared = gamma.root === beta.root;
        const own = isShared ? Tensor.zeros(engine, [width]) : Tensor.empty(engine, [width]);
        const target = (p: Tensor) => (gradients.wants(p) ? gradients.accumulator(p) : own);
        const [dgamma, dbeta] = [target(gamma), isShared ? own : target(beta)];
        if (isWide) {
          const buffers = { xVec: x, dyVec: dy, stats, dgammaVec: dgamma, dbetaVec: dbeta };
          // One vec4 of columns per workgroup: there are few columns and many rows. The module has
          // another entry, which would divide by WG / SLICES = 0.
          const constants = { WG: 1, SLICES: 1 };
          engine.dispatch('layernorm.backward_scale_wide', buffers, params, width / 4, {
            constants,
          });
        } else {
          const buffers = { x, dy, stats, dgamma, dbeta };
          const scaleGroups = Math.ceil(width / (WG / SLICES));
          const constants = { WG, SLICES };
          engine.dispatch('layernorm.backward_scale', buffers, params, scaleGroups, { constants });
        }
        if (isShared) gradients.accumulate(beta, own);
        else own.release();
      }
      if (!dy || !gradients.wants(x)) return;
      const { tensor: dx, accumulate } = gradients.target(x);
      const backwardParams = { ...params, accumulate: Number(accumulate) };
      if (isWide) {
        const buffers = { xVec: x, gammaVec: gamma, dyVec: dy, stats, dxVec: dx };
        engine.dispatch('layernorm.backward_wide', buffers, backwardParams, groups, {
          constants: { WG },
        });
      } else {
        const buffers = { x, gamma, dy, stats, dx };
        const constants = { WG, LANES };
        engine.dispatch('layernorm.backward', buffers, backwardParams, groups, { constants });
      }
    },
  });
  return y;
}
