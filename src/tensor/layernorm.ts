/** Layer normalisation over the last axis. */

import { rowWorkgroups, takesVectors } from './primitives.js';
import { outputOf, remember } from './tape.js';
import { expectShape, expectType, Tensor } from './tensor.js';

export interface LayerNormOptions {
  /** Default 1e-5. */
  eps?: number;
  /** Added to x before normalising; shape of x. */
  residual?: Tensor | undefined;
}

/** y, and the sum it was made from where there is a residual. */
export interface Normalised {
  y: Tensor;
  /** x + residual; x itself without one. */
  sum: Tensor;
}

/**
 * (s - mean) / sqrt(var + eps) * gamma + beta over the last axis, s = x + residual; biased variance.
 *
 * @param x [..., width]
 * @param gamma [width]
 * @param beta [width]
 */
export function layerNorm(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  options: LayerNormOptions = {},
): Normalised {
  const { engine } = x;
  const { residual, eps = 1e-5 } = options;
  const width = x.axis(-1);
  const rows = x.length / width;
  expectType('layerNorm', 'x', x, 'f32');
  expectShape('layerNorm', 'gamma', gamma, [width]);
  expectShape('layerNorm', 'beta', beta, [width]);
  if (residual) expectShape('layerNorm', 'residual', residual, x.shape);
  const { rowGroup: WG, rowLanes: LANES, columnSlices: SLICES } = engine.tuning;
  const inputs = [x, gamma, beta, residual];
  const sum = residual ? outputOf(engine, x.shape, [x, residual]) : x;
  const y = outputOf(engine, x.shape, inputs);
  const stats = Tensor.empty(engine, [rows, 2]);
  const params = { rows, width, eps, hasResidual: Number(residual !== undefined), accumulate: 0 };
  const isWide = takesVectors(engine, width);
  const absent = engine.absent;
  const summed = residual ? sum : absent.write;
  const rowGroups = isWide ? Math.ceil(rows / WG) : rowWorkgroups(engine, rows);
  if (isWide) {
    const buffers = {
      xVec: x,
      residualVec: residual ?? absent.read,
      gammaVec: gamma,
      betaVec: beta,
      summedVec: summed,
      yVec: y,
      newStats: stats,
    };
    engine.dispatch('layernorm.forward_wide', buffers, params, rowGroups, { constants: { WG } });
  } else {
    const given = { x, residual: residual ?? absent.read, gamma, beta };
    const buffers = { ...given, summed, y, newStats: stats };
    const constants = { WG, LANES };
    engine.dispatch('layernorm.forward', buffers, params, rowGroups, { constants });
  }
  remember(engine, {
    op: 'layerNorm',
    outputs: residual ? [y, sum] : [y],
    saved: [stats],
    backward(gradients) {
      const dy = gradients.of(y);
      if (dy && (gradients.wants(gamma) || gradients.wants(beta))) {
        // The kernel makes both: what a frozen one would get goes nowhere.
        const unwanted = Tensor.empty(engine, [width]);
        const target = (p: Tensor) => (gradients.wants(p) ? gradients.accumulator(p) : unwanted);
        const [dgamma, dbeta] = [target(gamma), target(beta)];
        if (isWide) {
          const buffers = { xVec: sum, dyVec: dy, stats, dgammaVec: dgamma, dbetaVec: dbeta };
          // One vec4 of columns a workgroup: there are few of them, and rows are many.
          const constants = { WG: 1 };
          engine.dispatch('layernorm.scale_wide', buffers, params, width / 4, { constants });
        } else {
          const buffers = { x: sum, dy, stats, dgamma, dbeta };
          const groups = Math.ceil(width / (WG / SLICES));
          const constants = { WG, SLICES };
          engine.dispatch('layernorm.scale', buffers, params, groups, { constants });
        }
        unwanted.release();
      }
      if (dy && gradients.wants(sum)) {
        const { tensor, accumulate } = gradients.into(sum);
        const all = { ...params, accumulate: Number(accumulate) };
        if (isWide) {
          const buffers = { xVec: sum, gammaVec: gamma, dyVec: dy, stats, dxVec: tensor };
          engine.dispatch('layernorm.backward_wide', buffers, all, rowGroups, {
            constants: { WG },
          });
        } else {
          const buffers = { x: sum, gamma, dy, stats, dx: tensor };
          engine.dispatch('layernorm.backward', buffers, all, rowGroups, {
            constants: { WG, LANES },
          });
        }
      }
      if (!residual) return;
      gradients.share(sum, x);
      gradients.pass(sum, residual);
    },
  });
  return { y, sum };
}
